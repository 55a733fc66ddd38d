"""Read what is written in a form of its own: sizes, the query parser, the query itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from longattncomp_cli.commands.options.run_options import RunOptions
from longattncomp_cli.core.files.compressed import open_bytes
from longattncomp_cli.core.files.encodings import decode
from longattncomp_cli.core.files.paths import read_bounded
from longattncomp_cli.core.prompts.request import DEFAULT_TAIL_TOKENS, ParserName
from longattncomp_cli.errors import InputError, UsageError


def parse_size(written: str) -> int:
    """Read a number of bytes: ``500M``, ``2G``, ``1.5g``, ``1048576``.

    Raises:
        UsageError: it is none.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?", written.strip(), re.IGNORECASE)
    size = int(float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " ")) if match else 0
    if size < 1:
        raise UsageError(f"--cache-size {written!r} is not a size", hint="such as 500M or 2G")
    return size


def parse_query_parser(written: str) -> tuple[ParserName, int]:
    """Read ``auto``, ``given``, ``tail`` or ``tail:128``.

    Returns:
        The parser, and how many tokens ``tail`` takes.

    Raises:
        UsageError: it is none of these.
    """
    parsers: dict[str, ParserName] = {name: name for name in get_args(ParserName)}
    if written in parsers:
        return parsers[written], DEFAULT_TAIL_TOKENS
    if match := re.fullmatch(r"tail:0*([1-9]\d{0,11})", written):
        return "tail", int(match[1])
    raise UsageError(f"--query-parser {written!r} is not a parser", hint="use auto, given, tail, or tail:128")


def read_query(options: RunOptions) -> str:
    """The query of the command line, or ``""``; a file is read here and nowhere else.

    Raises:
        UsageError: it is empty, or given twice, or given and to be parsed.
        InputError: its file cannot be read.
    """
    if options.query is not None and options.query_file is not None:
        raise UsageError("both --query and --query-file", hint="give one of them")
    query = options.query if options.query_file is None else _read_file(options.query_file)
    if query is None:
        return ""
    if not _is_unicode(query):
        raise UsageError("the query is not UTF-8", hint="check the terminal's encoding")
    if not query.strip():
        raise UsageError("the query is empty", hint="ask something: -q 'your question'", code="empty-query")
    if options.query_parser is not None and parse_query_parser(options.query_parser)[0] != "given":
        raise UsageError(
            f"a query and --query-parser {options.query_parser}",
            hint="drop one: a given query is not parsed for",
        )
    return query


def _read_file(path: Path) -> str:
    try:
        with open_bytes(path) as stream:
            return decode(read_bounded(stream, str(path)), str(path)).strip()
    except InputError as error:
        if error.code != "unreadable":
            raise
        raise InputError(error.message, hint="check --query-file", code=error.code) from error


def _is_unicode(text: str) -> bool:
    """Whether the text is valid Unicode: no byte of a command line came through undecoded."""
    return not any("\ud800" <= char <= "\udfff" for char in text)
