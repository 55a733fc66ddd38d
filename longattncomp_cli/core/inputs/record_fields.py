"""What the fields of a record hold, checked: its texts, its sources, the spans to keep."""

from __future__ import annotations

from typing import Any

from longattncomp_cli.core.budget.amounts import parse_budget
from longattncomp_cli.core.files import json_lines
from longattncomp_cli.core.inputs.messages import flatten_messages
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.text.spans import SourceSpan
from longattncomp_cli.errors import InputError, UsageError


def parse_spans(value: Any, num_sources: int, place: str) -> tuple[SourceSpan, ...]:
    """Read a record's ``keep``: a list of ``[start, end]`` or ``{"source"?, "start", "end"}``.

    Raises:
        InputError: it is something else.
    """
    hint = 'a list of [start, end] or {"source", "start", "end"}'
    spans: list[SourceSpan] = []
    for each in value if isinstance(value, list) else [None]:
        if isinstance(each, dict):
            parts = [each.get("source", 0), each.get("start"), each.get("end")]
        else:
            parts = [0, *each] if isinstance(each, list) else []
        if len(parts) != 3 or any(type(part) is not int for part in parts):
            raise InputError(f"{place}: field 'keep' must be {hint}", code="bad-field")
        source, start, end = parts
        if not (0 <= source < num_sources and 0 <= start <= end):
            raise InputError(
                f"{place}: field 'keep': no such span {json_lines.dumps(each).decode().strip()}",
                hint=f"give {hint}",
                code="bad-field",
            )
        spans.append(SourceSpan(source, start, end))
    return tuple(spans)


def check_budget(budget: Any, place: str) -> None:
    """A budget that the command line would take.

    Raises:
        InputError: it is something else.
    """
    try:
        parse_budget(budget)
    except UsageError as error:
        raise InputError(f"{place}: {error.message}", hint=error.hint, code=error.code) from error


def text_field(raw: dict[str, Any], key: str, place: str) -> str:
    """A field that may be left out; ``""`` then.

    Raises:
        InputError: it is no string.
    """
    value = raw.get(key)
    if value is not None and not isinstance(value, str):
        raise field_error(place, key, "a string", value)
    return value or ""


def prompt_source(prompt: Any, place: str) -> tuple[Source, ...]:
    """A whole prompt, a string or a list of messages, as the only source.

    Raises:
        InputError: it is something else.
    """
    if isinstance(prompt, list) and all(isinstance(message, dict) for message in prompt):
        prompt = flatten_messages(prompt)
    if not isinstance(prompt, str):
        raise field_error(place, "prompt", "a string", prompt)
    return (Source(prompt, "prompt"),)


def context_sources(context: Any, place: str, field: str) -> tuple[Source, ...]:
    """A context: a string, or a list of strings and of ``{"text", "title"?}``.

    Raises:
        InputError: it is something else.
    """
    if isinstance(context, str):
        return (Source(context, "context"),)
    if not isinstance(context, list):
        raise field_error(place, field, "a string or a list", context)
    return tuple(_context_source(part, f"{field}[{i}]", place) for i, part in enumerate(context))


def _context_source(part: Any, field: str, place: str) -> Source:
    if isinstance(part, str):
        return Source(part, field)
    if not isinstance(part, dict) or not isinstance(part.get("text"), str):
        raise field_error(place, field, 'a string or {"text", "title"?}', part)
    title = part.get("title") or ""
    if not isinstance(title, str):
        raise field_error(place, f"{field}.title", "a string", title)
    return Source(part["text"], title or field, title)


def field_error(place: str, field: str, wanted: str, value: Any) -> InputError:
    """The error of a field that holds something of another type."""
    found = json_lines.kind_of(value)
    return InputError(f"{place}: field {field!r} must be {wanted}, found {found}", code="bad-field")
