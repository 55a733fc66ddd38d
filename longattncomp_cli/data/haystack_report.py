"""What was composed: lengths, depths, counts of relevant documents, as data, rows and a plot."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from longattncomp_cli.data.haystacks import Haystack
from longattncomp_cli.errors import OutputError, ResourceError

_BINS = 20


@dataclass(frozen=True)
class CompositionReport:
    """Figures of a number of haystacks, one entry a haystack, and one a needle in ``depths``."""

    tokens: tuple[int, ...]
    documents: tuple[int, ...]
    relevant: tuple[int, ...]
    depths: tuple[float, ...]
    datasets: tuple[str, ...]

    @property
    def negative_share(self) -> float:
        """The share of haystacks in which nothing answers."""
        return self.relevant.count(0) / max(1, len(self.relevant))

    @property
    def depth_thirds(self) -> tuple[float, float, float]:
        """The shares of needles in the front, the middle and the end."""
        counts = np.histogram(self.depths, bins=3, range=(0, 1))[0] / max(1, len(self.depths))
        return float(counts[0]), float(counts[1]), float(counts[2])

    def as_dict(self) -> dict[str, Any]:
        """The figures that describe the haystacks, ready for JSON."""
        return {
            "num_haystacks": len(self.tokens),
            "datasets": dict(sorted(Counter(self.datasets).items())),
            "tokens": _quantiles(self.tokens),
            "documents": _quantiles(self.documents),
            "relevant_counts": {str(k): v for k, v in sorted(Counter(self.relevant).items())},
            "negative_share": round(self.negative_share, 4),
            "depth_thirds": [round(share, 4) for share in self.depth_thirds],
        }

    def rows(self) -> list[tuple[str, str]]:
        """Labels and values for a table."""
        figures = self.as_dict()
        thirds = " / ".join(f"{share:.0%}" for share in self.depth_thirds)
        return [
            ("haystacks", ", ".join(f"{v} {k}" for k, v in figures["datasets"].items())),
            ("tokens, min / median / max", " / ".join(f"{v:,}" for v in figures["tokens"].values())),
            ("documents, min / median / max", " / ".join(f"{v:,}" for v in figures["documents"].values())),
            ("relevant documents", ", ".join(f"{v} with {k}" for k, v in figures["relevant_counts"].items())),
            ("without a needle", f"{self.negative_share:.1%}"),
            ("needles in front / middle / end", thirds),
        ]


def describe(haystacks: Iterable[Haystack]) -> CompositionReport:
    """Measure haystacks; each is looked at once and not kept."""
    tokens: list[int] = []
    documents: list[int] = []
    relevant: list[int] = []
    depths: list[float] = []
    datasets: list[str] = []
    for haystack in haystacks:
        tokens.append(haystack.num_tokens)
        documents.append(len(haystack.document_tokens))
        relevant.append(len(haystack.example.relevant))
        depths.extend(haystack.depths)
        datasets.append(haystack.example.dataset)
    return CompositionReport(tuple(tokens), tuple(documents), tuple(relevant), tuple(depths), tuple(datasets))


def write_plot(report: CompositionReport, path: Path) -> None:
    """Draw histograms of lengths, depths and relevant counts; the suffix tells the file format.

    Raises:
        ResourceError: matplotlib is not installed.
        OutputError: the file cannot be written.
    """
    try:
        module = importlib.import_module("matplotlib.figure")
    except ImportError as error:
        hint = "pip install 'longattncomp[train]'"
        raise ResourceError("plots need matplotlib, which is not installed", hint=hint) from error
    figure = module.Figure(figsize=(12, 3.5), layout="constrained")
    lengths, depths, counts = figure.subplots(1, 3)
    lengths.hist(report.tokens, bins=_BINS)
    lengths.set(title="Length", xlabel="tokens", ylabel="haystacks")
    depths.hist(report.depths, bins=_BINS, range=(0, 1))
    depths.set(title="Depth of the needles", xlabel="depth (0 front, 1 end)", ylabel="needles")
    tally = Counter(report.relevant)
    counts.bar([str(count) for count in sorted(tally)], [tally[count] for count in sorted(tally)])
    counts.set(title="Relevant documents", xlabel="relevant documents", ylabel="haystacks")
    try:
        figure.savefig(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def _quantiles(values: tuple[int, ...]) -> dict[str, int]:
    if not values:
        return {"min": 0, "median": 0, "max": 0}
    return {"min": min(values), "median": int(np.median(values)), "max": max(values)}
