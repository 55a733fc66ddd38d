"""JSON as it came: orjson where it can, Python's own reader where orjson would change or refuse a value."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from longattncomp_cli.errors import InputError

# orjson reads integers of over 64 bits as floats; Python keeps them.
_LONG_NUMBER = re.compile(rb"\d{19}")
# Half of a character in UTF-16, as programs write it that cut strings in the middle of an emoji.
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Written:
    """JSON text that stands in a line as it is; ``text`` is valid."""

    text: str


def loads(line: bytes) -> Any:
    """Read one JSON value; a lone surrogate, which is no character, becomes U+FFFD.

    Raises:
        ValueError: it is not JSON.
        InputError: it is nested too deeply.
    """
    return loads_repaired(line)[0]


def loads_repaired(line: bytes) -> tuple[Any, int]:
    """The same, and how many lone surrogates there were."""
    try:
        value = orjson.loads(line)
        return (json.loads(line) if _LONG_NUMBER.search(line) else value), 0
    except orjson.JSONDecodeError:
        if not _HALF.search(line):
            raise
        try:
            return _repaired(json.loads(line, parse_constant=_refuse_constant))
        except RecursionError as error:
            raise InputError("JSON nested too deeply", code="malformed-json") from error
    except RecursionError as error:
        raise InputError("JSON nested too deeply", code="malformed-json") from error


class JsonReader:
    """Reads JSON and finds what could not be written again as it came.

    Attributes:
        problems: what was found, each a clause.
    """

    def __init__(self) -> None:
        """Nothing is read yet."""
        self.problems: list[str] = []

    def loads(self, text: str | bytes) -> Any:
        """The value; of a key that stands twice the last.

        Raises:
            ValueError: it is not JSON.
            RecursionError: it is nested too deeply.
        """
        return json.loads(
            text, object_pairs_hook=self._object, parse_float=self._float, parse_constant=self._constant
        )

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if not self.problems and (twice := _key_twice(pairs)) is not None:
            self.problems.append(f"the key {twice[:60]!r} stands twice in one object")
        return dict(pairs)

    def _float(self, written: str) -> float:
        value = float(written)
        if math.isinf(value):
            self.problems.append(f"the number {written[:60]} is too large")
        return value

    def _constant(self, written: str) -> float:
        self.problems.append(f"{written} is no number in JSON")
        return float(written)


def kind_of(value: Any) -> str:
    """What JSON calls a value."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    kinds = {dict: "object", list: "list", str: "string", int: "number", float: "number"}
    return kinds.get(type(value), type(value).__name__)


def _key_twice(pairs: Sequence[tuple[str, Any]]) -> str | None:
    """The first key that stands twice in an object, of whose values a reader keeps only the last."""
    if len({key for key, _ in pairs}) == len(pairs):
        return None
    return next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)


def refuse_what_is_lost(line: bytes, place: str) -> None:
    """Refuse a JSON value, known to be valid, of which something would not come back.

    Raises:
        InputError: an object has a key twice, or a number is none in JSON or too large for one.
    """
    reader = JsonReader()
    try:
        reader.loads(line)
    except (RecursionError, ValueError):
        return
    if reader.problems:
        hint = "write it as text, or take it out; of a key that stands twice keep one"
        raise InputError(f"{place}: {reader.problems[0]}", hint=hint, code="malformed-json")


def repaired_text(text: str) -> tuple[str, int]:
    """The text with U+FFFD for lone surrogates, which no tokenizer reads, and how many there were."""
    return (text, 0) if text.isascii() else _LONE_SURROGATE.subn("\ufffd", text)


def _refuse_constant(written: str) -> Any:
    raise ValueError(f"{written} is no number in JSON")


def _repaired(value: Any) -> tuple[Any, int]:
    if isinstance(value, str):
        return repaired_text(value)
    if isinstance(value, list):
        parts = [_repaired(part) for part in value]
        return [part for part, _ in parts], sum(number for _, number in parts)
    if isinstance(value, dict):
        pairs = [(_repaired(key), _repaired(part)) for key, part in value.items()]
        return {key: part for (key, _), (part, _) in pairs}, sum(k[1] + v[1] for k, v in pairs)
    return value, 0


def dumps(value: Any) -> bytes:
    """Write one JSON value as a line.

    Args:
        value: perhaps a :class:`Written`, or an object with some as its fields.

    Raises:
        InputError: it is nested too deeply.
    """
    return _dumped(value) + b"\n"


def _dumped(value: Any) -> bytes:
    if isinstance(value, Written):
        return value.text.encode()
    if isinstance(value, dict) and any(isinstance(field, Written) for field in value.values()):
        return b"{" + b",".join(_dumped(key) + b":" + _dumped(field) for key, field in value.items()) + b"}"
    try:
        return orjson.dumps(value)
    except TypeError:
        pass
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except RecursionError as error:
        raise InputError("JSON nested too deeply", code="malformed-json") from error
