"""Records: one JSON object a line, read as a stream; a line that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from longattncomp_cli.core.files import json_lines
from longattncomp_cli.core.files.encodings import decode_line
from longattncomp_cli.core.files.paths import typed_name
from longattncomp_cli.core.inputs.conversations.model import Conversation, JsonStyle
from longattncomp_cli.core.inputs.conversations.reading import read_conversation
from longattncomp_cli.core.inputs.conversations.shapes import (
    held_message,
    id_in_batch,
    looks_like_conversation,
)
from longattncomp_cli.core.inputs.gather import InputFile
from longattncomp_cli.core.inputs.lines import OVERLONG_LINE, open_lines, shown_name, too_long
from longattncomp_cli.core.inputs.record_fields import (
    check_budget,
    context_sources,
    field_error,
    parse_spans,
    prompt_source,
    text_field,
)
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.text.spans import SourceSpan
from longattncomp_cli.errors import InputError, LongAttnCompError, UsageError

_UTF8_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, kw_only=True)
class FieldNames:
    """How the record's fields are called (``--context-field`` and so on)."""

    context: str = "context"
    query: str = "query"
    id: str = "id"

    def __post_init__(self) -> None:
        """Refuse one field for two things."""
        names = {"--context-field": self.context, "--query-field": self.query, "--id-field": self.id}
        taken: dict[str, str] = {}
        for option, name in names.items():
            if name in taken:
                raise UsageError(f"{taken[name]} and {option} are both {name!r}", hint="name two fields")
            taken[name] = option


@dataclass(frozen=True)
class Record:
    """One line of the input, its types checked; what it lacks is filled in by the caller.

    Attributes:
        id: the record's own, or its line number.
        sources: the context, or the prompt as the only source.
        is_prompt: whether the only source is a whole prompt that a query parser must split.
        query, instruction, budget: as given; ``""``/``None`` where absent.
        keep: ``(source, start, end)`` of what must be kept.
        extra: all fields but context and prompt; they pass through to the output.
        conversation: of a record with ``messages`` in place of a context, or of a line that is a list of
            messages; its texts are the sources.
        num_repaired: lone surrogates (halves of characters) that became U+FFFD.
        line: as it came, for what passes through with the bytes that it had; ``""`` where it was repaired.
    """

    id: str | int
    sources: tuple[Source, ...]
    is_prompt: bool
    query: str
    instruction: str
    budget: str | int | None
    extra: dict[str, Any]
    keep: tuple[SourceSpan, ...] = ()
    conversation: Conversation | None = None
    num_repaired: int = 0
    line: str = ""


@dataclass(frozen=True)
class FailedRecord:
    """A line that could not be parsed, and the error."""

    id: str | int | None
    error: LongAttnCompError


def read_records(
    files: list[InputFile], fields: FieldNames, stdin: Callable[[], BinaryIO]
) -> Iterator[Record | FailedRecord]:
    """Read the records of all files, in order. Empty lines are skipped.

    Raises:
        InputError: a file cannot be read at all.
    """
    for file in files:
        with open_lines(file, stdin) as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield parse_record(line, number, shown_name(file), fields)


def parse_record(line: bytes, number: int, name: str, fields: FieldNames) -> Record | FailedRecord:
    """Parse one line; ``number`` is its id where it has none."""
    record_id: str | int | None = number
    place = f"{name}:{number}"
    try:
        if line == OVERLONG_LINE:
            raise too_long(place)
        line = line.removeprefix(_UTF8_BOM).strip()
        raw, num_repaired = _parse_line(line, name, number)
        if isinstance(raw, list):
            return _as_it_came(_chat(raw, number, place, {}), line, num_repaired)
        given_id = raw.get(fields.id)
        if given_id is None:
            given_id = id_in_batch(raw) or number
        if not isinstance(given_id, (str, int)) or isinstance(given_id, bool):
            raise field_error(place, fields.id, "a string or an integer", given_id)
        record_id = given_id
        return _as_it_came(_checked(raw, record_id, place, fields), line, num_repaired)
    except LongAttnCompError as error:
        return FailedRecord(record_id, error)


