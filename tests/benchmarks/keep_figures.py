"""Keep of a report of bench what results/ holds: figures, without the kept spans and the replies.

python tests/benchmarks/keep_figures.py REPORT.json tests/benchmarks/results/NAME.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

import orjson

from longattncomp_cli.benchmark.reports.report import write_report

DROPPED = ("spans", "reply")


def main() -> None:
    """Write one report again without them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("report", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    report = orjson.loads(options.report.read_bytes())
    rows = [{name: value for name, value in row.items() if name not in DROPPED} for row in report["rows"]]
    write_report(options.output, {**report, "rows": rows})


if __name__ == "__main__":
    main()
