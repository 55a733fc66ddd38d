"""HTML pages: their headings, paragraphs, lists and tables; scripts, drawings and navigation left out.

Headings become Markdown's. Tables keep their tags, without attributes, because these say what is a row, a
cell and a head.
"""

from __future__ import annotations

import html
import re

from longattncomp_cli.core.inputs.views.tags import Token, tokens
from longattncomp_cli.core.inputs.views.view import View, ViewBuilder

_PAGE = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--.{0,500}?-->\s*)?(?:<!doctype html|<html\b)",
    re.IGNORECASE | re.DOTALL,
)
# What a program fills in is source code: its tags and attributes are what one asks about.
_TEMPLATE = re.compile(r"\{\{|\{%|<%|<\?php|<\?=|\bv-(?:if|for|bind)=|\*ng(?:If|For)=")
_OPENING_CHARS = 100_000

_LEFT_OUT = frozenset(
    {
        "script",
        "style",
        "svg",
        "nav",
        "template",
        "iframe",
        "object",
        "canvas",
        "noscript",
        "select",
        "datalist",
    }
)
_HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}
_BLOCKS = frozenset(
    {
        *(
            "address",
            "article",
            "aside",
            "blockquote",
            "body",
            "details",
            "div",
            "dl",
            "fieldset",
        ),
        *("figcaption", "figure", "footer", "form", "header", "hr", "head", "html", "main", "ol", "p"),
        *("section", "summary", "title", "ul", *_HEADINGS),
    }
)
_LISTS = frozenset({"ol", "ul", "menu"})
_MOST_NESTING = 6
_TABLE_TAGS = frozenset({"table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption"})
_CELL_SPANS = re.compile(r"\b(?:col|row)span\s*=\s*[\"']?\d{1,4}[\"']?", re.IGNORECASE)
_ENTITY_OR_SPACES = re.compile(r"&(?:#\d{1,8}|#[xX][0-9a-fA-F]{1,8}|[a-zA-Z]\w{1,31});?|\s{2,}|[\t\r\xa0]")


def is_page(opening: str) -> bool:
    """Whether a text without a telling name begins as a page."""
    return _PAGE.match(opening) is not None


def read(text: str) -> View | None:
    """What a browser would show, and its tables' tags; ``None`` for templates, and where there is no text."""
    if _TEMPLATE.search(text, 0, _OPENING_CHARS):
        return None
    writer = _Writer(text)
    for token in tokens(text):
        writer.take(token)
    return writer.builder.view("the text of a page", ".md")


class _Writer:
    """Writes the view, one token after the other."""

    def __init__(self, text: str) -> None:
        self.builder = ViewBuilder(text)
        self._text = text
        self._outside = ""
        self._depth = 0
        self._tables = 0
        self._lists = 0
        self._is_preformatted = False

    def take(self, token: Token) -> None:
        """Write what a token shows."""
        if self._outside:
            # Of what is left out only its own tags count: an end tag too many elsewhere ends nothing here.
            if token.name == self._outside:
                self._depth += 1 if token.kind == "open" else -1
                self._outside = self._outside if self._depth else ""
        elif token.kind == "text":
            self._write_text(token.start, token.end)
        elif token.name in _LEFT_OUT and token.kind == "open":
            if not self._text.endswith("/>", token.start, token.end):
                self._outside, self._depth = token.name, 1
        elif token.name in _TABLE_TAGS:
            self._write_table_tag(token)
        elif self._tables:
            if token.name in _BLOCKS or token.name in ("br", "li"):
                self._space()
        elif token.name == "pre":
            self._toggle_preformatted(token)
        elif token.name in _LISTS:
            self._lists = max(0, self._lists + (1 if token.kind == "open" else -1))
            self._break(1 if self._lists > (token.kind == "open") else 2)
        elif token.name in ("dt", "dd"):
            self._break(2 if (token.name, token.kind) == ("dt", "open") else 1)
            self.builder.write(":   " if (token.name, token.kind) == ("dd", "open") else "")
        elif token.name in _BLOCKS:
            if self.builder.ends_with("- "):
                return  # the first paragraph of an item stands beside its mark
            self._break(1 if self._lists and token.name not in _HEADINGS else 2)
            if token.kind == "open":
                self.builder.write(_HEADINGS.get(token.name, ""))
        elif token.name in ("br", "li") and token.kind == "open":
            self._break(1)
            nesting = "  " * min(max(0, self._lists - 1), _MOST_NESTING)
            self.builder.write(f"{nesting}- " if token.name == "li" else "")

    def _write_table_tag(self, token: Token) -> None:
        is_open = token.kind == "open"
        if token.name == "table":
            self._tables = self._tables + 1 if is_open else max(0, self._tables - 1)
        if is_open and token.name in ("table", "tr"):
            self._break(1)
        spans = "".join(f" {span}" for span in _CELL_SPANS.findall(self._text, token.start, token.end))
        written = f"<{token.name}{spans}>" if is_open else f"</{token.name}>"
        self.builder.replace(written, token.start, token.end)
        if token.name == "table" and not self._tables:
            self._break(2)

    def _toggle_preformatted(self, token: Token) -> None:
        if self._is_preformatted:
            self._break(1)
            self.builder.write("```\n\n")
        if token.kind == "open":
            self._break(2)
            self.builder.write("```\n")
        self._is_preformatted = token.kind == "open"

    def _write_text(self, start: int, end: int) -> None:
        """Entities become characters, and white space what a browser makes of it, but for line ends."""
        at = start
        for found in _ENTITY_OR_SPACES.finditer(self._text, start, end):
            written = found.group()
            if written.isspace():
                if self._is_preformatted:
                    continue
                shown = "\n" if "\n" in written else " "
            else:
                shown = html.unescape(written).replace("\xa0", " ")
                # A row's text must not be taken for a tag.
                shown = written if self._tables and shown in "<&" else shown
            self._copy(at, found.start())
            is_double = shown.isspace() and not self._is_preformatted and self._ends_in_space()
            self.builder.replace("" if is_double else shown, *found.span())
            at = found.end()
        self._copy(at, end)

    def _copy(self, start: int, end: int) -> None:
        if (
            start < end
            and not self._is_preformatted
            and self._text[start].isspace()
            and self._ends_in_space()
        ):
            start += 1
        self.builder.copy(start, end)

    def _ends_in_space(self) -> bool:
        return self.builder.ends_with(" ") or self.builder.ends_with("\n")

    def _space(self) -> None:
        if not self._ends_in_space():
            self.builder.write(" ")

    def _break(self, num_newlines: int) -> None:
        while not self.builder.ends_with("\n" * num_newlines):
            self.builder.write("\n")
