"""The plots of a report: recall against budget, needles, seconds, and where answers are lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from longattncomp_cli.benchmark.reports.page.svg import (
    HEIGHT,
    WIDTH,
    Axis,
    Plane,
    Style,
    log_ticks,
    short_count,
    short_seconds,
)
from longattncomp_cli.benchmark.reports.summary import CEILINGS, label_of
from longattncomp_cli.benchmark.setup.settings import UNBUDGETED

Json = Mapping[str, Any]

_PLAIN = ("head", "tail", "head-tail", "random")
_OWN = ("longattncomp", "untrained")
_SHARES = tuple((share, f"{share:g}") for share in (0, 0.25, 0.5, 0.75, 1))


def styles(methods: Sequence[str]) -> dict[str, Style]:
    """One look a method: colours for scorers, grey for ceilings and for those that do not read."""
    found: dict[str, Style] = {}
    for method in methods:
        if method in CEILINGS:
            found[method] = Style("--ceiling", 1.3, "6 4")
        elif method in _PLAIN:
            found[method] = Style("--quiet", 1.2, "2 3")
        else:
            number = sum(style.colour.startswith("--m") for style in found.values())
            found[method] = Style(f"--m{number % 8}", 2.6 if method.startswith("longattncomp") else 1.7)
    return found


def recall_figures(report: Json, looks: Mapping[str, Style]) -> Iterator[str]:
    """One plot a task: what is kept of the evidence against what is kept of the text."""
    cells = report["summary"]["cells"]
    for task in dict.fromkeys(cell["task"] for cell in cells):
        mine = [cell for cell in cells if cell["task"] == task]
        figure = "recall" if any("recall" in cell for cell in mine) else "answer_kept"
        mine = [cell for cell in mine if figure in cell and cell["kept_ratio"]["mean"] > 0]
        if not mine:
            continue
        ratios = [cell["kept_ratio"]["mean"] for cell in mine if cell["method"] != "full"] or [1.0]
        low, high = min(ratios) / 1.25, min(1.0, max(ratios) * 1.25)
        plane = Plane(
            Axis(low, high, _share_ticks(low, high), "kept of the text", is_log=True),
            Axis(0, 1, _SHARES, "evidence recall" if figure == "recall" else "answers kept"),
            f"recall against budget, {task}",
        )
        for method in sorted(dict.fromkeys(cell["method"] for cell in mine), key=lambda m: looks[m].width):
            if method == "full":
                continue
            points = []
            for cell in mine:
                if cell["method"] == method:
                    value, ratio = cell[figure], cell["kept_ratio"]["mean"]
                    told = (
                        f"{method} at {_budget(cell['budget'])}: {value['mean']:.3f} "
                        f"[{value['low']:.2f}, {value['high']:.2f}], {ratio:.1%} kept, {cell['n']} items"
                    )
                    points.append((ratio, value["mean"], value["low"], value["high"], told))
            plane.series(method, looks[method], sorted(points))
        num_items = max(cell["n"] for cell in mine)
        yield _figure(task, plane.render(), f"{num_items} items; vertical lines are 95% intervals")


def _share_ticks(low: float, high: float) -> list[tuple[float, str]]:
    shares = (0.001, 0.003, 0.01, 0.03, 0.06, 0.125, 0.25, 0.5, 1.0)
    return [(share, f"{share * 100:g}%") for share in shares if low <= share <= high]


def _budget(budget: str) -> str:
    return "its own rule" if budget == UNBUDGETED else budget


def heat_figures(report: Json, *, own: bool) -> Iterator[str]:
    """Needle heat maps, depth down and length across: of the project's own scorer, or of the others."""
    groups: dict[tuple[str, str, str], list[Json]] = defaultdict(list)
    for entry in report["summary"]["breakdown"]:
        if entry["depth"] is not None:
            groups[entry["task"], entry["method"], entry["budget"]].append(entry)
    for task, method, budget in sorted(groups):
        if method in (*CEILINGS, *_PLAIN) or method.startswith(_OWN) is not own:
            continue
        entries = groups[task, method, budget]
        title = f"{task} · {method} at {_budget(budget)}"
        yield _figure(title, _heat_map(entries, title), "evidence recall by depth (down) and length (across)")


