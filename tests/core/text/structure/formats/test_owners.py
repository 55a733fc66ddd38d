"""Every line of a made file stands under its own heading lines and no other's, however it is written."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from longattncomp_cli.core.text.structure.reader import structure_of
from longattncomp_cli.core.text.structure.units import Structure
from tests.benchmarks.format_owners import judged_lines
from tests.support import made_entries  # noqa: F401 (adds its makers)
from tests.support.made_files import MAKERS, Made

WRITINGS: dict[str, Callable[[str], str]] = {
    "as made": lambda text: text,
    "with CRLF": lambda text: text.replace("\n", "\r\n"),
    "with a byte order mark and no last line end": lambda text: "\ufeff" + text.rstrip("\n"),
}


def check(made: Made, text: str, structure: Structure | None) -> None:
    assert structure is not None
    assert not [found for found in judged_lines(made, text, structure) if found[1]]


@pytest.mark.parametrize("writing", WRITINGS)
@pytest.mark.parametrize("name", MAKERS)
def test_every_line_finds_its_owners(name: str, writing: str) -> None:
    for seed in range(3):
        made = MAKERS[name](random.Random(seed))
        text = WRITINGS[writing](made.text)
        check(made, text, structure_of(text, made.name))
        if made.bare:
            check(made, text, structure_of(text))
