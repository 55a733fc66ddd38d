"""Data written as letters inside a text: base64 of images and keys, long hexadecimal numbers, Git's patches.

Nobody reads them, yet a page of them costs thousands of tokens: a mark with their length stands there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from longattncomp_cli.core.inputs.views.view import View, ViewBuilder
from longattncomp_cli.core.text.spans import Span

_LEAST_CHARS = 512
_LINE_CHARS = 60
_BLOCK_CHARS = 1 << 20
# One run; or lines of one width as encoders write them, the last one shorter; or the base85 of a binary file
# in a patch, behind its size, each line behind a letter for its length.
_CANDIDATE = re.compile(
    rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{{_LEAST_CHARS},}}+={{0,2}}"
    r"|(?:(?<=\n)|(?<=\A))[ \t]*"
    rf"(?:[A-Za-z0-9+/]{{{_LINE_CHARS},76}}\r?\n[ \t]*){{7,}}[A-Za-z0-9+/]{{0,76}}={{0,2}}"
    r"|(?<=\n)(?:literal|delta) \d+\r?\n"
    r"(?P<patch>(?:[A-Za-z](?:[0-9A-Za-z!#-&(-+;-@^-`{-~-]{5}){1,13}\r?\n){7,})"
)
_HEXADECIMAL = re.compile(r"[0-9a-fA-F\s]+")


def read(text: str, must_stay: Sequence[Span] = ()) -> View | None:
    """The text with marks for its blobs; ``None`` where it has none.

    Args:
        text: of a file.
        must_stay: no blob that touches one of these is folded.
    """
    if not _has_long_words(text):
        return None
    builder = ViewBuilder(text)
    at = folded = num_chars = 0
    for found in _CANDIDATE.finditer(text):
        start, end = found.span("patch" if found["patch"] else 0)
        blob = text[start:end].strip()
        start = text.index(blob, start)
        end = start + len(blob)
        is_data = found["patch"] or _is_data(blob)
        if not is_data or any(span.start < end and start < span.end for span in must_stay):
            continue
        builder.copy(at, start)
        builder.replace(f"[{end - start:,} characters of data]", start, end)
        at = end
        folded += 1
        num_chars += end - start
    if not folded:
        return None
    builder.copy(at, len(text))
    blobs = "a blob" if folded == 1 else f"{folded:,} blobs"
    return builder.view(f"its text without {blobs} of {num_chars:,} characters of data")


def _has_long_words(text: str) -> bool:
    """A quick look whether any blob can be there: most texts have no word of that length."""
    blocks = (text[at : at + _BLOCK_CHARS] for at in range(0, len(text), _BLOCK_CHARS))
    return any(len(word) >= _LINE_CHARS for block in blocks for word in block.split())


def _is_data(blob: str) -> bool:
    """Whether it looks drawn at random: digits and both cases of letters everywhere, or hexadecimal."""
    sample = blob[:4096]
    if _HEXADECIMAL.fullmatch(sample):
        return len(set(sample)) >= 12
    kinds = (str.isupper, str.islower, str.isdigit)
    least = min(sum(map(kind, sample)) for kind in kinds)
    return least >= len(sample) // 40 and len(set(sample)) >= 32
