"""Code: definitions by a tree-sitter grammar where one is installed, by braces or indentation where none is.

The grammars come from the packages ``tree-sitter-python`` and so on, which hold them compiled: nothing
is fetched when they are used. A text with syntax errors gives the definitions that could be made out.
"""

from __future__ import annotations

import importlib
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from longattncomp_cli.core.text.structure.formats.braces import is_braced
from longattncomp_cli.core.text.structure.formats.braces import read_code as read_braces
from longattncomp_cli.core.text.structure.formats.lines import plain_lines
from longattncomp_cli.core.text.structure.indented import read_indented
from longattncomp_cli.core.text.structure.units import Structure, Unit, build, heading_span, line_begin
from longattncomp_cli.core.text.utf8 import Utf8Text

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_MODULES = {"tsx": ("typescript", "language_tsx"), "typescript": ("typescript", "language_typescript")}


_MOST_CHARS = 8_000_000
"""Longer texts are read by indentation, which takes no tree in memory."""


_WRAPPERS = frozenset(
    {"decorated_definition", "export_statement", "template_declaration", "ambient_declaration"}
)


_CONTAINERS = frozenset(
    {
        "class_definition",
        "class_declaration",
        "class",
        "module",
        "abstract_class_declaration",
        "internal_module",
    }
    | {
        "interface_declaration",
        "impl_item",
        "trait_item",
        "mod_item",
        "namespace_definition",
        "class_specifier",
    }
    | {"enum_declaration", "record_declaration", "singleton_class", "struct_specifier", "union_specifier"}
)


_TRANSPARENT = frozenset(
    {"ERROR", "preproc_ifdef", "preproc_if", "preproc_else", "preproc_elif", "linkage_specification"}
    | {
        "declaration_list",
        "class_body",
        "body_statement",
        "block",
        "field_declaration_list",
        "statement_block",
    }
)


_DEFINITION = re.compile(
    r"function|method|constructor|_item$|macro_definition|type_declaration|type_alias|lexical_declaration"
)


_STATEMENTS = re.compile(r"(?:block|body|compound_statement|_list|then|else|clause|body_statement)$")


_LONG_LEAF_CHARS = 1_000
"""Only a definition longer than this may have to be cut: only there are statements looked for."""


_LONG_STATEMENT_CHARS = 3_000
_MOST_DEPTH = 24


# Real files take 0.004 to 0.008 steps a byte.
_BYTES_A_STEP = 10
_FEWEST_STEPS = 500
_BLOCK_BYTES = 1 << 16


def read(text: str, kind: str) -> Structure:
    """Read the definitions of a source text.

    Args:
        text: a file, or several one after the other.
        kind: a language of :data:`~longattncomp_cli.core.text.structure.kinds.GRAMMARS`, or ``code``.
    """
    parser = None if kind == "code" or len(text) > _MOST_CHARS else _parser(kind)
    encoded = Utf8Text(text)
    root = None if parser is None else _parsed(parser, encoded.raw)
    if root is None:
        plain = plain_lines(text)
        return read_braces(plain) if is_braced(plain) else read_indented(plain)
    return _Reader(text, encoded, root, kind).structure()


@cache
def _parser(kind: str) -> Parser | None:
    package, function = _MODULES.get(kind, (kind, "language"))
    try:
        from tree_sitter import Language, Parser

        grammar: Any = importlib.import_module(f"tree_sitter_{package}")
        return Parser(Language(getattr(grammar, function)()))
    except (ImportError, AttributeError, ValueError):
        return None  # not installed, or made for another version of tree-sitter


def _parsed(parser: Parser, raw: bytes) -> Node | None:
    """Parse, or give up after a number of steps that no real file needs: what is no code can take minutes.

    Steps are counted, not seconds, so that the same text has the same structure on every machine.
    """
    left = _FEWEST_STEPS + len(raw) // _BYTES_A_STEP

    def is_enough(*_: object) -> bool:
        nonlocal left
        left -= 1
        return left < 0

    def block(offset: int, _: object) -> bytes:
        return raw[offset : offset + _BLOCK_BYTES]

    parser.reset()
    try:
        return parser.parse(block, progress_callback=is_enough).root_node
    except ValueError:
        return None


