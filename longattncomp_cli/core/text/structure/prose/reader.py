"""Read prose: its sections and lists, by the format that its name tells, or by what it looks like."""

from __future__ import annotations

from collections.abc import Callable

from longattncomp_cli.core.text.boundaries import sentence_starts
from longattncomp_cli.core.text.structure.prose import markup
from longattncomp_cli.core.text.structure.prose.headings import plain_headings, underlined
from longattncomp_cli.core.text.structure.prose.lists import find_lists, led_paragraphs
from longattncomp_cli.core.text.structure.prose.outline import Heading, Lines, lines_of, sections
from longattncomp_cli.core.text.structure.prose.terms import indented_terms, labelled_items
from longattncomp_cli.core.text.structure.units import Structure, Unit, build

_MARKUP: dict[str, Callable[[str, Lines], dict[int, Heading]]] = {
    "latex": markup.latex,
    "asciidoc": markup.asciidoc,
    "org": markup.org,
}
# Items that nothing introduces: a lone line that begins with a dash or number is none.
_FEWEST_ITEMS = 2


def read_rst(text: str) -> Structure:
    """Sections under adorned titles, whose levels follow the order in which styles come first; lists."""
    lines = lines_of(text)
    levels: dict[str, int] = {}
    headings: list[Heading] = []
    titles: set[int] = set()
    for first, last, style in underlined(text, lines):
        level = levels.setdefault(style, len(levels) + 1)
        headings.append(Heading(lines[first][0], lines[last][1], min(level, 8)))
        titles.update(range(first, last + 1))
    lists = [*find_lists(text, lines, titles), *led_paragraphs(text, lines, titles)]
    lists += indented_terms(text, lines, titles)
    return _structure("rst", text, [*sections(text, headings), *lists])


def read_markup(text: str, kind: str) -> Structure:
    """Sections and lists of ``latex``, ``asciidoc`` or ``org``."""
    lines = lines_of(text)
    headings = _MARKUP[kind](text, lines)
    units = [*sections(text, headings.values()), *find_lists(text, lines, headings)]
    if kind == "latex":
        units = [*labelled_items(text, lines), *units]
    return _structure(kind, text, units)


def read_plain(text: str) -> Structure:
    """What a text without markup shows clearly: headings of a style that comes back, and lists.

    A text that shows none has no unit.
    """
    lines = lines_of(text)
    starts = {start: number for number, (start, _) in enumerate(lines)}
    lists = list(find_lists(text, lines, set(), fewest_items=_FEWEST_ITEMS))
    listed = {starts[unit.start] for unit in lists if unit.start in starts and not unit.joined}
    headings, titles = plain_headings(text, lines, listed)
    if titles:
        lists = list(find_lists(text, lines, titles, fewest_items=_FEWEST_ITEMS))
    led = led_paragraphs(text, lines, titles)
    return _structure("prose", text, [*sections(text, headings), *lists, *led])


def _structure(kind: str, text: str, units: list[Unit]) -> Structure:
    return build(kind, units, sentence_starts(text).tolist() if units else ())
