"""Every line of a made file stands under its own heading lines and no other's, however it is written."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from longattncomp_cli.core.text.structure.reader import structure_of
from longattncomp_cli.core.text.structure.units import Structure
from tests.support import made_entries  # noqa: F401 (adds its makers)
from tests.support.made_files import MAKERS, Made

WRITINGS: dict[str, Callable[[str], str]] = {
    "as made": lambda text: text,
    "with CRLF": lambda text: text.replace("\n", "\r\n"),
    "with a byte order mark and no last line end": lambda text: "\ufeff" + text.rstrip("\n"),
}


def headings(text: str, structure: Structure, line: str) -> str:
    """The heading lines of what the only such line holds first."""
    at = text.index(line.split("\n")[0])
    at += len(line) - len(line.lstrip())
    return "\n".join(text[slice(*span)] for span in structure.headings_at(at))


def check(made: Made, text: str, structure: Structure | None) -> None:
    assert structure is not None
    owners = {owner for _, each in made.lines for owner in each}
    for line, own in made.lines:
        if not own or text.count(line.split("\n")[0]) != 1:
            continue
        found = headings(text, structure, line)
        assert not [owner for owner in own if owner not in found], (line, own, found)
        foreign = [owner for owner in owners - set(own) if any(c.isdigit() for c in owner) and owner in found]
        assert not foreign, (line, foreign, found)


@pytest.mark.parametrize("writing", WRITINGS)
@pytest.mark.parametrize("name", MAKERS)
def test_every_line_finds_its_owners(name: str, writing: str) -> None:
    for seed in range(3):
        made = MAKERS[name](random.Random(seed))
        text = WRITINGS[writing](made.text)
        check(made, text, structure_of(text, made.name))
        if made.bare:
            check(made, text, structure_of(text))
