"""Orders of the stations: what was asked for, what was promised, what was sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum

from .errors import NotEnoughStock, OrderClosed, WarehouseError
from .store import Store


class Status(str, Enum):
    """How far an order has come."""

    OPEN = "open"
    PROMISED = "promised"
    PARTLY_SENT = "partly sent"
    SENT = "sent"
    CANCELLED = "cancelled"


@dataclass
class OrderLine:
    """One part of an order."""

    part: str
    asked: int
    promised: int = 0
    sent: int = 0

    @property
    def missing(self) -> int:
        """What is neither promised nor sent."""
        return self.asked - self.promised - self.sent


@dataclass
class Order:
    """What a station wants."""

    number: int
    station: str
    placed: date
    lines: list[OrderLine] = field(default_factory=list)
    urgent: bool = False
    cancelled: bool = False

    @property
    def status(self) -> Status:
        """Work the status out from the lines."""
        if self.cancelled:
            return Status.CANCELLED
        if self.lines and all(line.sent == line.asked for line in self.lines):
            return Status.SENT
        if any(line.sent for line in self.lines):
            return Status.PARTLY_SENT
        if self.lines and all(not line.missing for line in self.lines):
            return Status.PROMISED
        return Status.OPEN

    def ask(self, part: str, quantity: int) -> OrderLine:
        """Add a line, or add to the line of the same part."""
        if self.status in (Status.SENT, Status.CANCELLED):
            raise OrderClosed(f"order {self.number} is {self.status.value}")
        if quantity < 1:
            raise ValueError(f"order {self.number}: {quantity} of {part}")
        for line in self.lines:
            if line.part == part:
                line.asked += quantity
                return line
        self.lines.append(OrderLine(part, quantity))
        return self.lines[-1]


class OrderBook:
    """All orders on one store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.orders: dict[int, Order] = {}

    def place(self, station: str, placed: date, *, urgent: bool = False) -> Order:
        """Open a new order."""
        order = Order(len(self.orders) + 1, station, placed, urgent=urgent)
        self.orders[order.number] = order
        return order

    def waiting(self) -> list[Order]:
        """Return the orders that still want something: urgent ones first, then the older ones."""
        open_orders = [order for order in self.orders.values() if any(line.missing for line in order.lines)]
        return sorted(
            (order for order in open_orders if not order.cancelled),
            key=lambda order: (not order.urgent, order.placed, order.number),
        )

    def allocate(self) -> dict[int, int]:
        """Promise what is free to the waiting orders; returns how many pieces each order got."""
        given: dict[int, int] = {}
        for order in self.waiting():
            for line in order.lines:
                quantity = min(line.missing, self.store.free(line.part))
                if quantity:
                    self.store.reserve(line.part, quantity)
                    line.promised += quantity
                    given[order.number] = given.get(order.number, 0) + quantity
        return given

    def send(self, number: int, at: datetime, by: str = "") -> int:
        """Send what is promised to an order; returns the number of pieces."""
        order = self._order(number)
        if order.cancelled:
            raise OrderClosed(f"order {number} is cancelled")
        pieces = 0
        for line in order.lines:
            if not line.promised:
                continue
            self.store.release(line.part, line.promised)
            try:
                self.store.issue(line.part, line.promised, at, by, note=f"order {number}")
            except NotEnoughStock as error:
                self.store.reserve(line.part, error.free)
                line.promised = error.free
                raise
            pieces += line.promised
            line.sent += line.promised
            line.promised = 0
        return pieces

    def cancel(self, number: int) -> None:
        """Cancel an order of which nothing was sent; what it was promised becomes free."""
        order = self._order(number)
        if any(line.sent for line in order.lines):
            raise OrderClosed(f"order {number} is {order.status.value}, it cannot be cancelled")
        for line in order.lines:
            line.promised = 0
        order.cancelled = True

    def _order(self, number: int) -> Order:
        try:
            return self.orders[number]
        except KeyError:
            raise WarehouseError(f"no order {number}") from None
