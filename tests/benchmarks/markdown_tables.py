"""Tables of a benchmark report in Markdown, as README.md beside it shows them.

python tests/benchmarks/markdown_tables.py REPORT.json [--figure recall] [--methods NAME…] [--targets]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

CEILINGS = ("full", "oracle")


def table(report: dict[str, Any], methods: list[str] | None, figure: str) -> list[str]:
    """One row a task and budget, one column a method; the best of a row in bold."""
    cells = {(c["task"], c["budget"], c["method"]): c for c in report["summary"]["cells"]}
    names = methods or list(
        dict.fromkeys(c["method"] for c in report["summary"]["cells"] if c["budget"] != "none")
    )
    lines = ["| task (items) | budget | " + " | ".join(names) + " |", "|" + "---|" * (len(names) + 2)]
    for task, budget in dict.fromkeys((task, budget) for task, budget, _ in cells if budget != "none"):
        row = [cells.get((task, budget, name)) for name in names]
        means = [c[figure]["mean"] for c in row if c and figure in c and c["method"] not in CEILINGS]
        count = max(c["n"] for c in row if c)
        lines.append(
            f"| {task} ({count}) | {budget} | "
            + " | ".join(cell(c, figure, means, count) for c in row)
            + " |"
        )
    return lines


def cell(found: dict[str, Any] | None, figure: str, means: list[float], count: int) -> str:
    """A mean with its interval, and its items where they are fewer than the row's."""
    if found is None or figure not in found:
        return "–"
    value = found[figure]
    mean = f"{value['mean']:.3f}"
    if found["method"] not in CEILINGS and value["mean"] == max(means) > 0:
        mean = f"**{mean}**"
    fewer = f" (n {found['n']})" if found["n"] < count else ""
    return f"{mean} [{value['low']:.2f}, {value['high']:.2f}]{fewer}"


def target_table(report: dict[str, Any], methods: list[str] | None) -> list[str]:
    """One row a task and method: the target's answers, and what they cost."""
    names = ["exact match", "F1", "retrieval loss", "tokens", "s to first token", "saved", "less scoring"]
    lines = ["| task (items) | method | accuracy | " + " | ".join(names) + " |", "|---" * 10 + "|"]
    for each in report["targets"]["cells"]:
        if methods and each["method"] not in methods:
            continue
        split, saved = each.get("decomposition"), each.get("saved", {})
        rivals = [
            c
            for c in report["targets"]["cells"]
            if (c["task"], c["budget"]) == (each["task"], each["budget"])
        ]
        answers = [
            cell(each, figure, _means(rivals, figure), each["n"])
            for figure in ("accuracy", "exact_match", "f1")
        ]
        counted = (
            each["context_tokens"] if each["prompt_tokens"] is None else each["prompt_tokens"] / each["n"]
        )
        costs = [
            f"{split['retrieval_loss']['mean']:+.3f}" if split else "",
            "–" if counted is None else f"{counted:,.0f}",
            "–" if each["first_token_seconds"] is None else f"{each['first_token_seconds']:.1f}",
            *(
                f"{saved[name]['mean']:+.1f} [{saved[name]['low']:.1f}, {saved[name]['high']:.1f}]"
                if name in saved
                else ""
                for name in ("first_token_seconds", "net_seconds")
            ),
        ]
        lines.append(
            f"| {each['task']} ({each['n']}) | {each['method']} | " + " | ".join([*answers, *costs]) + " |"
        )
    return lines


def _means(cells: list[dict[str, Any]], figure: str) -> list[float]:
    return [c[figure]["mean"] for c in cells if figure in c and c["method"] not in CEILINGS]


def main() -> None:
    """Print the table of one report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("report", type=Path)
    parser.add_argument("--figure", default="recall")
    parser.add_argument("--methods", nargs="*")
    parser.add_argument("--targets", action="store_true", help="what target models answered")
    options = parser.parse_args()
    report = json.loads(options.report.read_bytes())
    if options.targets:
        print("\n".join(target_table(report, options.methods)))
        return
    print("\n".join(table(report, options.methods, options.figure)))


if __name__ == "__main__":
    main()
