"""HTML as a run of tags and texts, in time linear in its length whatever it holds.

The tokenizer of the standard library is not: of Python 3.11 it takes quadratic time for unclosed tags and
stops at a lone ``&#``. lxml, html5lib and selectolax do not say where in the file a text stands; tree-sitter
does, and takes minutes for 80 kB of unclosed tags. This one knows what reading needs: comments, quotes, and
elements whose content is no markup. Tags that nobody closed are the reader's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

_MARKUP = re.compile(r"<(?:!--|[!?]|/?(?P<name>[a-zA-Z][^\s/<>]{0,30}))")
_TAG_STOP = re.compile(r">|=[ \t\r\n]*(?P<quote>[\"'])")
_WITHOUT_MARKUP = ("script", "style")


class Token(NamedTuple):
    """A part of a page: ``text``, or a tag that opens or closes an element, with its characters."""

    kind: Literal["text", "open", "close"]
    name: str
    start: int
    end: int


def tokens(text: str) -> Iterator[Token]:
    """All texts and tags, in order; comments, declarations, scripts and styles fall out."""
    at = 0
    while found := _MARKUP.search(text, at):
        if found.start() > at:
            yield Token("text", "", at, found.start())
        if found.group() == "<!--":
            at = _behind(text, "-->", found.end())
        elif not found["name"]:
            at = _behind(text, ">", found.end())
        else:
            name = found["name"].lower()
            at = _tag_end(text, found.end())
            yield Token("close" if text[found.start() + 1] == "/" else "open", name, found.start(), at)
            if name in _WITHOUT_MARKUP and text[found.start() + 1] != "/":
                closing = re.compile(f"</{name}", re.IGNORECASE).search(text, at)
                at = closing.start() if closing else len(text)
    if at < len(text):
        yield Token("text", "", at, len(text))


def _tag_end(text: str, at: int) -> int:
    """Behind the ``>`` that ends a tag, which is none inside the quotes of a value."""
    while stop := _TAG_STOP.search(text, at):
        if not stop["quote"]:
            return stop.end()
        closing = text.find(stop["quote"], stop.end())
        at = closing + 1 if closing >= 0 else stop.end()
    return len(text)


def _behind(text: str, mark: str, at: int) -> int:
    found = text.find(mark, at)
    return len(text) if found < 0 else found + len(mark)