def _heat_map(entries: Sequence[Json], label: str) -> str:
    lengths = sorted({entry["length"] for entry in entries})
    depths = sorted({entry["depth"] for entry in entries})
    left, top, bottom = 46, 8, 38
    wide, high = (WIDTH - left - 8) / len(lengths), (HEIGHT - top - bottom) / len(depths)
    parts = []
    for entry in entries:
        x = left + lengths.index(entry["length"]) * wide
        y = top + depths.index(entry["depth"]) * high
        told = (
            f"{short_count(entry['length'])} tokens, depth {entry['depth']:g}: "
            f"recall {entry['recall']:.3f} of {entry['n']} items"
        )
        shade = f'fill="rgba(var(--heat), {0.08 + 0.85 * entry["recall"]:.3f})"'
        ink = "var(--ground)" if entry["recall"] > 0.55 else "var(--ink)"
        parts.append(
            f'<g><rect x="{x + 1:.1f}" y="{y + 1:.1f}" width="{wide - 2:.1f}" height="{high - 2:.1f}" '
            f'rx="3" {shade}/><text x="{x + wide / 2:.1f}" y="{y + high / 2 + 4:.1f}" '
            f'text-anchor="middle" style="fill:{ink}">'
            f"{entry['recall']:.2f}</text><title>{escape(told)}</title></g>"
        )
    for number, length in enumerate(lengths):
        x = left + (number + 0.5) * wide
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 22}" text-anchor="middle">{short_count(length)}</text>')
    for number, depth in enumerate(depths):
        y = top + (number + 0.5) * high + 4
        parts.append(f'<text x="{left - 6}" y="{y:.1f}" text-anchor="end">{depth:g}</text>')
    parts.append(
        f'<text x="{(left + WIDTH) / 2:.0f}" y="{HEIGHT - 4}" text-anchor="middle">context tokens</text>'
    )
    turned = f'transform="translate(11 {(HEIGHT - bottom) / 2:.0f}) rotate(-90)"'
    parts.append(f'<text {turned} text-anchor="middle">depth</text>')
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def seconds_figure(report: Json, looks: Mapping[str, Style]) -> Iterator[str]:
    """Seconds of scoring against the length of the context, both on logarithmic axes."""
    groups: dict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
    for row in report["rows"]:
        if row["kind"] == "retrieval" and "error" not in row and row["method"] != "full":
            label = label_of(row)
            # Lengths within about a tenth of each other make one point.
            step = round(np.log(max(1, row["original_tokens"])) * 8)
            groups[label, step].append((row["original_tokens"], max(1e-4, row["seconds"])))
    if not groups:
        return
    every = [pair for pairs in groups.values() for pair in pairs]
    low_x, high_x = min(p[0] for p in every) / 1.3, max(p[0] for p in every) * 1.3
    low_y, high_y = min(p[1] for p in every) / 1.5, max(p[1] for p in every) * 1.5
    plane = Plane(
        Axis(low_x, high_x, log_ticks(low_x, high_x, short_count), "context tokens", is_log=True),
        Axis(low_y, high_y, log_ticks(low_y, high_y, short_seconds), "seconds", is_log=True),
        "seconds against context length",
    )
    for method, look in looks.items():
        points = []
        for (label, _), pairs in sorted(groups.items()):
            if label == method:
                length = float(np.mean([pair[0] for pair in pairs]))
                times = sorted(pair[1] for pair in pairs)
                middle = float(np.median(times))
                told = f"{method}: {middle:.2f} s at {length:,.0f} tokens, {length / middle:,.0f} tokens/s"
                points.append((length, middle, times[0], times[-1], told))
        if points:
            plane.series(method, look, sorted(points))
    yield _figure(
        "seconds against context length", plane.render(), "median; vertical lines from least to most"
    )


def split_figures(report: Json) -> Iterator[str]:
    """For each target, how answers divide into right, lost to retrieval and lost to reasoning."""
    cells = [cell for cell in (report.get("targets") or {}).get("cells", ()) if "decomposition" in cell]
    for task, target in dict.fromkeys((cell["task"], cell["target"]) for cell in cells):
        mine = [cell for cell in cells if (cell["task"], cell["target"]) == (task, target)]
        yield _figure(
            f"{task} · {target}",
            _split_bars(mine, f"retrieval and reasoning, {task}"),
            "filled: right; striped: lost to retrieval; pale: lost to reasoning; the line: full context",
        )


def _split_bars(cells: Sequence[Json], label: str) -> str:
    left, high = 150, 22
    height = len(cells) * (high + 8) + 40
    wide = WIDTH - left - 14
    parts = [
        '<defs><pattern id="stripes" width="6" height="6" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect width="6" height="6" fill="rgba(var(--heat), 0.12)"/>'
        '<line x1="0" y1="0" x2="0" y2="6" stroke="var(--bad)" stroke-width="2.4"/></pattern></defs>'
    ]
    for number, cell in enumerate(cells):
        split, y = cell["decomposition"], 6 + number * (high + 8)
        right, oracle = split["compressed"], max(split["oracle"], split["compressed"])
        told = (
            f"{cell['method']} at {_budget(cell['budget'])}: right {right:.3f}, retrieval loss "
            f"{split['retrieval_loss']['mean']:+.3f}, reasoning loss {split['reasoning_loss']:.3f}, "
            f"full context {'not answered' if split['full'] is None else format(split['full'], '.3f')}, "
            f"{split['n']} items"
        )
        bars = (
            (0.0, right, "rgb(var(--heat))"),
            (right, oracle, "url(#stripes)"),
            (oracle, 1.0, "var(--grid)"),
        )
        drawn = "".join(
            f'<rect x="{left + a * wide:.1f}" y="{y}" width="{(b - a) * wide:.1f}" height="{high}" '
            f'fill="{fill}"/>'
            for a, b, fill in bars
            if b > a
        )
        line = ""
        if split["full"] is not None:
            at = left + split["full"] * wide
            ends = f'x1="{at:.1f}" x2="{at:.1f}" y1="{y - 3}" y2="{y + high + 3}"'
            line = f'<line {ends} stroke="var(--ink)" stroke-width="2"/>'
        name = f"{cell['method']} {_budget(cell['budget'])}"
        parts.append(
            f'<g><text x="{left - 8}" y="{y + 15}" text-anchor="end">{escape(name[-26:])}</text>{drawn}{line}'
            f"<title>{escape(told)}</title></g>"
        )
    for share, text in _SHARES:
        x = left + share * wide
        parts.append(f'<text x="{x:.1f}" y="{height - 18}" text-anchor="middle">{text}</text>')
    parts.append(
        f'<text x="{left + wide / 2:.0f}" y="{height - 3}" text-anchor="middle">share of answers</text>'
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _figure(title: str, image: str, caption: str) -> str:
    return f"<figure><h3>{escape(title)}</h3>{image}<figcaption>{escape(caption)}</figcaption></figure>"
