"""What the stock is worth."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from ..store import Store

CENT = Decimal("0.01")
WRITE_DOWN = ((1095, Decimal("0.50")), (365, Decimal("0.85")))
"""After so many days a piece counts for this share of its cost; the first rule that fits holds."""


def share_of_cost(age_days: int) -> Decimal:
    """Return what share of its cost a piece of this age counts for."""
    for limit, share in WRITE_DOWN:
        if age_days > limit:
            return share
    return Decimal(1)


def valuation(store: Store, today: date) -> dict[str, Decimal]:
    """Return the value of the stock by aisle, in crowns and cents."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for line in store.lines:
        cost = store.catalogue[line.part].unit_cost * line.quantity
        age = (today - line.received).days
        totals[store.bin(line.bin).aisle] += cost * share_of_cost(age)
    return {aisle: total.quantize(CENT, ROUND_HALF_EVEN) for aisle, total in sorted(totals.items())}
