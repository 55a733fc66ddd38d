"""The command line of the counter."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from .catalogue import Catalogue
from .errors import WarehouseError
from .models import Bin, Hazard, Part
from .orders import OrderBook
from .planning import suggest
from .reports import ageing, render, valuation
from .store import Store

DEMO_DAY = date(1987, 10, 5)


def demo_store() -> Store:
    """Return a small store with some months of history."""
    catalogue = Catalogue(
        [
            Part("LAMP-400", "Lamp, metal halide, 400 W", unit_cost=Decimal("61.50"), hazard=Hazard.FRAGILE),
            Part("LAMP-1000", "Lamp, filament, 1000 W", unit_cost=Decimal("18.20"), hazard=Hazard.FRAGILE),
            Part("OIL-015", "Bearing oil, 15 W", unit="litre", unit_cost=Decimal("4.10"), shelf_days=730),
            Part("FUEL-002", "Paraffin", "litre", Decimal("0.62"), 14, None, Hazard.FLAMMABLE),
            Part("MERC-001", "Mercury for the bath", "kilogram", Decimal("38.00"), 60, None, Hazard.MERCURY),
            Part("VALVE-0120-B", "Relief valve, fog signal", unit_cost=Decimal("112.00"), lead_days=45),
            Part("BELT-330", "Drive belt, 330 mm", unit_cost=Decimal("7.75"), shelf_days=1825),
        ]
    )
    bins = [
        Bin("A01-01", 120),
        Bin("A01-02", 60),
        Bin("B02-01", 400, frozenset({Hazard.NONE, Hazard.FLAMMABLE})),
        Bin("C07-01", 80, frozenset({Hazard.MERCURY})),
        Bin("D03-04", 200),
    ]
    store = Store("Tarn Quay", catalogue, bins)
    start = datetime(1987, 4, 8, 9, 0)
    store.receive("LAMP-400", 40, "A01-01", start, "Oksana")
    store.receive("LAMP-1000", 48, "A01-02", start, "Oksana")
    store.receive("OIL-015", 30, "D03-04", start, "Pell")
    store.receive("FUEL-002", 300, "B02-01", start, "Pell")
    store.receive("MERC-001", 12, "C07-01", start, "Oksana")
    store.receive("BELT-330", 24, "D03-04", start, "Pell")
    for week in range(24):
        at = start + timedelta(weeks=week, hours=2)
        store.issue("LAMP-400", 1 + week % 2, at, "Pell")
        store.issue("FUEL-002", 9 + week % 5, at, "Pell")
        if week % 4 == 1:
            store.issue("OIL-015", 3, at, "Oksana")
    return store


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="warehouse", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("demo", help="show the reports of a small store")
    stock = commands.add_parser("stock", help="show what there is of a part")
    stock.add_argument("part")
    options = parser.parse_args(arguments)
    store = demo_store()
    try:
        if options.command == "stock":
            print(f"{options.part}: {store.on_hand(options.part)} on hand, {store.free(options.part)} free")
        else:
            _demo(store)
    except WarehouseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _demo(store: Store) -> None:
    book = OrderBook(store)
    order = book.place("Hollin Point", DEMO_DAY, urgent=True)
    order.ask("LAMP-400", 3)
    book.allocate()
    print(f"order {order.number} for {order.station}: {order.status.value}\n")
    print(render(("age", "lines", "pieces"), ageing(store, DEMO_DAY), right=(1, 2)), end="\n\n")
    print(render(("aisle", "value"), list(valuation(store, DEMO_DAY).items()), right=(1,)), end="\n\n")
    rows = [(s.part, s.quantity, s.on_hand, s.reorder_point, s.cost) for s in suggest(store, DEMO_DAY)]
    print(render(("order", "quantity", "free", "reorder at", "cost"), rows, right=(1, 2, 3, 4)))
