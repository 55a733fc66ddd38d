"""The standard library's own source as test material: modules, functions, docstrings, exact spans."""

from __future__ import annotations

import ast
import sysconfig
import textwrap
import warnings
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path

from longattncomp_cli.core.metrics import SpanPair
from longattncomp_cli.data.splits import hash_share

_SKIPPED = {"test", "tests", "site-packages", "idlelib", "lib2to3", "turtledemo", "encodings", "pydoc_data"}
_FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Function:
    """A function without its docstring, and the docstring's first line (``""`` where it has none)."""

    name: str
    code: str
    question: str


@dataclass(frozen=True)
class Module:
    """One file of the standard library."""

    name: str
    source: str

    @property
    def is_dev(self) -> bool:
        """Which half it belongs to: figures are shown on one, choices made on the other."""
        return hash_share(f"module:{self.name}") < 0.5

    def definitions(self) -> list[tuple[str, SpanPair]]:
        """Names and character ranges of all functions and methods, from decorator to last line."""
        return [(node.name, self._span(*_lines(node))) for node in self._nodes]

    def functions(self) -> list[Function]:
        """All functions and methods that have more than a docstring, dedented."""
        found = []
        for node in self._nodes:
            first, last = _lines(node)
            docstring = ast.get_docstring(node)
            body = node.body
            code = self.source[slice(*self._span(first, last))]
            if docstring is not None:
                if len(body) < 2 or body[1].lineno <= (body[0].end_lineno or 0):
                    continue
                before = self.source[slice(*self._span(first, body[0].lineno - 1))]
                code = before + self.source[slice(*self._span((body[0].end_lineno or 0) + 1, last))]
            question = docstring.strip().split("\n")[0].strip() if docstring and docstring.strip() else ""
            found.append(Function(node.name, textwrap.dedent(code), question))
        return found

    @cached_property
    def _nodes(self) -> list[_FunctionNode]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(self.source)
        return [node for node in ast.walk(tree) if isinstance(node, _FunctionNode)]

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *accumulate(len(line) + 1 for line in self.source.split("\n"))]

    def _span(self, first: int, last: int) -> SpanPair:
        """The characters of lines ``first`` … ``last``, counted from 1, both included."""
        return self._line_starts[first - 1], min(self._line_starts[last], len(self.source))


def _lines(node: _FunctionNode) -> tuple[int, int]:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return first, node.end_lineno or node.lineno


@lru_cache(maxsize=1)
def read_modules() -> tuple[Module, ...]:
    """The standard library's modules of some size, in name order."""
    root = Path(sysconfig.get_paths()["stdlib"])
    modules = []
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root)
        if _SKIPPED & set(name.parts) or any(part.startswith("_sysconfig") for part in name.parts):
            continue
        source = path.read_text(encoding="utf-8", errors="replace")
        if 2_000 <= len(source) <= 200_000 and "\f" not in source and "\r" not in source:
            modules.append(Module(name.as_posix(), source))
    return tuple(modules)
