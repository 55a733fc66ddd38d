"""The parts that the service knows."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path

from .errors import UnknownPart, WarehouseError
from .models import Hazard, Part

COLUMNS = ("number", "description", "unit", "unit_cost", "lead_days", "shelf_days", "hazard")


class Catalogue:
    """All parts, by number."""

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        self._parts: dict[str, Part] = {}
        for part in parts:
            self.add(part)

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[Part]:
        return iter(sorted(self._parts.values(), key=lambda part: part.number))

    def __contains__(self, number: object) -> bool:
        return number in self._parts

    def __getitem__(self, number: str) -> Part:
        try:
            return self._parts[number]
        except KeyError:
            similar = difflib.get_close_matches(number, self._parts, n=3, cutoff=0.7)
            raise UnknownPart(number, tuple(similar)) from None

    def add(self, part: Part) -> None:
        """Add a part; a number is given once and never again."""
        if part.number in self._parts:
            raise WarehouseError(f"part {part.number} is in the catalogue already")
        self._parts[part.number] = part

    def search(self, words: str) -> list[Part]:
        """Return the parts whose number or description holds every one of ``words``."""
        wanted = words.lower().split()
        return [
            part
            for part in self
            if all(word in f"{part.number} {part.description}".lower() for word in wanted)
        ]

    @classmethod
    def read(cls, path: Path) -> Catalogue:
        """Read a catalogue from CSV with a header of ``COLUMNS``."""
        catalogue = cls()
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = set(COLUMNS) - set(reader.fieldnames or ())
            if missing:
                raise WarehouseError(f"{path}: no column {', '.join(sorted(missing))}")
            for row in reader:
                catalogue.add(_part(row, path, reader.line_num))
        return catalogue

    def write(self, path: Path) -> None:
        """Write the catalogue where :meth:`read` finds it again."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for part in self:
                shelf = "" if part.shelf_days is None else part.shelf_days
                writer.writerow(
                    [part.number, part.description, part.unit, part.unit_cost, part.lead_days, shelf, part.hazard.value]
                )


def _part(row: dict[str, str], path: Path, line: int) -> Part:
    try:
        return Part(
            number=row["number"].strip(),
            description=row["description"].strip(),
            unit=row["unit"].strip() or "each",
            unit_cost=Decimal(row["unit_cost"] or "0"),
            lead_days=int(row["lead_days"] or 21),
            shelf_days=int(row["shelf_days"]) if row["shelf_days"] else None,
            hazard=Hazard(row["hazard"] or "none"),
        )
    except (ValueError, InvalidOperation) as error:
        raise WarehouseError(f"{path}:{line}: {error}") from error
