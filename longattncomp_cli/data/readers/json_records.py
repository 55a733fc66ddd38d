"""Stream the records of JSON arrays and JSONL files; errors name the file, the place and the field."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from longattncomp_cli.core.files.compressed import open_bytes
from longattncomp_cli.errors import InputError

_PART_CHARS = 1 << 20
_SPACE = re.compile(r"\s*")
_COMMA = re.compile(r"\s*,\s*")
_END = re.compile(r"\s*\]")


@dataclass(frozen=True)
class Record:
    """One JSON object of a data file; every accessor names the file, the place and the field it misses.

    Attributes:
        value: the object.
        path: the file.
        where: ``line 3``, ``record 2`` or a path inside such a record.
    """

    value: dict[str, Any]
    path: Path
    where: str

    def error(self, message: str) -> InputError:
        """Return the error that says what is wrong with this record."""
        return _malformed(f"{self.path}: {self.where}: {message}", "malformed-record")

    def text(self, field: str, *, default: str | None = None) -> str:
        """Return a string field; ``default`` where it is absent."""
        value = self._get(field, default)
        if not isinstance(value, str):
            raise self.error(f"field {field!r} is {_kind(value)}, not a string")
        return value

    def identifier(self, field: str, *, default: str | None = None) -> str:
        """Return a field that is a string or an integer, as a string."""
        value = self._get(field, default)
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise self.error(f"field {field!r} is {_kind(value)}, not a string or an integer")
        return str(value)

    def items(self, field: str, *, optional: bool = False) -> list[Any]:
        """Return a list field; an empty list where it is absent or null and ``optional``."""
        if optional and self.value.get(field) is None:
            return []
        value = self._get(field, None)
        if not isinstance(value, list):
            raise self.error(f"field {field!r} is {_kind(value)}, not a list")
        return value

    def texts(self, field: str, *, optional: bool = False) -> list[str]:
        """Return a field that is a list of strings."""
        values = self.items(field, optional=optional)
        for index, value in enumerate(values):
            if not isinstance(value, str):
                raise self.error(f"field '{field}[{index}]' is {_kind(value)}, not a string")
        return values

    def strings(self, field: str) -> tuple[str, ...]:
        """Return a field that may be absent, a string or a list of strings; what is empty falls out."""
        if self.value.get(field) is None:
            return ()
        values = [self.value[field]] if isinstance(self.value[field], str) else self.texts(field)
        return tuple(value for value in values if value.strip())

    def records(self, field: str, *, optional: bool = False) -> list[Record]:
        """Return a field that is a list of objects."""
        return [
            self.child(value, f"{field}[{index}]")
            for index, value in enumerate(self.items(field, optional=optional))
        ]

    def child(self, value: Any, name: str) -> Record:
        """Return a part of this record as a record of its own."""
        if not isinstance(value, dict):
            raise self.error(f"field {name!r} is {_kind(value)}, not an object")
        return Record(value, self.path, f"{self.where}, {name}")

    def _get(self, field: str, default: Any) -> Any:
        value = self.value.get(field, default)
        if value is None:
            raise self.error(f"field {field!r} is missing")
        return value


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def read_whole(path: Path) -> dict[str, Any]:
    """Read a file that is one JSON object.

    Raises:
        InputError: unreadable, not UTF-8, not JSON, or not an object.
    """
    with _open_text(path) as lines:
        content = "".join(lines)
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise _malformed(f"{path}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise _malformed(f"{path}: the file holds {_kind(value)}, not an object", "malformed-record")
    return value


def read_records(path: Path) -> Iterator[Record]:
    """Stream the objects of a JSON array or of a JSONL file; the first character tells which it is.

    Raises:
        InputError: unreadable, not UTF-8, not JSON, or an item that is not an object.
    """
    with _open_text(path) as stream:
        head = stream.read(1)
        while head.isspace() or head == "\ufeff":
            head = stream.read(1)
        values = _array_items(stream, path) if head == "[" else _lines(head, stream, path)
        for where, value in values:
            if not isinstance(value, dict):
                raise _malformed(f"{path}: {where}: {_kind(value)}, not an object", "malformed-record")
            yield Record(value, path, where)


def _lines(head: str, stream: io.TextIOBase, path: Path) -> Iterator[tuple[str, Any]]:
    number = 0
    while line := head + stream.readline():
        head = ""
        number += 1
        if not line.strip():
            continue
        try:
            yield f"line {number}", orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise _malformed(f"{path}: line {number}: not JSON: {error}") from error


def _array_items(stream: io.TextIOBase, path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the items of an array whose ``[`` was read; no more than a few items are held as text."""
    decoder = json.JSONDecoder()
    text, at, number = "", 0, 0
    while not (end := _END.match(text, at)):
        gap = (_COMMA if number else _SPACE).match(text, at)
        problem = "',' or ']' expected"
        if gap and gap.end() < len(text):
            try:
                value, at = decoder.raw_decode(text, gap.end())
            except json.JSONDecodeError as error:
                problem = error.msg  # or the item goes on in the part that was not read yet
            else:
                yield f"record {number}", value
                number += 1
                continue
        part = stream.read(max(_PART_CHARS, len(text) - at))
        if not part:
            raise _malformed(f"{path}: record {number}: not JSON: {problem}")
        text, at = text[at:] + part, 0
    rest = text[end.end() :]
    while not rest or rest.isspace():  # to the end of the file: what was cut off may lie behind the array
        rest = stream.read(_PART_CHARS)
        if not rest:
            return
    raise _malformed(f"{path}: not JSON: the file goes on after its array")


@contextmanager
def _open_text(path: Path) -> Iterator[io.TextIOWrapper]:
    """Open as UTF-8 text.

    Raises:
        InputError: unreadable, damaged, or not UTF-8.
    """
    try:
        with io.TextIOWrapper(open_bytes(path), encoding="utf-8") as stream:
            yield stream
    except UnicodeDecodeError as error:
        raise _malformed(f"{path}: not UTF-8 ({error.reason})", "not-utf8") from error


def _malformed(message: str, code: str = "malformed-json") -> InputError:
    hint = "mend it or take it out; where the file is of another data set, name it with that one's option"
    return InputError(message, hint=hint, code=code)