class _Reader:
    """Collects the units of one parsed text; byte offsets become character offsets."""

    def __init__(self, text: str, encoded: Utf8Text, root: Node, kind: str) -> None:
        self.text = text
        self.kind = kind
        self.encoded = encoded
        self.root = root
        self.units: list[Unit] = []
        self.steps: list[int] = []

    def structure(self) -> Structure:
        """Walk the tree."""
        self._walk(self.root, 0)
        return build(self.kind, self.units, self.steps)

    def _span(self, node: Node) -> tuple[int, int]:
        return self.encoded.char_of(node.start_byte), self.encoded.char_of(node.end_byte)

    def _walk(self, parent: Node, depth: int) -> None:
        """The definitions right inside ``parent``; comments that touch one belong to it."""
        comment: Node | None = None
        previous_row = -2
        for node in parent.named_children:
            if "comment" in node.type or node.type == "attribute_item":
                comment = comment if comment is not None and node.start_point[0] == previous_row + 1 else node
                previous_row = node.end_point[0] - (node.end_point[1] == 0)
                continue
            touches = comment is not None and node.start_point[0] <= previous_row + 1
            self._statement(node, comment if touches else None, depth)
            comment = None

    def _statement(self, node: Node, comment: Node | None, depth: int) -> None:
        if node.type in _TRANSPARENT:
            if depth < _MOST_DEPTH:
                self._walk(node, depth + 1)
            return
        is_one_line = node.start_point[0] == node.end_point[0]
        inner = _unwrapped(node)
        body = inner.child_by_field_name("body")
        is_definition = _DEFINITION.search(inner.type) is not None
        if is_one_line and not is_definition:
            return
        start, end = self._span(node)
        start = line_begin(self.text, self._span(comment)[0] if comment is not None else start)
        end = start + len(self.text[start:end].rstrip())
        # Decorators stand on lines of their own; ``export`` or ``template`` on the definition's.
        own = max(start, self.text.rfind("\n", 0, self._span(inner)[0]) + 1)
        if inner.type in _CONTAINERS and body is not None and depth < _MOST_DEPTH:
            heading = heading_span(self.text, own, self._body_begin(body))
            self.units.append(Unit(start, end, heading, leaf=False))
            self._walk(body, depth + 1)
        elif not is_definition and _is_text(inner):
            return
        elif not is_definition and end - start > _LONG_STATEMENT_CHARS and depth < _MOST_DEPTH:
            self.units.append(Unit(start, end, self._first_line(start, end), leaf=False))
            for child in inner.named_children:
                self._statement(child, None, depth + 1)
        else:
            heading = heading_span(self.text, own, self._body_begin(body)) if body is not None else None
            self.units.append(Unit(start, end, heading or self._first_line(own, end)))
            if end - start > _LONG_LEAF_CHARS:
                self._collect_steps(inner)

    def _body_begin(self, body: Node) -> int:
        """Where a body begins; behind its brace, where that ends the line that heads it."""
        begin = self._span(body)[0]
        line = self.text.rfind("\n", 0, begin) + 1
        return begin + (self.text.startswith("{", begin) and bool(self.text[line:begin].strip()))

    def _first_line(self, start: int, end: int) -> tuple[int, int] | None:
        stop = self.text.find("\n", start, end)
        return heading_span(self.text, start, stop) if stop > 0 else None

    def _collect_steps(self, top: Node) -> None:
        """Where statements begin that stand first on their line."""
        pending = [(top, 0)]
        while pending:
            parent, depth = pending.pop()
            are_statements = _STATEMENTS.search(parent.type) is not None
            for node in parent.named_children:
                start = self._span(node)[0]
                begin = line_begin(self.text, start)
                if are_statements and (begin < start or self.text[begin - 1 : begin] == "\n"):
                    self.steps.append(begin)
                if depth < _MOST_DEPTH and node.end_point[0] > node.start_point[0]:
                    pending.append((node, depth + 1))


def _unwrapped(node: Node) -> Node:
    """The definition inside its decorators, ``export`` or ``template``."""
    for _ in range(4):
        if node.type not in _WRAPPERS:
            break
        inner = node.child_by_field_name("definition") or node.child_by_field_name("declaration")
        children = node.named_children
        if inner is None and not children:
            break
        node = inner or children[-1]
    return node


def _is_text(node: Node) -> bool:
    """Whether a statement is nothing but a string, such as a module's docstring."""
    children = node.named_children
    return node.type == "expression_statement" and len(children) == 1 and children[0].type == "string"
