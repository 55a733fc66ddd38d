"""One store: its bins, what lies in them, and the ledger that explains it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from .catalogue import Catalogue
from .errors import BinFull, HazardRefused, NotEnoughStock, UnknownBin
from .ledger import Ledger
from .models import Bin, Movement, Reason, StockLine


class Store:
    """The stock of one place.

    Args:
        name: what the service calls the store.
        catalogue: the parts that may lie in it.
        bins: its places.
        ledger: where movements are written; a new one in memory where none is given.
    """

    def __init__(
        self, name: str, catalogue: Catalogue, bins: Iterable[Bin], ledger: Ledger | None = None
    ) -> None:
        self.name = name
        self.catalogue = catalogue
        self.bins = {bin.code: bin for bin in bins}
        self.ledger = ledger if ledger is not None else Ledger()
        self.lines: list[StockLine] = []

    # -- looking -------------------------------------------------------------------------------

    def bin(self, code: str) -> Bin:
        """Return the bin with this code."""
        try:
            return self.bins[code]
        except KeyError:
            raise UnknownBin(f"{self.name} has no bin {code}") from None

    def on_hand(self, number: str) -> int:
        """Return how many lie in all bins, promised ones included."""
        self.catalogue[number]
        return sum(line.quantity for line in self.lines if line.part == number)

    def free(self, number: str) -> int:
        """Return how many can be issued now."""
        self.catalogue[number]
        return sum(line.free for line in self.lines if line.part == number)

    def room(self, code: str) -> int:
        """Return how many more pieces a bin takes."""
        return self.bin(code).capacity - sum(line.quantity for line in self.lines if line.bin == code)

    def find_room(self, number: str, quantity: int) -> Bin | None:
        """Return the bin nearest to the door that is fit for the part and takes all of it."""
        part = self.catalogue[number]
        fit = [bin for bin in self.bins.values() if bin.accepts(part) and self.room(bin.code) >= quantity]
        return min(fit, key=lambda bin: (bin.bay, bin.code), default=None)

    def oldest_first(self, number: str) -> list[StockLine]:
        """Return the lines of a part in the order in which they are to be used up."""
        return sorted(
            (line for line in self.lines if line.part == number), key=lambda line: (line.received, line.bin)
        )

    # -- moving --------------------------------------------------------------------------------

    def receive(self, number: str, quantity: int, code: str, at: datetime, by: str = "") -> StockLine:
        """Put a delivery into a bin."""
        _check_quantity(quantity)
        part, bin = self.catalogue[number], self.bin(code)
        if not bin.accepts(part):
            raise HazardRefused(f"bin {code} is not fit for {part.hazard.value} goods ({number})")
        if self.room(code) < quantity:
            raise BinFull(f"bin {code} takes {self.room(code)} more, not {quantity}")
        self.ledger.append(Movement(at, number, quantity, Reason.RECEIPT, code, by))
        return self._put(number, quantity, code, at.date())

    def issue(self, number: str, quantity: int, at: datetime, by: str = "", note: str = "") -> list[Movement]:
        """Take parts out, the oldest delivery first; all that was asked for or nothing."""
        _check_quantity(quantity)
        free = self.free(number)
        if free < quantity:
            raise NotEnoughStock(number, quantity, free)
        movements = []
        for line in self.oldest_first(number):
            if not quantity:
                break
            taken = min(line.free, quantity)
            if not taken:
                continue
            movements.append(self.ledger.append(Movement(at, number, -taken, Reason.ISSUE, line.bin, by, note)))
            line.quantity -= taken
            quantity -= taken
        self._drop_empty()
        return movements

    def give_back(self, number: str, quantity: int, code: str, at: datetime, by: str = "") -> None:
        """Put back what was issued and not used; it counts as received today."""
        _check_quantity(quantity)
        if self.room(code) < quantity:
            raise BinFull(f"bin {code} takes {self.room(code)} more, not {quantity}")
        self.ledger.append(Movement(at, number, quantity, Reason.RETURN, code, by))
        self._put(number, quantity, code, at.date())

    def transfer(self, number: str, quantity: int, source: str, target: str, at: datetime, by: str = "") -> None:
        """Move parts from one bin to another; they keep the day on which they were received."""
        _check_quantity(quantity)
        part, bin = self.catalogue[number], self.bin(target)
        if not bin.accepts(part):
            raise HazardRefused(f"bin {target} is not fit for {part.hazard.value} goods ({number})")
        if self.room(target) < quantity:
            raise BinFull(f"bin {target} takes {self.room(target)} more, not {quantity}")
        lines = [line for line in self.oldest_first(number) if line.bin == source]
        free = sum(line.free for line in lines)
        if free < quantity:
            raise NotEnoughStock(number, quantity, free)
        for line in lines:
            moved = min(line.free, quantity)
            if not moved:
                continue
            self.ledger.append(Movement(at, number, -moved, Reason.TRANSFER, source, by))
            self.ledger.append(Movement(at, number, moved, Reason.TRANSFER, target, by))
            line.quantity -= moved
            self._put(number, moved, target, line.received)
            quantity -= moved
        self._drop_empty()

    def count(self, number: str, code: str, counted: int, at: datetime, by: str = "") -> int:
        """Set a bin right after somebody counted it; returns the difference."""
        lines = [line for line in self.oldest_first(number) if line.bin == code]
        difference = counted - sum(line.quantity for line in lines)
        if difference:
            self.ledger.append(Movement(at, number, difference, Reason.COUNT, code, by))
        if difference > 0:
            self._put(number, difference, code, at.date())
        missing = -difference
        for line in lines:
            if missing <= 0:
                break
            lost = min(line.quantity, missing)
            line.quantity -= lost
            line.reserved = min(line.reserved, line.quantity)
            missing -= lost
        self._drop_empty()
        return difference

    def scrap_expired(self, today: date, by: str = "") -> list[Movement]:
        """Take out everything whose shelf life is over."""
        gone = []
        for line in list(self.lines):
            last = self.catalogue[line.part].expires(line.received)
            if last is not None and last < today:
                at = datetime.combine(today, datetime.min.time())
                movement = Movement(at, line.part, -line.quantity, Reason.SCRAP, line.bin, by, f"expired {last}")
                gone.append(self.ledger.append(movement))
                line.quantity = line.reserved = 0
        self._drop_empty()
        return gone

    # -- promising -----------------------------------------------------------------------------

    def reserve(self, number: str, quantity: int) -> None:
        """Promise parts to an order, the oldest first."""
        _check_quantity(quantity)
        free = self.free(number)
        if free < quantity:
            raise NotEnoughStock(number, quantity, free)
        for line in self.oldest_first(number):
            promised = min(line.free, quantity)
            line.reserved += promised
            quantity -= promised

    def release(self, number: str, quantity: int) -> int:
        """Take back a promise; returns how many became free."""
        released = 0
        for line in reversed(self.oldest_first(number)):
            back = min(line.reserved, quantity - released)
            line.reserved -= back
            released += back
        return released

    # -- inside --------------------------------------------------------------------------------

    def _put(self, number: str, quantity: int, code: str, received: date) -> StockLine:
        for line in self.lines:
            if (line.part, line.bin, line.received) == (number, code, received):
                line.quantity += quantity
                return line
        line = StockLine(number, code, quantity, received)
        self.lines.append(line)
        return line

    def _drop_empty(self) -> None:
        self.lines = [line for line in self.lines if line.quantity > 0]


def _check_quantity(quantity: int) -> None:
    if quantity < 1:
        raise ValueError(f"a quantity of {quantity} moves nothing")
