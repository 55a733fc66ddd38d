"""Patterns of ``--keep``, and how a text is searched for them.

They are RE2's: a search takes time in proportion to the text, and a pattern bounded memory, so that none
can hang a run.
"""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Iterator
from typing import Any

from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.text.line_ends import UnixText
from longattncomp_cli.core.text.utf8 import Utf8Text
from longattncomp_cli.errors import UsageError

SEARCH_SECONDS = 5.0
"""How long all patterns together may search one request."""
_PATTERN_BYTES = 1 << 24

_NAMES_CR = re.compile(r"\\r|\\x0[dD]|\\x\{0*[dD]\}|\r")


def compiled(pattern: str) -> Any:
    """Compile a pattern; ``^`` and ``$`` stand for ends of lines.

    Raises:
        UsageError: it is no pattern, or would need too much memory.
    """
    re2: Any = importlib.import_module("re2")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _PATTERN_BYTES
    try:
        return re2.compile(f"(?m){pattern}", options)
    except (re2.error, UnicodeEncodeError) as error:
        said = error.args[0]
        reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        reason = "not UTF-8" if isinstance(error, UnicodeEncodeError) else reason.replace("(?m)", "", 1)[:100]
        raise UsageError(
            f"--keep {shown(pattern)}: invalid pattern ({reason})",
            hint="escape special characters: --keep 'f\\(x\\)'; there is no look-around",
            code="bad-pattern",
        ) from error


def shown(pattern: str) -> str:
    """A pattern for a message."""
    return repr(pattern if len(pattern) <= 80 else pattern[:80] + "…")


def names_cr_itself(pattern: str) -> bool:
    """Whether a pattern names the carriage return, so that it wants the text as it stands."""
    return _NAMES_CR.search(pattern) is not None


class SearchedText:
    """The context of a source as patterns see it: UTF-8, and unless they name CR with plain line ends."""

    def __init__(self, source: Source, *, as_it_is: bool) -> None:
        self._ends = None if as_it_is or "\r" not in source.text else UnixText(source.text)
        self._encoded = Utf8Text(source.text if self._ends is None else self._ends.text)
        context = source.context_span
        self._low, self._high = (self._byte_of(offset) for offset in (context.start, context.end))

    def _byte_of(self, char: int) -> int:
        return self._encoded.byte_of(char if self._ends is None else self._ends.offset(char))

    def _char_of(self, byte: int) -> int:
        char = self._encoded.char_of(byte)
        return char if self._ends is None else self._ends.original(char)

    def find(self, pattern: str, deadline: float) -> Iterator[tuple[int, int]]:
        """The characters of each match.

        Raises:
            UsageError: the deadline passes.
        """
        for match in compiled(pattern).finditer(self._encoded.raw, self._low, self._high):
            if time.monotonic() > deadline:
                raise UsageError(
                    f"--keep {shown(pattern)} took longer than {SEARCH_SECONDS:g} seconds",
                    hint="make it match less far: [^\\n]* in place of (?s).*",
                    code="slow-pattern",
                )
            start, end = match.span()
            yield self._char_of(start), self._char_of(end)
