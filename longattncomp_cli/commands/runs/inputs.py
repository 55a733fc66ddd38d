"""Open what the user named: the files of a run, and the request that text files make."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from longattncomp_cli.commands.runs.run import Run
from longattncomp_cli.commands.terminal.console import shortened, stdin_bytes
from longattncomp_cli.core.files.encodings import decode
from longattncomp_cli.core.files.paths import COMPRESSED_SUFFIXES, STDIN_NAME, read_bounded, shown_name
from longattncomp_cli.core.inputs.gather import STDIN, InputFile, expand_inputs, kind_of_inputs, read_source
from longattncomp_cli.errors import InputError, UsageError

if TYPE_CHECKING:
    from longattncomp_cli.core.compressor import Compressor
    from longattncomp_cli.core.inputs.conversations.model import Conversation
    from longattncomp_cli.core.inputs.records import FailedRecord, Record
    from longattncomp_cli.core.inputs.source import Source
    from longattncomp_cli.core.prompts.request import Request


def open_inputs(run: Run) -> tuple[str, list[InputFile]]:
    """Expand the inputs.

    Returns:
        ``text`` or ``jsonl``, and the files.

    Raises:
        UsageError: there is nothing to read.
    """
    names = list(run.inputs)
    if not names:
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError("nothing to read", hint="name a file or a directory, or pipe text in")
        names = [STDIN]
    if names.count(STDIN) > 1:
        raise UsageError(f"{STDIN_NAME} is named twice", hint="name - once")
    files = expand_inputs(names, run.on_note)
    kind = kind_of_inputs(files, run.input_format)
    if kind == "jsonl" and run.input_format == "auto" and _holds_messages(run, files[0]):
        if len(files) > 1:
            raise UsageError(
                f"{files[0].path} holds one chat message a line, and is not the only input",
                hint="run one conversation at a time, or write each as one line: a list of its messages",
            )
        kind = "text"
    return kind, files


def _holds_messages(run: Run, file: InputFile) -> bool:
    """Whether a file of lines is one conversation, a message a line."""
    from longattncomp_cli.core.inputs.conversations.files import is_message_line
    from longattncomp_cli.core.inputs.lines import open_lines

    if str(file.path) == STDIN:
        return False
    with open_lines(file, stdin_bytes) as lines:
        first = next((line for line in lines if line.strip()), b"")
    return is_message_line(first, (run.fields.context, run.fields.query, "prompt", "messages"))


def read_sources(run: Run, files: list[InputFile]) -> tuple[Source, ...]:
    """Read text files.

    Raises:
        InputError: none of them holds anything but white space.
    """
    sources = []
    for file in files:
        source = _read_lines(file) if file.is_records and file.named else None
        source = source or read_source(
            file,
            run.on_note,
            lambda: read_bounded(stdin_bytes(), STDIN_NAME),
            as_it_stands=run.input_format == "text",
        )
        if source is None:
            continue
        if source.text.strip():
            sources.append(source)
        elif len(files) > 1:
            run.on_note(f"skipped {source.name}: empty")
    if not sources:
        what = STDIN_NAME if str(files[0].path) == STDIN else str(files[0].path)
        raise InputError(
            f"{what}: empty" if len(files) == 1 else "no input holds any text",
            hint="pass a text with words in it",
            code="empty-context",
        )
    return tuple(sources)


def _read_lines(file: InputFile) -> Source | None:
    """A compressed file of lines as one text; ``None`` of one that is not compressed."""
    from longattncomp_cli.core.files.compressed import open_bytes
    from longattncomp_cli.core.inputs.source import Source

    if file.path.suffix.lower() not in COMPRESSED_SUFFIXES:
        return None
    name = shown_name(file.path)
    with open_bytes(file.path) as stream:
        return Source(decode(read_bounded(stream, name), name), name)


def text_request(
    sources: tuple[Source, ...], run: Run, compressor: Compressor, conversation: Conversation | None
) -> Request:
    """Make one request of text files: a chat, a context for the query, or a whole prompt to parse.

    Raises:
        UsageError: no query was given and none can be found.
    """
    from longattncomp_cli.core.prompts.request import Request

    name = sources[0].name if len(sources) == 1 else None
    if run.query and conversation is None:
        return Request(sources, run.query, id=name)
    if len(sources) > 1:
        raise UsageError("no query", hint="add -q 'your question'", code="no-query")
    try:
        if conversation is None:
            request = compressor.requests.from_prompt(sources[0], name)
        else:
            request = compressor.requests.from_conversation(conversation, run.query, name)
    except InputError as error:
        if error.code != "no-query":
            raise
        raise UsageError(error.message, hint=error.hint, code=error.code) from error
    if request.query_parser != "given":
        run.on_note(f"query ({request.query_parser}): {shortened(request.query)}")
    return request


def conversation_in(run: Run, sources: tuple[Source, ...]) -> Conversation | None:
    """The chat that the only source is, unless ``--format text`` says that it is a text.

    Raises:
        InputError: it is a chat, and broken.
    """
    from longattncomp_cli.core.inputs.conversations.files import conversation_of_text

    if len(sources) > 1 or run.input_format == "text":
        return None
    return conversation_of_text(sources[0].text, sources[0].name)


def note_records(run: Run, sources: tuple[Source, ...]) -> None:
    """Say it where what is read as one text begins with a record: standard input has no name that tells."""
    from longattncomp_cli.core.files import json_lines

    first = sources[0].text.lstrip().partition("\n")[0]
    if run.input_format != "auto" or len(sources) > 1 or not first.startswith("{"):
        return
    try:
        value = json_lines.loads(first.encode())
    except (ValueError, InputError):
        return
    if {run.fields.context, "prompt"} & value.keys():
        run.on_note(f"{sources[0].name}: read as one text; if it holds records, add --format jsonl")


def open_records(run: Run, files: list[InputFile]) -> Iterator[Record | FailedRecord]:
    """Read records as a stream, up to ``--limit``; of those the ones of the run's shard."""
    from longattncomp_cli.core.inputs.records import read_records

    records = islice(read_records(files, run.fields, stdin_bytes), run.limit)
    return records if run.shard is None else run.shard.take(records)


def count_records(run: Run, files: list[InputFile]) -> int | None:
    """How many records there are, where that is cheap to know."""
    from longattncomp_cli.core.inputs.lines import count_lines

    counts: list[int | None] = [count_lines(file.path) for file in files]
    if any(count is None for count in counts):
        return run.limit
    total = sum(count or 0 for count in counts)
    total = total if run.limit is None else min(total, run.limit)
    if run.shard is None or run.shard.is_all:
        return total
    return len(range(run.shard.index - 1, total, run.shard.count))
