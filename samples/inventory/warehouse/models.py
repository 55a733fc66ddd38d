"""The things a store keeps track of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum

PART_NUMBER = re.compile(r"[A-Z]{2,6}-\d{3,5}(?:-[A-Z0-9]{1,4})?")
BIN_CODE = re.compile(r"[A-H]\d{2}-\d{2}")


class Reason(str, Enum):
    """Why stock moved."""

    RECEIPT = "receipt"
    ISSUE = "issue"
    RETURN = "return"
    TRANSFER = "transfer"
    COUNT = "count"
    SCRAP = "scrap"


class Hazard(str, Enum):
    """What has to be watched when a part is stored."""

    NONE = "none"
    FLAMMABLE = "flammable"
    MERCURY = "mercury"
    PRESSURE = "pressure"
    FRAGILE = "fragile"


@dataclass(frozen=True)
class Part:
    """An article that can be ordered, stored and issued.

    Attributes:
        number: the part number, such as ``LAMP-400`` or ``VALVE-0120-B``.
        description: what it is, in the words of the stores ledger.
        unit: what one of it is: ``each``, ``litre``, ``metre``.
        unit_cost: the last price paid, in crowns.
        lead_days: calendar days from an order to its delivery.
        shelf_days: how long it may lie in a bin, ``None`` for ever.
        hazard: what the bin has to be fit for.
    """

    number: str
    description: str
    unit: str = "each"
    unit_cost: Decimal = Decimal("0")
    lead_days: int = 21
    shelf_days: int | None = None
    hazard: Hazard = Hazard.NONE

    def __post_init__(self) -> None:
        if not PART_NUMBER.fullmatch(self.number):
            raise ValueError(f"{self.number!r} is not a part number")
        if self.unit_cost < 0:
            raise ValueError(f"{self.number}: the unit cost is negative")
        if self.lead_days < 0:
            raise ValueError(f"{self.number}: the lead time is negative")

    @property
    def perishable(self) -> bool:
        """Whether it has to be used before some day."""
        return self.shelf_days is not None

    def expires(self, received: date) -> date | None:
        """Return the last day on which what was received on ``received`` may be used."""
        if self.shelf_days is None:
            return None
        return received + timedelta(days=self.shelf_days)


@dataclass(frozen=True)
class Bin:
    """A place on a shelf."""

    code: str
    capacity: int
    allows: frozenset[Hazard] = frozenset({Hazard.NONE, Hazard.FRAGILE})

    def __post_init__(self) -> None:
        if not BIN_CODE.fullmatch(self.code):
            raise ValueError(f"{self.code!r} is not a bin code")
        if self.capacity < 1:
            raise ValueError(f"bin {self.code} has no room")

    @property
    def aisle(self) -> str:
        """The letter of the aisle."""
        return self.code[0]

    @property
    def bay(self) -> int:
        """The number of the bay, counted from the door."""
        return int(self.code[1:3])

    def accepts(self, part: Part) -> bool:
        """Tell whether ``part`` may lie here."""
        return part.hazard in self.allows


@dataclass
class StockLine:
    """How many of a part lie in one bin, of one delivery."""

    part: str
    bin: str
    quantity: int
    received: date
    reserved: int = 0

    @property
    def free(self) -> int:
        """What is neither issued nor promised."""
        return self.quantity - self.reserved


@dataclass(frozen=True)
class Movement:
    """One entry of the ledger; the ledger is only ever added to."""

    at: datetime
    part: str
    quantity: int
    reason: Reason
    bin: str
    by: str = ""
    note: str = ""
    id: int = field(default=0, compare=False)

    @property
    def value_sign(self) -> int:
        """1 for what comes in, -1 for what goes out."""
        return 1 if self.quantity >= 0 else -1
