"""Every reader takes every text: units nested, headings inside them, in linear time, whatever it is given."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from longattncomp_cli.core.text.structure import indented, json_values, reader
from longattncomp_cli.core.text.structure.formats import braces
from longattncomp_cli.core.text.structure.formats.lines import plain_lines
from longattncomp_cli.core.text.structure.kinds import kind_of
from longattncomp_cli.core.text.structure.units import Structure
from tests.support import made_entries  # noqa: F401 (adds its makers)
from tests.support.made_files import MAKERS

READERS: dict[str, Callable[[str], Structure]] = {
    **reader._FORMATS,
    "braces": braces.read_code,
    "indented": indented.read_indented,
    "json": json_values.read,
}
PIECES = [
    *(
        "{",
        "}",
        "(",
        ")",
        '"',
        "'",
        "`",
        "\n",
        "\n\n",
        "  ",
        "\t",
        "- ",
        "key: ",
        "[a]",
        "[[b]]",
        '"""',
        "'''",
    ),
    *(
        "$$",
        "BEGIN",
        "END",
        "CASE",
        ";",
        "--",
        "/*",
        "*/",
        "//",
        "# ",
        "<a>",
        "</a>",
        "<!--",
        "-->",
        "|",
        "\\",
    ),
    *("00:00:01,000 --> 00:00:02,000", "2023-01-01 10:00:00 ", "INFO ", "commit abcdef1", "diff --git a b"),
    *(
        "--- a",
        "+++ b",
        "@@ -1 +1 @@",
        '"t" #1 prio=1',
        "goroutine 1 [x]:",
        "dn: x",
        "BEGIN:VCARD",
        "END:VCARD",
    ),
    *(
        "FN:x",
        "From a 10:00:00",
        "Subject: x",
        "@article{x",
        "x:",
        "\r\n",
        "\r",
        "é🙂",
        "CREATE TABLE x",
        "=",
    ),
    *("NAME", ".TH", "class A", "\ufeff", "---", ",", "1", "\x0b", "\u2028", "name: x"),
]


def check_nested(text: str, structure: Structure) -> None:
    ends: list[int] = []
    for unit in structure.units:
        assert 0 <= unit.start < unit.end <= len(text)
        while ends and ends[-1] <= unit.start:
            ends.pop()
        assert not ends or unit.end <= ends[-1]
        ends.append(unit.end)
        if unit.heading is not None:
            assert unit.start <= unit.heading[0] < unit.heading[1] <= unit.end


@pytest.mark.parametrize("name", READERS)
def test_units_of_any_text_are_nested_and_hold_their_headings(name: str) -> None:
    rng = random.Random(name)
    for _ in range(150):
        pieces = [rng.choice(PIECES) + rng.choice(["", " ", "\n"]) for _ in range(rng.randrange(60))]
        text = plain_lines("".join(pieces))
        check_nested(text, READERS[name](text))


@pytest.mark.parametrize("name", READERS)
def test_units_of_files_of_other_formats_are_nested(name: str) -> None:
    for make in MAKERS.values():
        text = make(random.Random(5)).text
        for part in (text, text[len(text) // 3 :], text[: len(text) // 2]):
            check_nested(part, READERS[name](part))


def test_plain_lines_keep_every_place() -> None:
    text = "\ufeffa\r\nb\rc\nd\r\r\n"
    assert plain_lines(text) == "\na \nb\nc\nd\n \n"


SIZE = 40_000
HARD = {
    "one line": "x" * SIZE,
    "empty lines": "\n" * SIZE,
    "open braces": "{" * SIZE,
    "closing braces": "}{{   " * (SIZE // 6),
    "quotes": '"' * SIZE,
    "odd quotes": "'\"" * (SIZE // 2) + "'",
    "blocks never closed": "a {\n" * (SIZE // 4),
    "dashes": "- " * (SIZE // 2),
    "tags": "<a>\n" * (SIZE // 8) + "</a>\n" * (SIZE // 10),
    "different dollars": "".join(f"$a{i}$ " for i in range(SIZE // 8)),
    "cards never closed": "BEGIN:VCARD\n" * (SIZE // 12),
    "times in a line": "2023-01-01 10:00:00 " * (SIZE // 20),
    "spaces": " " * SIZE + "x",
    "deep keys": "\n".join(" " * i + "k:" for i in range(300)),
    "minified": '{"a":[1,{"name":"b","c":"d"}],"x":{}},' * (SIZE // 38),
}


@pytest.mark.parametrize("case", HARD)
@pytest.mark.parametrize("name", READERS)
def test_hard_texts_take_no_longer_than_their_length(name: str, case: str) -> None:
    """One that were quadratic would take a minute here; a linear pass takes a fraction of a second."""
    start = time.process_time()
    structure = READERS[name](HARD[case])
    assert len(structure.leaf_starts) <= len(structure.units)
    assert time.process_time() - start < 8


@pytest.mark.parametrize("case", HARD)
def test_the_kind_of_a_hard_text_takes_no_longer_than_its_length(case: str) -> None:
    start = time.process_time()
    kind_of(HARD[case])
    assert time.process_time() - start < 8
