r"""What a passage points to by name: "see the section Dead Calm", ``[x](#dead-calm)``, ``:ref:``, ``\ref{}``.

A target is a heading, by its title and its anchor, a label of RST, LaTeX, AsciiDoc or HTML, or a footnote.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

_LABEL = re.compile(
    r"^[ \t]*\.\.[ ]_(?P<rst>[^:\n`]{1,80}):[ \t]*$|\\label\{(?P<tex>[^{}\n]{1,80})\}"
    r"|^\[\[(?P<adoc>[\w.:-]{1,80})\]\]|^\[#(?P<adoc2>[\w.:-]{1,80})\]|^\[\^(?P<note>[^\]\n]{1,40})\]:"
    r"|<[a-z]\w{0,10}[ ][^<>\n]{0,200}?\b(?:id|name)=[\"'](?P<html>[\w.:-]{1,80})[\"']"
    r"|\{#(?P<md>[\w.:-]{1,80})\}"
    r"|^[ \t]*(?P<mark>[⁰¹²³⁴-⁹]{1,3}|[*†‡]{1,3})[ \t]*(?=[^\s*])"
    r"|^[\"“„«](?P<term>[^\W\d_][\w-]*(?: [\w-]+){1,4})[\"”“»][ ]+"
    r"(?:means?|shall mean|refers? to|is|has the meaning)\b",
    re.MULTILINE,
)
_REFERENCE = re.compile(
    r":(?:ref|doc|numref):`(?:[^`<\n]*<)?(?P<rst>[^`<>\n]{1,80})>?`|`(?P<title>[^`\n]{2,80})`_"
    r"|\\(?:auto|c|C|page|name|eq|v)?ref\*?\{(?P<tex>[^{}\n]{1,80})\}|<<(?P<adoc>[^<>,\n]{1,80})(?:,[^<>\n]*)?>>"
    r"|\[\[[*#]?(?P<wiki>[^\]|\n]{2,80})(?:\|[^\]\n]*)?\]\]|\[\^(?P<note>[^\]\n]{1,40})\](?!:)"
    r"|\(#(?P<md>[\w.:%-]{2,80})\)|href=[\"']#(?P<html>[\w.:-]{1,80})[\"']|(?<=\s)#(?P<bare>[\w-]{3,80})\b"
    r"|(?<=[\w.,;:)])(?P<mark>[⁰¹²³⁴-⁹]{1,3}|[*†‡]{1,3})(?=[\s.,;:)|]|$)"
)
_CUE = re.compile(
    r"(?i:\b(?:see|see also|under|section|sections|chapter|heading|part|paragraph|titled|entitled|headed"
    r"|refer to"
    r"|described in|listed in|defined in|explained in|cf\.?|siehe|vgl\.?|unter|abschnitt"
    r"|kapitel|voir|sous|ver|véase))"
    r"(?i:[ ]+(?:also|the|section|sections|chapter|part|heading|on|in|to|named|called|titled"
    r"|abschnitt|der|den))*"
    r"[ \n]+[\"“”„«'‘*_`\[]*(?=\w)"
)
_TERM = re.compile(r"\b[A-Z][\w-]*(?: [A-Z][\w-]*){1,4}")
_MARKS = re.compile(r"[\W_]+")
_OPENING_NUMBER = re.compile(r"(?:\d+ )+|(?:h[1-6]|(?:sub)*section|chapter|part) ")
_LONGEST_TITLE = 80
_SHORTEST_TITLE = 4


def named_targets(
    text: str, start: int, end: int, headings: Iterable[tuple[int, int]]
) -> dict[str, list[int]]:
    """Where the parts begin that others may name, by what they are called; ascending for each.

    Args:
        text: the whole text.
        start, end: the range that counts.
        headings: the characters of its heading lines.
    """
    found: defaultdict[str, list[int]] = defaultdict(list)
    for match in _LABEL.finditer(text, start, end):
        if match["mark"]:
            found[f"mark {match['mark']}"].append(match.start())
        else:
            found[f"{_kind(match.lastgroup)} {_plain(match[match.lastgroup or 0])}"].append(match.start())
    for key in [key for key, places in found.items() if key.startswith("mark ") and len(places) > 1]:
        del found[key]  # items of a list
    for first, last in headings:
        if start <= first and last <= end and last - first <= 2 * _LONGEST_TITLE:
            title = _plain(text[first:last])
            for each in {title, _OPENING_NUMBER.sub("", title)}:
                if _SHORTEST_TITLE <= len(each) <= _LONGEST_TITLE:
                    found[f"name {each}"].append(first)
    return dict(found)


def named_pointers(text: str, known: Collection[str]) -> Iterator[str]:
    """The targets among ``known``, keys of :func:`named_targets`, that a text points to by name."""
    for match in _REFERENCE.finditer(text):
        if match["mark"]:
            yield from [key for key in (f"mark {match['mark']}",) if key in known]
            continue
        name = _plain(match[match.lastgroup or 0])
        kinds = ("note",) if match.lastgroup == "note" else ("name", "label")
        yield from (key for kind in kinds if (key := f"{kind} {name}") in known)
    for cue in _CUE.finditer(text):
        words = _plain(text[cue.end() : cue.end() + _LONGEST_TITLE]).split(" ")
        names = (f"name {' '.join(words[:number])}" for number in range(len(words), 0, -1))
        yield from [key for key in names if key in known][:1]
    for term in _TERM.finditer(text):
        if (key := f"term {_plain(term[0])}") in known:
            yield key


def _kind(group: str | None) -> str:
    return group if group in ("note", "term") else "label"


def _plain(title: str) -> str:
    """Words alone, in lower case: a title and the anchor that is made of it are the same."""
    return _MARKS.sub(" ", title).strip().casefold()
