"""What to buy, when, and how much of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from .models import Part
from .store import Store

WINDOW_DAYS = 180
"""How far back the use of a part is looked at."""
WINTER_MONTHS = frozenset({11, 12, 1, 2, 3})
WINTER_FACTOR = 1.6
"""Boats are late in winter: the lead time of anything delivered then is multiplied by this."""
SAFETY = {"A": 1.65, "B": 1.28, "C": 0.84}
"""Standard deviations of spare stock for each class of part."""


@dataclass(frozen=True)
class Suggestion:
    """An order that should be placed."""

    part: str
    quantity: int
    on_hand: int
    reorder_point: int
    cost: Decimal
    deliver_by: date

    @property
    def pressing(self) -> bool:
        """Whether the stock is below half of the point at which it should have been ordered."""
        return self.on_hand * 2 < self.reorder_point


def daily_use(store: Store, number: str, today: date) -> float:
    """Return the mean number used a day over the window."""
    first = today - timedelta(days=WINDOW_DAYS)
    return max(0, store.ledger.issued(number, first, today)) / WINDOW_DAYS


def deviation(store: Store, number: str, today: date, days: int = 30) -> float:
    """Return the standard deviation of the use in periods of ``days`` over the window."""
    uses = []
    last = today
    while last - timedelta(days=days) >= today - timedelta(days=WINDOW_DAYS):
        first = last - timedelta(days=days - 1)
        uses.append(store.ledger.issued(number, first, last))
        last = first - timedelta(days=1)
    if len(uses) < 2:
        return 0.0
    mean = sum(uses) / len(uses)
    return math.sqrt(sum((use - mean) ** 2 for use in uses) / (len(uses) - 1))


def lead_days(part: Part, today: date) -> int:
    """Return the lead time of an order placed today, longer when it arrives in winter."""
    arrives = today + timedelta(days=part.lead_days)
    if arrives.month in WINTER_MONTHS:
        return math.ceil(part.lead_days * WINTER_FACTOR)
    return part.lead_days


def classify(store: Store, today: date) -> dict[str, str]:
    """Put parts into classes by the value that they turn over: A the first 80 %, B to 95 %, C the rest."""
    values = {
        part.number: Decimal(str(daily_use(store, part.number, today))) * part.unit_cost
        for part in store.catalogue
    }
    total = sum(values.values())
    classes, running = {}, Decimal(0)
    for number, value in sorted(values.items(), key=lambda item: (-item[1], item[0])):
        share = running / total if total else Decimal(1)
        classes[number] = "A" if share < Decimal("0.80") else "B" if share < Decimal("0.95") else "C"
        running += value
    return classes


def reorder_point(store: Store, number: str, today: date, part_class: str = "B") -> int:
    """Return the stock at which a part has to be ordered again."""
    days = lead_days(store.catalogue[number], today)
    expected = daily_use(store, number, today) * days
    spare = SAFETY[part_class] * deviation(store, number, today) * math.sqrt(days / 30)
    return math.ceil(expected + spare)


def order_quantity(part: Part, use_a_day: float, order_cost: Decimal = Decimal("85")) -> int:
    """Return the economic order quantity, cut to what is used before it perishes."""
    if use_a_day <= 0:
        return 0
    yearly = use_a_day * 365
    holding = float(part.unit_cost) * 0.22 or 0.5
    quantity = math.sqrt(2 * yearly * float(order_cost) / holding)
    if part.shelf_days is not None:
        quantity = min(quantity, use_a_day * part.shelf_days * 0.8)
    return max(1, round(quantity))


def suggest(store: Store, today: date) -> list[Suggestion]:
    """Return the orders that should be placed today, the most pressing first."""
    classes = classify(store, today)
    suggestions = []
    for part in store.catalogue:
        point = reorder_point(store, part.number, today, classes[part.number])
        free = store.free(part.number)
        if not point or free > point:
            continue
        quantity = order_quantity(part, daily_use(store, part.number, today))
        suggestions.append(
            Suggestion(
                part.number,
                quantity,
                free,
                point,
                part.unit_cost * quantity,
                today + timedelta(days=lead_days(part, today)),
            )
        )
    return sorted(suggestions, key=lambda s: (not s.pressing, -s.cost, s.part))
