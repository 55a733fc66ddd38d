"""Lookups in tables of seven formats: how often the row that answers is kept whole, and with its header.

    python tests/benchmarks/table_lookups.py --style stations --seed 0
    python tests/benchmarks/table_lookups.py --style orders --seed 1 --output FILE

Tables of 45 rows, of which 160 tokens may be kept; 20 lookups each by name, by number and by code, a third of
them with text around the table, a third with a second table in the file. Wide tables have 40 columns, and 900
tokens may be kept. Everything is made up, deterministically, by ``table_formats.py``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from results_file import write_results
from table_formats import FORMATS, OTHER_FORMATS, STYLES, WIDE_FORMATS, Lookup, lookups, wide_lookups
from timing import device_and_dtype

from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.source import Source

BUDGET = 160
WIDE_BUDGET = 900


def measure(compressor: Compressor, lookup: Lookup, budget: int) -> dict[str, Any]:
    """Ask one question; what of the answer was kept."""
    source = Source(lookup.text, name=lookup.name)
    kept = compressor.compress(source, lookup.question, budget).text
    has_row, has_header = lookup.row in kept, all(part in kept for part in lookup.header)
    row = {"kind": lookup.kind, "place": lookup.place, "row": has_row, "header": has_header}
    if lookup.rows:
        row["pieces"] = sum(
            1
            for line in kept.splitlines()
            if line.strip() and "[..." not in line and line.strip() not in lookup.rows
        )
    return row


def shares(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Shares of lookups: row kept, header kept, both; and both by the kind of lookup."""
    both = [row["row"] and row["header"] for row in rows]
    by_kind = {
        kind: sum(b for b, row in zip(both, rows, strict=True) if row["kind"] == kind)
        / sum(row["kind"] == kind for row in rows)
        for kind in dict.fromkeys(row["kind"] for row in rows)
    }
    num = len(rows)
    return {
        "lookups": num,
        "row": sum(row["row"] for row in rows) / num,
        "header": sum(row["header"] for row in rows) / num,
        "both": sum(both) / num,
        **by_kind,
        **({"pieces": sum(row["pieces"] for row in rows)} if "pieces" in rows[0] else {}),
    }


def main() -> None:
    """Measure, print a table, and write what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--style", choices=STYLES, default="stations")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--formats", nargs="*", default=[*FORMATS, *OTHER_FORMATS, *WIDE_FORMATS])
    parser.add_argument("--unnamed", action="store_true", help="without file names, as from standard input")
    parser.add_argument("--misses", action="store_true", help="print the questions that were missed")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    compressor = Compressor.load().remembering()
    figures: dict[str, Any] = {}
    print("| format | lookups | row | header | both | by name | by number | by code | pieces |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in args.formats:
        is_wide = name in WIDE_FORMATS
        make = wide_lookups if is_wide else lookups
        rows = []
        for lookup in make(args.style, args.seed, name, unnamed=args.unnamed):
            rows.append(measure(compressor, lookup, WIDE_BUDGET if is_wide else BUDGET))
            if args.misses and not (rows[-1]["row"] and rows[-1]["header"]):
                print(f"  {rows[-1]} {lookup.question}", flush=True)
        found = figures[name] = shares(rows)
        parts = [f"{found[part]:.2f}" for part in ("row", "header", "both", "name", "number", "code")]
        cells = [name, str(found["lookups"]), *parts, str(found.get("pieces", ""))]
        print(f"| {' | '.join(cells)} |", flush=True)
    if args.output:
        settings = {"style": args.style, "seed": args.seed, "unnamed": args.unnamed}
        shown = {"settings": settings, "figures": figures}
        write_results(
            args.output, shown, checkpoint=DEFAULT_CHECKPOINT, **device_and_dtype(compressor.scorer)
        )


if __name__ == "__main__":
    main()
