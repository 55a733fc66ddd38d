"""How old the stock is."""

from __future__ import annotations

from datetime import date

from ..store import Store

BANDS = ((0, 90), (91, 365), (366, 1095), (1096, None))
"""Days since a delivery, both ends included."""


def band_name(low: int, high: int | None) -> str:
    """Return the heading of a band."""
    return f"over {low - 1} days" if high is None else f"{low} to {high} days"


def ageing(store: Store, today: date) -> list[tuple[str, int, int]]:
    """Return, for each band of age, how many lines and how many pieces lie in it."""
    result = []
    for low, high in BANDS:
        lines = [
            line
            for line in store.lines
            if low <= (today - line.received).days and (high is None or (today - line.received).days <= high)
        ]
        result.append((band_name(low, high), len(lines), sum(line.quantity for line in lines)))
    return result


def expiring(store: Store, today: date, within_days: int = 60) -> list[tuple[str, str, int, date]]:
    """Return what has to be used within some days: part, bin, quantity and its last day."""
    found = []
    for line in store.lines:
        last = store.catalogue[line.part].expires(line.received)
        if last is not None and 0 <= (last - today).days <= within_days:
            found.append((line.part, line.bin, line.quantity, last))
    return sorted(found, key=lambda row: (row[3], row[0]))
