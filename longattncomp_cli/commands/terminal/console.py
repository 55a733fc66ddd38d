"""The two streams: consoles, notes and errors on stderr, data on stdout, bytes from stdin.

Text of documents reaches a terminal here, so it is stripped of control characters and never parsed as markup.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from typing import BinaryIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from longattncomp_cli.core.files.output_files import explain_os_error
from longattncomp_cli.errors import LongAttnCompError, OutputError, UsageError

Notify = Callable[[str], None]

# C0 and C1 controls, and the characters that reorder or hide text; joiners are part of words and of emoji.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+"
)
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_PIPED_WIDTH = 110


def safe(text: str) -> str:
    """The text on one line, without anything that could style or move a terminal."""
    return re.sub(r"\s+", " ", _UNSAFE.sub(" ", text)).strip()


def isolated(text: str) -> str:
    """Safe text that may run right to left, so that it leaves the order of what stands beside it alone."""
    return f"\u2068{text}\u2069" if _RIGHT_TO_LEFT.search(text) else text


def console(*, stderr: bool) -> Console:
    """A console on the stream as it is now; plain and of fixed width where it is not a terminal."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _PIPED_WIDTH
    return Console(file=stream, highlight=False, markup=False, emoji=False, width=width)


def print_error(error: LongAttnCompError) -> None:
    """One sentence of what is wrong, and what to type next."""
    out = console(stderr=True)
    out.print(Text.assemble(("error: ", "bold red"), safe(error.message)), soft_wrap=True)
    if error.hint:
        out.print(Text.assemble(("  try: ", "bold"), safe(error.hint)), soft_wrap=True)


def print_note(text: str) -> None:
    """A remark on stderr."""
    console(stderr=True).print(Text(f"note: {safe(text)}", style="dim"), soft_wrap=True)


def on_note(*, quiet: bool) -> Notify:
    """What is to be called with a note: prints it, or drops it."""
    return (lambda text: None) if quiet else print_note


def stdin_bytes() -> BinaryIO:
    """Standard input as bytes.

    Raises:
        UsageError: it is closed.
    """
    if sys.stdin is None:
        raise UsageError("stdin is closed", hint="name a file")
    return sys.stdin.buffer


class StdoutLines:
    """Writes lines to standard output, each at once."""

    def write(self, line: bytes) -> None:
        """Write one line, with its end."""
        _write_stdout(line)


def print_text(text: str) -> None:
    """Write a document's text to standard output, exactly: line ends as they are, nothing added."""
    _write_stdout(text.encode("utf-8"))


def _write_stdout(content: bytes) -> None:
    """Write and flush.

    Raises:
        BrokenPipeError: the reader is gone.
        ResourceError: the device is full.
        OutputError: it is closed, or fails otherwise.
    """
    if sys.stdout is None:
        raise OutputError("standard output is closed", hint="use --output FILE")
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        abandon_stdout()
        raise explain_os_error("standard output", error) from error


def abandon_stdout() -> None:
    """Discard what is left in Python's buffer; the interpreter would report it once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def shortened(text: str, width: int = 72) -> str:
    """The text, cut to ``width`` terminal columns; what it isolates is closed."""
    if cell_len(text) <= width:
        return text
    cut = set_cell_size(text, width - 1).rstrip()
    return cut + "\u2069" * (cut.count("\u2068") - cut.count("\u2069")) + "…"
