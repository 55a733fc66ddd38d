"""What can go wrong in a store, in words for the person at the counter."""

from __future__ import annotations


class WarehouseError(Exception):
    """Base of all errors that are told to the user."""


class UnknownPart(WarehouseError):
    """There is no such part in the catalogue."""

    def __init__(self, number: str, similar: tuple[str, ...] = ()) -> None:
        hint = f"; did you mean {', '.join(similar)}?" if similar else ""
        super().__init__(f"no part {number}{hint}")
        self.number = number
        self.similar = similar


class UnknownBin(WarehouseError):
    """There is no such bin."""


class NotEnoughStock(WarehouseError):
    """More was asked for than is free."""

    def __init__(self, number: str, asked: int, free: int) -> None:
        super().__init__(f"{number}: {asked} asked for, {free} free")
        self.number = number
        self.asked = asked
        self.free = free

    @property
    def short(self) -> int:
        """How many are missing."""
        return self.asked - self.free


class BinFull(WarehouseError):
    """A delivery does not fit."""


class HazardRefused(WarehouseError):
    """A bin is not fit for what should be put there."""


class OrderClosed(WarehouseError):
    """An order was changed after it had been closed."""


class LedgerCorrupt(WarehouseError):
    """The ledger file does not add up, or a line of it cannot be read."""

    def __init__(self, path: str, line: int, what: str) -> None:
        super().__init__(f"{path}:{line}: {what}")
        self.path = path
        self.line = line
