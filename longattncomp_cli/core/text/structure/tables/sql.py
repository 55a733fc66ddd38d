"""Rows that SQL inserts: tuples under the line that names their columns, or statements under CREATE TABLE."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from longattncomp_cli.core.text.structure.tables.table import Table

_NAME = r"[\w.$\"`\[\]]{1,200}"
_INSERT = re.compile(
    rf"\b(?:INSERT(?:\s+OR\s+\w+|\s+IGNORE)?|REPLACE)\s+INTO\s+({_NAME})\s*(\([^()]{{0,4000}}\)\s*)?VALUES\s*",
    re.IGNORECASE,
)
_CREATE = re.compile(rf"\bCREATE\s+(?:\w+\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?({_NAME})\s*\(", re.IGNORECASE)
_COPY = re.compile(rf"(?im)^COPY\s+{_NAME}\s*\([^()\n]{{0,4000}}\)\s+FROM\s+stdin\b.*$")
_MARK = re.compile(r"'(?:[^'\\]++|''|\\.)*+'|[(),;]", re.DOTALL)
_LONGEST_CREATE_CHARS = 3_000
_LONGEST_TUPLE_CHARS = 50_000
_LINE = re.compile(r"[^\n]+")


@dataclass
class _Insert:
    """A statement: its characters, where its values begin, and those of each tuple."""

    name: str
    names_columns: bool
    start: int
    values: int
    end: int
    rows: list[tuple[int, int]]


def sql_tables(text: str) -> Iterator[Table]:
    """The rows of every INSERT (and of pg_dump's COPY)."""
    yield from _copied(text)
    created = _created(text)
    run: list[_Insert] = []
    for insert in _inserts(text):
        if len(insert.rows) > 1:
            yield from _of_statements(text, run, created)
            run = []
            header = (insert.start, insert.values) if insert.names_columns else created.get(insert.name)
            start = insert.start if insert.names_columns else _before(text, insert.start)
            yield Table(start, insert.end, header or (insert.start, insert.values), tuple(insert.rows))
        else:
            if run and run[-1].name != insert.name:
                yield from _of_statements(text, run, created)
                run = []
            run.append(insert)
    yield from _of_statements(text, run, created)


def _of_statements(text: str, run: list[_Insert], created: dict[str, tuple[int, int]]) -> Iterator[Table]:
    """One table of statements that insert a row each; columns they do not name are those of CREATE TABLE."""
    if len(run) > 1:
        header = None if run[0].names_columns else created.get(run[0].name)
        rows = tuple((insert.start, insert.end) for insert in run)
        yield Table(_before(text, run[0].start), run[-1].end, header, rows)


def _before(text: str, start: int) -> int:
    """Where a table begins whose header stands elsewhere: before its first row, so that this has it too."""
    return start - 1 if start and text[start - 1].isspace() else start


def _inserts(text: str) -> Iterator[_Insert]:
    end = 0
    for found in _INSERT.finditer(text):
        if found.start() < end:
            continue
        rows, end = _tuples(text, found.end())
        if rows:
            name = found.group(1).lower()
            yield _Insert(name, found.group(2) is not None, found.start(), found.end(), end, rows)


def _tuples(text: str, start: int) -> tuple[list[tuple[int, int]], int]:
    """The tuples of a statement, and where it ends: at its semicolon, or after its last tuple.

    What is not closed within a tuple's greatest length is none: the text is read on from there.
    """
    rows: list[tuple[int, int]] = []
    depth, begin, end, expects_row = 0, start, start, True
    for mark in _MARK.finditer(text, start):
        character = mark.group()[0]
        if depth:
            depth += (character == "(") - (character == ")")
            if not depth:
                rows.append((begin, mark.end()))
                end, expects_row = mark.end(), False
            elif mark.end() - begin > _LONGEST_TUPLE_CHARS:
                return rows, mark.end()
        elif character == "(" and expects_row:
            depth, begin = 1, mark.start()
        elif character == "," and not expects_row:
            expects_row = True
        else:
            return rows, mark.end() if character == ";" else end
    return rows, len(text) if depth else end


def _created(text: str) -> dict[str, tuple[int, int]]:
    """The characters of each short CREATE TABLE, by the table's name."""
    created: dict[str, tuple[int, int]] = {}
    done = 0
    for found in _CREATE.finditer(text):
        if found.start() < done:
            continue
        depth, limit = 1, min(len(text), found.end() + _LONGEST_CREATE_CHARS)
        for mark in _MARK.finditer(text, found.end(), limit):
            depth += (mark.group() == "(") - (mark.group() == ")")
            done = mark.end()
            if not depth:
                created[found.group(1).lower()] = (found.start(), mark.end())
                break
    return created


def _copied(text: str) -> Iterator[Table]:
    for found in _COPY.finditer(text):
        last = text.find("\n\\.", found.end())
        end = last if last >= 0 else len(text)
        rows = tuple(line.span() for line in _LINE.finditer(text, found.end(), end) if line.group().strip())
        if rows:
            yield Table(found.start(), end, found.span(), rows)
