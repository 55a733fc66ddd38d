"""How errors speak of a JSON value that has another shape than a conversation's."""

from __future__ import annotations

from typing import Any

from longattncomp_cli.errors import InputError

AS_TEXT_HINT = "mend it, or read the file as plain text: --format text -q 'your question'"


def kind_name(value: Any) -> str:
    """What a JSON value is, in words."""
    names = {bool: "true or false", int: "a number", float: "a number", str: "a string", list: "a list"}
    return "missing" if value is None else names.get(type(value), "an object")


def short_form(value: Any) -> str:
    """A value as it is written, cut where it is long; ``missing`` where there is none."""
    shown = "missing" if value is None else repr(value)
    return shown if len(shown) <= 60 else shown[:60] + "…"


def wrong_shape(where: str, what: str) -> InputError:
    """The error of a wrong place."""
    said = f"{where} {what}" if what.startswith("is ") else f"{where}: {what}"
    return InputError(said, hint=AS_TEXT_HINT, code="bad-field")
