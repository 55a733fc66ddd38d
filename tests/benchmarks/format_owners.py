"""Lines of made files of many formats: how many are found under their own heading lines and no other's.

    python tests/benchmarks/format_owners.py --output FILE

Twenty files of each format of ``tests/support/made_files.py``. Nothing is scored. Reader and generator are of
one hand: this says that they agree, not how files elsewhere are read.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from longattncomp_cli.core.text.structure.reader import structure_of
from longattncomp_cli.core.text.structure.units import Structure

NUM_FILES = 20


def headings(text: str, structure: Structure | None, line: str) -> str:
    """The heading lines of what the only such line holds first."""
    at = text.index(line.split("\n")[0])
    at += len(line) - len(line.lstrip())
    spans = structure.headings_at(at) if structure else []
    return "\n".join(text[slice(*span)] for span in spans)


def judged_lines(made: Any, text: str, structure: Structure | None) -> Iterator[tuple[str, str]]:
    """Each line of which is known under what it stands, and what is wrong about its headings, if anything.

    Args:
        made: the file, a ``tests.support.made_files.Made``.
        text: as it is written.
        structure: of the text.
    """
    owners = {owner for _, each in made.lines for owner in each}
    numbered = {owner for owner in owners if any(char.isdigit() for char in owner)}
    for line, own in made.lines:
        if not own or text.count(line.split("\n")[0]) != 1:
            continue
        found = headings(text, structure, line)
        missing = [owner for owner in own if owner not in found]
        foreign = [owner for owner in numbered - set(own) if owner in found]
        yield line, f"missing {missing}, foreign {foreign} in {found!r}" if missing or foreign else ""


def main() -> None:
    """Print a line a format, and write what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.support.made_files import MAKERS

    rows = []
    for name, make in MAKERS.items():
        wrongs = []
        for seed in range(NUM_FILES):
            made = make(random.Random(f"{name} {seed}"))
            structure = structure_of(made.text, made.name)
            wrongs += [wrong for _, wrong in judged_lines(made, made.text, structure)]
        rows.append({"format": name, "lines": len(wrongs), "right": wrongs.count("")})
        print(f"{name:<16}{rows[-1]['right']:>6} of {rows[-1]['lines']:>6}")
    lines, right = (sum(row[part] for row in rows) for part in ("lines", "right"))
    print(f"{'all':<16}{right:>6} of {lines:>6}, {right / lines:.1%}")
    if args.output:
        from results_file import write_results

        figures = {"lines": lines, "right": right, "formats": rows}
        write_results(args.output, figures, checkpoint="", device="cpu", dtype="float32")


if __name__ == "__main__":
    main()
