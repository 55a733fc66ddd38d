"""JSON as it came: orjson where it can, Python's own reader where orjson would change or refuse a value."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from longattncomp_cli.errors import InputError

# orjson reads integers of over 64 bits as floats; Python keeps them.
_LONG_NUMBER = re.compile(rb"\d{19}")


def loads(line: bytes) -> Any:
    """Read one JSON value.

    Raises:
        ValueError: it is not JSON.
        InputError: it is nested too deeply.
    """
    if not _LONG_NUMBER.search(line):
        return orjson.loads(line)
    try:
        orjson.loads(line)
        return json.loads(line)
    except RecursionError as error:
        raise InputError("JSON nested too deeply", code="malformed-json") from error


def dumps(value: Any) -> bytes:
    """Write one JSON value as a line.

    Raises:
        InputError: it is nested too deeply.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        pass
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    except RecursionError as error:
        raise InputError("JSON nested too deeply", code="malformed-json") from error
