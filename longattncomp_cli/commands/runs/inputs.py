"""Open what the user named: the files of a run, and the request that text files make."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from longattncomp_cli.commands.runs.run import Run
from longattncomp_cli.commands.terminal.console import Notify, shortened, stdin_bytes
from longattncomp_cli.core.files.paths import read_bounded
from longattncomp_cli.core.inputs.gather import STDIN, InputFile, expand_inputs, kind_of_inputs, read_source
from longattncomp_cli.errors import InputError, UsageError

if TYPE_CHECKING:
    from longattncomp_cli.core.compressor import Compressor
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
        raise UsageError("standard input is named twice", hint="name - once")
    files = expand_inputs(names, run.on_note)
    return kind_of_inputs(files, run.input_format), files


def read_sources(run: Run, files: list[InputFile]) -> tuple[Source, ...]:
    """Read text files.

    Raises:
        InputError: none of them holds anything but white space.
    """
    sources = []
    for file in files:
        source = read_source(
            file,
            run.on_note,
            lambda: read_bounded(stdin_bytes(), "standard input"),
            as_it_stands=run.input_format == "text",
            kept=run.settings.keep.matches,
        )
        if source is None:
            continue
        if source.text.strip():
            sources.append(source)
        elif len(files) > 1:
            run.on_note(f"skipped {source.name}: empty")
    if not sources:
        what = "standard input" if str(files[0].path) == STDIN else str(files[0].path)
        raise InputError(
            f"{what}: empty" if len(files) == 1 else "no input holds any text",
            hint="pass a text with words in it",
            code="empty-context",
        )
    return tuple(sources)


def text_request(sources: tuple[Source, ...], query: str, compressor: Compressor, on_note: Notify) -> Request:
    """Make one request of text files: a context for the query, or a whole prompt to parse.

    Raises:
        UsageError: no query was given and none can be found.
    """
    from longattncomp_cli.core.prompts.request import Request

    name = sources[0].name if len(sources) == 1 else None
    if query:
        return Request(sources, query, id=name)
    if len(sources) > 1:
        raise UsageError("no query", hint="add -q 'your question'", code="no-query")
    try:
        request = compressor.requests.from_prompt(sources[0], name)
    except InputError as error:
        if error.code != "no-query":
            raise
        raise UsageError(error.message, hint=error.hint, code=error.code) from error
    on_note(f"query ({request.query_parser}): {shortened(request.query)}")
    return request


def open_records(run: Run, files: list[InputFile]) -> Iterator[Record | FailedRecord]:
    """Read records as a stream, up to ``--limit``; of those the ones of the run's shard."""
    from longattncomp_cli.core.inputs.records import read_records

    records = islice(read_records(files, run.fields, stdin_bytes), run.limit)
    return records if run.shard is None else run.shard.take(records)


def count_records(run: Run, files: list[InputFile]) -> int | None:
    """How many records there are, where that is cheap to know."""
    from longattncomp_cli.core.inputs.records import count_lines

    counts: list[int | None] = [count_lines(file.path) for file in files]
    if any(count is None for count in counts):
        return run.limit
    total = sum(count or 0 for count in counts)
    total = total if run.limit is None else min(total, run.limit)
    if run.shard is None or run.shard.is_all:
        return total
    return len(range(run.shard.index - 1, total, run.shard.count))
