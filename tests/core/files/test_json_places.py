"""Strings change in their places; every other byte of a JSON text stays."""

from __future__ import annotations

import json

import pytest

from longattncomp_cli.core.files.json_places import members, with_strings

ODD = (
    '{ "a" : [1e5, 1.0, -0.10, 12345678901234567890123, true,null,\r\n\t"\\u00e9\\/\\ud83d"],\n'
    '  "k\\u0065y\\"": {"": ["x", {"y" :"[{,:}]\\\\"}], "z": "0"}, "b":"end" }\n'
)


@pytest.mark.parametrize(
    ("place", "old"),
    [
        (("a", 6), '"\\u00e9\\/\\ud83d"'),
        (('key"', "", 0), '"x"'),
        (('key"', "", 1, "y"), '"[{,:}]\\\\"'),
        (('key"', "z"), '"0"'),
        (("b",), '"end"'),
    ],
)
def test_one_string_changes_and_no_other_byte(place, old) -> None:
    assert with_strings(ODD, {place: 'new "ü"\n'}) == ODD.replace(old, '"new \\"\\u00fc\\"\\n"')


def test_several_places_and_none() -> None:
    assert with_strings(ODD, {}) == ODD
    changed = json.loads(with_strings(ODD, {("b",): "B", ("a", 6): "A"}))
    assert changed["b"] == "B" and changed["a"][6] == "A" and changed['key"'] == json.loads(ODD)['key"']


def test_a_text_with_other_letters_keeps_them_as_letters() -> None:
    assert with_strings('["é", "x"]', {(1,): "ü"}) == '["é", "ü"]'


def test_values_one_after_the_other() -> None:
    lines = '{"a": "1"}\r\n\n["b", {"c": "2"}]\n"lone"'
    assert with_strings(lines, {(0, "a"): "A", (1, 1, "c"): "C"}, is_lines=True) == lines.replace(
        '"1"', '"A"'
    ).replace('"2"', '"C"')


def test_fields_are_as_they_are_written() -> None:
    assert members(ODD) == {
        "a": ODD[ODD.index("[") : ODD.index("]") + 1],
        'key"': ODD[ODD.index('{""') : ODD.index(', "b"')],
        "b": '"end"',
    }
    assert members(' {"":1E5 ,"x": {"y,": ["}", {}, []]}\t, "\\u00e9":null } ') == {
        "": "1E5",
        "x": '{"y,": ["}", {}, []]}',
        "é": "null",
    }
    assert members("{}") == members(" { } ") == {}
