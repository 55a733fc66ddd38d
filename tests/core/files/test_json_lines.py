"""JSON as it came; halves of characters are repaired and counted."""

from __future__ import annotations

import pytest

from longattncomp_cli.core.files.json_lines import Written, dumps, loads, loads_repaired
from longattncomp_cli.errors import InputError


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    line = rb'{"a": "x\ud83d", "\udc00": ["\ud83d\ude42", "\uDFFF", 12345678901234567890]}'
    value, number = loads_repaired(line)
    assert value == {"a": "x\ufffd", "\ufffd": ["🙂", "\ufffd", 12345678901234567890]}
    assert number == 3
    assert loads(line) == value


def test_what_is_whole_is_not_touched() -> None:
    assert loads_repaired(rb'{"a": "\ud83d\ude42 \\ud800"}') == ({"a": "🙂 \\ud800"}, 0)


@pytest.mark.parametrize(
    "line",
    [rb'{"a": "\ud800"', rb'["\ud800"]]', rb'["\ud800", NaN]', rb'["\ud83d\ude42", NaN]', b"[" * 100_000],
)
def test_malformed_stays_malformed(line: bytes) -> None:
    with pytest.raises((ValueError, InputError)):
        loads(line)


def test_a_half_in_a_deep_value_is_an_error_not_a_crash() -> None:
    deep = b"[" * 100_000 + rb'"\ud800"' + b"]" * 100_000
    with pytest.raises(InputError, match="too deeply"):
        loads(deep)


def test_what_is_written_stands_in_a_line_as_it_is() -> None:
    assert dumps(Written('[1.10, "\\/"]')) == b'[1.10, "\\/"]\n'
    line = {"id": 2**70, "é": Written(' {"a" : 1E5} '), "x": [1.0, "ü"]}
    assert dumps(line) == f'{{"id":{2**70},"é": {{"a" : 1E5}} ,"x":[1.0,"ü"]}}\n'.encode()
