"""Budgets as the user writes them."""

from __future__ import annotations

import numpy as np

from longattncomp_cli.errors import UsageError

_MOST_TOKENS = 10**15


def parse_budget(value: str | int) -> int | float:
    """Read a budget as the user writes it.

    Args:
        value: ``4000``, ``"4000"``, ``"16k"``, ``"1.5k"``, ``"2m"``, or a share such as ``"12.5%"``.

    Returns:
        An ``int`` of tokens (1 or more), or a ``float`` share of the input in (0, 1].

    Raises:
        UsageError: the value is not a budget.
    """
    hint = "use a number of tokens (4000, 16k) or a share of the input (12.5%)"
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise UsageError(f"budget {value!r} is not a number of tokens", hint=hint, code="bad-budget")
    text = str(value).strip().lower().replace("_", "")
    scale, number = {"k": (1_000, text[:-1]), "m": (1_000_000, text[:-1]), "%": (0, text[:-1])}.get(
        text[-1:], (1, text)
    )
    try:
        amount = float(number)
    except ValueError:
        amount = float("nan")
    if not np.isfinite(amount) or number != number.strip() or "e" in number:
        raise UsageError(f"cannot read the budget {value!r}", hint=hint, code="bad-budget")
    if scale == 0:
        if not 0 < amount <= 100:
            raise UsageError(f"budget {value!r} is outside (0%, 100%]", hint=hint, code="bad-budget")
        return amount / 100
    tokens = amount * scale
    if not 1 <= tokens <= _MOST_TOKENS or tokens != int(tokens):
        raise UsageError(
            f"budget {value!r} is not a whole number of at least 1", hint=hint, code="bad-budget"
        )
    return int(tokens)


def budget_tokens(budget: str | int, original_tokens: int) -> int:
    """A budget as the user writes it, in tokens of an input that has ``original_tokens``.

    Raises:
        UsageError: it is not a budget.
    """
    amount = parse_budget(budget)
    return amount if isinstance(amount, int) else max(1, int(amount * original_tokens))
