"""LongAttnComp: keep the parts of a long context which a query needs, within a token budget.

Implements arXiv:2606.01336. The command line is ``longattncomp``. From Python::

    from longattncomp_cli import Compressor

    compressor = Compressor.load()
    result = compressor.compress(text, "Who approved the budget?", budget=4000)
    print(result.text)

A context that is asked several times is read once::

    context = compressor.read(text)
    for question in questions:
        print(context.compress(question, budget=4000).text)

Importing this package imports no torch; :meth:`Compressor.load` does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from longattncomp_cli.version import __version__ as __version__

if TYPE_CHECKING:
    from longattncomp_cli.core.compressor import Compressor
    from longattncomp_cli.core.inputs.source import Source
    from longattncomp_cli.core.results.compression import Compression, Scored, ScoredText
    from longattncomp_cli.core.results.read_context import ReadContext
    from longattncomp_cli.core.selection.select import SelectionRule
    from longattncomp_cli.core.settings import CompressorSettings
    from longattncomp_cli.errors import InputError, LongAttnCompError, UsageError

__all__ = [
    "Compression",
    "Compressor",
    "CompressorSettings",
    "InputError",
    "LongAttnCompError",
    "ReadContext",
    "Scored",
    "ScoredText",
    "SelectionRule",
    "Source",
    "UsageError",
]

_HOMES = {
    "Compression": "core.results.compression",
    "Compressor": "core.compressor",
    "CompressorSettings": "core.settings",
    "InputError": "errors",
    "LongAttnCompError": "errors",
    "ReadContext": "core.results.read_context",
    "Scored": "core.results.compression",
    "ScoredText": "core.results.compression",
    "SelectionRule": "core.selection.select",
    "Source": "core.inputs.source",
    "UsageError": "errors",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return [*globals(), *__all__]
