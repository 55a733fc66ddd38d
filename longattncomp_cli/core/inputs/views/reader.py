"""Which view a file has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from longattncomp_cli.core.files.paths import name_when_unpacked
from longattncomp_cli.core.inputs.views import blobs, mail, manual_pages, notebooks, pages
from longattncomp_cli.core.inputs.views.view import View
from longattncomp_cli.core.text.spans import Span

_MANUAL_SUFFIX = re.compile(r"\.[1-9][a-z]{0,4}|\.man|\.mdoc|\.roff")
_OPENING_CHARS = 2_000


def view_of(text: str, name: str, must_stay: Sequence[Span] = ()) -> View | None:
    """How a file is read.

    Args:
        text: the whole file.
        name: its suffix says what it holds, and of pages the text too.
        must_stay: parts of an ordinary text that are not folded, though they look like data.

    Returns:
        ``None`` where the file is read as it stands.
    """
    suffix = suffix_of(name)
    opening = text[:_OPENING_CHARS]
    view = None
    if suffix == ".ipynb":
        view = notebooks.read(text)
    elif suffix in (".html", ".htm", ".xhtml") or (not suffix and pages.is_page(opening)):
        view = pages.read(text)
    elif suffix in (".eml", ".mbox") or (not suffix and mail.is_mail(opening)):
        view = mail.read(text)
    elif _MANUAL_SUFFIX.fullmatch(suffix) and manual_pages.is_manual(opening):
        view = manual_pages.read(text)
    return view or blobs.read(text, must_stay)


def suffix_of(name: str) -> str:
    """The suffix of what a file holds, in lower case: of ``page.HTML.gz`` it is ``.html``."""
    return PurePath(name_when_unpacked(name)).suffix.lower() if len(name) < 1_000 else ""
