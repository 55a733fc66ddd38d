"""Which view a file has."""

from __future__ import annotations

import re
from pathlib import PurePath

from longattncomp_cli.core.files.paths import name_when_unpacked
from longattncomp_cli.core.inputs.views import chat_exports, mail, manual_pages, notebooks, pages
from longattncomp_cli.core.inputs.views.view import View

_MANUAL_SUFFIX = re.compile(r"\.[1-9][a-z]{0,4}|\.man|\.mdoc|\.roff")
_OPENING_CHARS = 2_000


def view_of(text: str, name: str) -> View | None:
    """How a file is read.

    Args:
        text: the whole file.
        name: its suffix says what it holds, and of pages the text too.

    Returns:
        ``None`` where the file is read as it stands.
    """
    suffix = suffix_of(name)
    opening = text[:_OPENING_CHARS]
    if suffix == ".ipynb":
        return notebooks.read(text)
    if suffix in (".html", ".htm", ".xhtml") or (not suffix and pages.is_page(opening)):
        return pages.read(text)
    if suffix in (".eml", ".mbox") or (not suffix and mail.is_mail(opening)):
        return mail.read(text)
    if _MANUAL_SUFFIX.fullmatch(suffix) and manual_pages.is_manual(opening):
        return manual_pages.read(text)
    if suffix == ".json" or (not suffix and opening.lstrip()[:1] in ("{", "[")):
        return chat_exports.read(text)
    return None


def suffix_of(name: str) -> str:
    """The suffix of what a file holds, in lower case: of ``page.HTML.gz`` it is ``.html``."""
    return PurePath(name_when_unpacked(name)).suffix.lower() if len(name) < 1_000 else ""