def _as_it_came(record: Record, line: bytes, num_repaired: int) -> Record:
    """The record with its line, so that what does not change is written as it was; not of a repaired one."""
    if num_repaired:
        return replace(record, num_repaired=num_repaired)
    text, conversation = line.decode(), record.conversation
    if conversation is not None:
        conversation = replace(conversation, style=JsonStyle(text))
    return replace(record, line=text, conversation=conversation)


def _parse_line(line: bytes, name: str, number: int) -> tuple[dict[str, Any] | list[Any], int]:
    """One JSON object, or a list of chat messages; and how many lone surrogates U+FFFD stands for in it."""
    place, file = f"{name}:{number}", typed_name(name)
    try:
        raw, num_repaired = json_lines.loads_repaired(line)
    except ValueError as error:
        decode_line(line, name, number)
        hint = "one JSON object a line"
        if line.strip() in (b"{", b"["):
            hint += f": jq -c '.{'[]' * (line.strip() == b'[')}' {file} > lines.jsonl, then name that"
        raise InputError(f"{place}: malformed JSON ({error})", hint=hint, code="malformed-json") from error
    json_lines.refuse_what_is_lost(line, place)
    if isinstance(raw, dict) or (isinstance(raw, list) and looks_like_conversation(raw)):
        return raw, num_repaired
    hint = f"one JSON object a line: jq -c '.[]' {file} > lines.jsonl, then name that"
    raise InputError(
        f"{place}: a JSON {json_lines.kind_of(raw)}, not an object",
        hint=hint if isinstance(raw, list) else "rows of data are read as a text: add --format text",
        code="malformed-json",
    )


def _chat(
    value: dict[str, Any] | list[Any],
    record_id: str | int,
    place: str,
    extra: dict[str, Any],
    query: str = "",
    instruction: str = "",
) -> Record:
    """A conversation; spans of ``keep`` are of messages, by their indices."""
    conversation = read_conversation(value, place)
    sources = tuple(Source(said.text, said.name) for said in conversation.texts)
    keep = () if extra.get("keep") is None else parse_spans(extra["keep"], conversation.num_messages, place)
    return Record(
        record_id, sources, False, query, instruction, extra.get("budget"), extra, keep, conversation
    )


def _checked(raw: dict[str, Any], record_id: str | int, place: str, fields: FieldNames) -> Record:
    """A record of a JSON object, from which context and prompt are taken."""
    context, prompt = raw.pop(fields.context, None), raw.pop("prompt", None)
    query, instruction = (text_field(raw, key, place) for key in (fields.query, "instruction"))
    budget = raw.get("budget")
    if budget is not None:
        check_budget(budget, place)
    if context is None and prompt is None and ("messages" in raw or looks_like_conversation(raw)):
        return _chat(raw, record_id, place, raw, query, instruction)
    if (context is None) == (prompt is None):
        both, joined = ("both", "and") if prompt is not None else ("neither", "nor")
        hint = (
            "give one of them, or name the field with --context-field; rows of data are read as a text: "
            "add --format text"
        )
        if context is None and (key := held_message(raw)):
            of, file = f"'.{key} | select(.role or .call_id)'", typed_name(place.rpartition(":")[0])
            hint = f"take the messages out of it: jq -c {of} {file} > chat.jsonl, then name that"
        raise InputError(
            f"{place}: has {both} {fields.context!r} {joined} 'prompt'",
            hint=hint,
            code="missing-field" if prompt is None else "bad-field",
        )
    sources = (
        prompt_source(prompt, place) if context is None else context_sources(context, place, fields.context)
    )
    if not any(source.text.strip() for source in sources):
        raise InputError(f"{place}: the context is empty", code="empty-context")
    keep = () if raw.get("keep") is None else parse_spans(raw["keep"], len(sources), place)
    return Record(record_id, sources, context is None, query, instruction, budget, raw, keep)
