"""The standard library's own source as test material, in two halves: read as ``bench`` reads it."""

from __future__ import annotations

from functools import lru_cache

from longattncomp_cli.core.text.spans import SpanPair
from longattncomp_cli.data import python_source
from longattncomp_cli.data.splits import hash_share


class Module(python_source.Module):
    """One file of the standard library."""

    @property
    def is_dev(self) -> bool:
        """Which half it belongs to: figures are shown on one, choices made on the other."""
        return hash_share(f"module:{self.name}") < 0.5

    def definitions(self) -> list[tuple[str, SpanPair]]:
        """Names and character ranges of all functions and methods, from decorator to last line."""
        return [(node.name, self.span_of(node)) for node in self.nodes]


@lru_cache(maxsize=1)
def read_modules() -> tuple[Module, ...]:
    """The standard library's modules of some size, in name order."""
    found = python_source.read_modules(python_source.standard_library())
    return tuple(Module(module.name, module.source) for module in found)
