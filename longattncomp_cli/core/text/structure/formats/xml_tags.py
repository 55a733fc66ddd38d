"""XML: an element is headed by its opening tag, and by the name that it or its first lines give."""

from __future__ import annotations

import re
from dataclasses import dataclass

from longattncomp_cli.core.text.structure.formats.lines import WHOLE_CHARS
from longattncomp_cli.core.text.structure.units import Structure, Unit, build, heading_span

_TAG = re.compile(
    r"<!--(?s:.*?)(?:-->|\Z)|<!\[CDATA\[(?s:.*?)(?:\]\]>|\Z)|<[?!][^>]*>"
    r"|<(?P<close>/)?(?P<name>[A-Za-z_][\w:.-]{0,100})(?P<rest>(?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*+)>"
)


_NAMED = re.compile(r"\s*<(?P<tag>(?:\w+:)?(?:name|id|title|key|artifactId|label))>[^<>\n]{1,120}</(?P=tag)>")


# Of a property list: the key whose value an element is.
_KEY = re.compile(r"<key>[^<>\n]{1,120}</key>\s*\Z")
_LONGEST_KEY = 200
_MOST_DEPTH = 16
_MOST_OPEN = 1_000


@dataclass
class _Open:
    name: str
    start: int
    heading_end: int
    holds: bool = False


def read(text: str) -> Structure:
    """Elements of several lines; what is not closed leaves no unit."""
    units: list[Unit] = []
    opened: list[_Open] = []
    for tag in _TAG.finditer(text):
        if tag.group("name") is None or tag.group("rest").endswith("/"):
            continue
        if not tag.group("close"):
            if len(opened) < _MOST_OPEN:
                opened.append(_Open(tag.group("name"), tag.start(), tag.end()))
            continue
        names = [each.name for each in opened[-_MOST_DEPTH:]]
        if tag.group("name") not in names:
            continue
        while opened and opened[-1].name != tag.group("name"):
            opened.pop()
        element = opened.pop()
        if text.find("\n", element.heading_end, tag.start()) < 0 or len(opened) >= _MOST_DEPTH:
            continue
        if opened:
            opened[-1].holds = True
        named = _NAMED.match(text, element.heading_end, tag.start()) if element.name != "dict" else None
        start = _key_before(text, element.start)
        heading = heading_span(text, start, named.end() if named else element.heading_end)
        whole = not element.holds and tag.end() - start <= WHOLE_CHARS
        units.append(Unit(start, tag.end(), heading, leaf=whole))
    return build("xml", units)


def _key_before(text: str, start: int) -> int:
    """Where the key begins that an element is the value of; ``start`` where there is none."""
    key = _KEY.search(text, max(0, start - _LONGEST_KEY), start)
    return key.start() if key else start
