"""Python source trees as material: modules, definitions with exact spans, functions with docstrings."""

from __future__ import annotations

import ast
import sysconfig
import textwrap
import warnings
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.errors import InputError

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_SKIPPED = {"test", "tests", "site-packages", "idlelib", "lib2to3", "turtledemo", "encodings", "pydoc_data"}
_LEAST_CHARS, _MOST_CHARS = 2_000, 200_000


@dataclass(frozen=True)
class Function:
    """A function without its docstring, and the docstring (``""`` where it has none), both dedented."""

    name: str
    code: str
    docstring: str

    @property
    def question(self) -> str:
        """The docstring's first line."""
        return self.docstring.strip().split("\n")[0].strip()

    @property
    def summary(self) -> str:
        """The docstring's first paragraph on one line."""
        return " ".join(self.docstring.strip().split("\n\n")[0].split())


@dataclass(frozen=True)
class Module:
    """One Python file."""

    name: str
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(self.source)

    @property
    def is_valid(self) -> bool:
        """Whether the source can be parsed."""
        try:
            return bool(self.tree)
        except (SyntaxError, ValueError):
            return False

    @cached_property
    def nodes(self) -> list[FunctionNode]:
        """All functions and methods."""
        return [node for node in ast.walk(self.tree) if isinstance(node, FunctionNode)]

    def span_of(self, node: FunctionNode) -> Span:
        """The characters of a definition, from its first decorator to the end of its last line."""
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        return self._lines(first, node.end_lineno or node.lineno)

    def offset(self, line: int, column: int) -> int:
        """The character at a line (from 1) and a column in UTF-8 bytes, as the syntax tree counts them."""
        start = self._line_starts[line - 1]
        text = self.source[start : start + column]
        return start + (len(text) if text.isascii() else len(text.encode()[:column].decode(errors="ignore")))

    def functions(self) -> list[Function]:
        """All functions that have more than a docstring, dedented."""
        found = []
        for node in self.nodes:
            start, end = self.span_of(node)
            docstring = ast.get_docstring(node)
            code = self.source[start:end]
            if docstring is not None:
                body = node.body
                if len(body) < 2 or body[1].lineno <= (body[0].end_lineno or 0):
                    continue
                first = self._lines(body[0].lineno, body[0].lineno)[0]
                last = self._lines(1, body[0].end_lineno or 1)[1]
                code = self.source[start:first] + self.source[last:end]
            found.append(Function(node.name, textwrap.dedent(code), docstring or ""))
        return found

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *accumulate(len(line) + 1 for line in self.source.split("\n"))]

    def _lines(self, first: int, last: int) -> Span:
        """The characters of lines ``first`` … ``last``, counted from 1, both included."""
        return Span(self._line_starts[first - 1], min(self._line_starts[last], len(self.source)))


def standard_library() -> Path:
    """The folder of the running Python's standard library."""
    return Path(sysconfig.get_paths()["stdlib"])


def read_modules(folder: Path) -> list[Module]:
    """The Python files below a folder, of some size, in name order; tests and installed packages left out.

    Raises:
        InputError: it is not a folder, or holds no such file.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: not a folder of Python files", hint="name a folder with --python")
    modules = []
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder)
        if _SKIPPED & set(name.parts) or any(part.startswith("_sysconfig") for part in name.parts):
            continue
        source = path.read_text(encoding="utf-8", errors="replace")
        module = Module(name.as_posix(), source)
        if (
            len(source) in range(_LEAST_CHARS, _MOST_CHARS)
            and not set("\f\r") & set(source)
            and module.is_valid
        ):
            modules.append(module)
    if not modules:
        raise InputError(f"{folder}: no Python file of {_LEAST_CHARS} to {_MOST_CHARS} characters below it")
    return modules
