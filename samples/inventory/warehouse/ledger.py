"""The ledger: every movement of stock, in the order in which it happened."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from .errors import LedgerCorrupt
from .models import Movement, Reason


class Ledger:
    """An append-only list of movements, kept in a file of JSON lines.

    A movement is written before the stock changes, so that after a crash the stock can always be
    rebuilt from the ledger and never holds what the ledger does not explain.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._movements: list[Movement] = []
        if path is not None and path.exists():
            self._movements = list(self._read(path))

    def __len__(self) -> int:
        return len(self._movements)

    def __iter__(self) -> Iterator[Movement]:
        return iter(self._movements)

    def append(self, movement: Movement) -> Movement:
        """Write a movement down and give it its number."""
        numbered = replace(movement, id=len(self._movements) + 1)
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(_dump(numbered) + "\n")
        self._movements.append(numbered)
        return numbered

    def where(self, test: Callable[[Movement], bool]) -> list[Movement]:
        """Return the movements that pass ``test``."""
        return [movement for movement in self._movements if test(movement)]

    def between(self, first: date, last: date) -> list[Movement]:
        """Return the movements from ``first`` to ``last``, both days included."""
        return self.where(lambda movement: first <= movement.at.date() <= last)

    def of_part(self, number: str) -> list[Movement]:
        """Return the movements of one part."""
        return self.where(lambda movement: movement.part == number)

    def balance(self, number: str, bin: str | None = None) -> int:
        """Add up the movements of one part, in one bin or in all."""
        return sum(
            movement.quantity
            for movement in self._movements
            if movement.part == number and (bin is None or movement.bin == bin)
        )

    def issued(self, number: str, first: date, last: date) -> int:
        """Return how many were used from ``first`` to ``last``; returns count against it, transfers do not."""
        used = {Reason.ISSUE, Reason.RETURN}
        return -sum(m.quantity for m in self.between(first, last) if m.part == number and m.reason in used)

    @staticmethod
    def _read(path: Path) -> Iterator[Movement]:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                movement = _load(line, path, number)
                if movement.id != number:
                    raise LedgerCorrupt(str(path), number, f"movement {movement.id} stands at place {number}")
                yield movement


def _dump(movement: Movement) -> str:
    return json.dumps(
        {
            "id": movement.id,
            "at": movement.at.isoformat(timespec="seconds"),
            "part": movement.part,
            "quantity": movement.quantity,
            "reason": movement.reason.value,
            "bin": movement.bin,
            "by": movement.by,
            "note": movement.note,
        },
        ensure_ascii=False,
    )


def _load(line: str, path: Path, number: int) -> Movement:
    try:
        raw = json.loads(line)
        return Movement(
            id=int(raw["id"]),
            at=datetime.fromisoformat(raw["at"]),
            part=raw["part"],
            quantity=int(raw["quantity"]),
            reason=Reason(raw["reason"]),
            bin=raw["bin"],
            by=raw.get("by", ""),
            note=raw.get("note", ""),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise LedgerCorrupt(str(path), number, f"cannot read the movement: {error}") from error
