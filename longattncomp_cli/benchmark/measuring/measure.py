"""Retrieval figures of one method on one item: no target model needed, no text kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longattncomp_cli.benchmark.methods.base import Method, MethodScores
from longattncomp_cli.benchmark.setup.settings import UNBUDGETED
from longattncomp_cli.benchmark.setup.workbench import ChunkedItem, Workbench
from longattncomp_cli.benchmark.tasks.item import Item
from longattncomp_cli.core.assembly.renderer import Renderer
from longattncomp_cli.core.budget.amounts import budget_tokens
from longattncomp_cli.core.selection.select import Selection, select
from longattncomp_cli.core.text.spans import SourceSpan
from longattncomp_cli.data.metrics import evidence_iou, evidence_recall, is_evidence_complete

Row = dict[str, Any]


@dataclass(frozen=True)
class TimedScores:
    """A method's scores of one item, and what they cost."""

    method_scores: MethodScores
    renderer: Renderer
    seconds: float
    peak_mib: float | None


def rows_of(
    method: Method,
    item: Item,
    chunked: ChunkedItem,
    chunk_seconds: float,
    budgets: Sequence[str],
    bench: Workbench,
) -> Iterator[Row]:
    """Score once, select at each budget.

    Args:
        method: what is measured.
        item: the question.
        chunked: the item's chunks.
        chunk_seconds: what cutting took, for methods that do not count it themselves.
        budgets: as the user writes them; ``UNBUDGETED`` for methods that have none.
        bench: what is shared.

    Yields:
        The figures at each budget.
    """
    timed = timed_scores(method, item, chunked, bench, 0.0 if method.times_chunking else chunk_seconds)
    for budget in budgets:
        yield {"budget": budget, **_figures(method, item, chunked, timed, budget, bench)}


def timed_scores(
    method: Method, item: Item, chunked: ChunkedItem, bench: Workbench, extra_seconds: float
) -> TimedScores:
    """Score one item and take the time; memory is the peak meanwhile."""
    shared = bench.shared_seconds
    reset_peak_memory()
    start = time.perf_counter()
    scored = method.score(item, chunked)
    seconds = time.perf_counter() - start + extra_seconds + bench.shared_seconds - shared
    return TimedScores(scored, bench.renderer(item.request, scored.scores), seconds, peak_memory_mib())


def _figures(
    method: Method, item: Item, chunked: ChunkedItem, timed: TimedScores, budget: str, bench: Workbench
) -> Row:
    renderer, scores = timed.renderer, timed.method_scores.scores
    amount = None if budget == UNBUDGETED else budget_tokens(budget, renderer.original_tokens)
    rule = timed.method_scores.rule or bench.settings.rule
    selection = select(scores, rule, renderer, amount, method.focus(item, bench))
    text = renderer.render(selection.kept)
    num_tokens = bench.tokenizer.count(text)
    places = places_of(selection)
    original = renderer.original_tokens
    figures: Row = {
        **evidence_figures(item, places, text),
        "num_tokens": num_tokens,
        "original_tokens": original,
        "kept_ratio": round(num_tokens / max(1, original), 5),
        "budget_use": None if amount is None else round(num_tokens / amount, 5),
        "seconds": round(timed.seconds, 4),
        "tokens_per_second": round(chunked.num_tokens / max(1e-9, timed.seconds)),
        "peak_mib": timed.peak_mib,
        "stop": selection.stop,
        "spans": [list(place) for place in places],
    }
    if any(span.unmarked for span in selection.kept):
        figures["bare"] = True
    if scores.confidence is not None:
        figures["confidence"] = round(scores.confidence, 5)
    elif len(scores.scores):
        figures["top_score"] = float(f"{scores.scores.max():.5g}")
    return figures


def evidence_figures(item: Item, places: Sequence[SourceSpan], text: str) -> Row:
    """Recall and completeness where there is evidence, answer strings kept where there are answers."""
    figures: Row = {"recall": None, "iou": None, "complete": None, "answer_kept": None}
    if item.evidence:
        kept, wanted = item.flat(places), item.flat(item.evidence)
        figures["recall"] = round(evidence_recall(kept, wanted), 5)
        figures["iou"] = round(evidence_iou(kept, wanted), 5)
        figures["complete"] = is_evidence_complete(kept, wanted)
    folded = " ".join(text.split()).casefold()
    groups = [group for group in item.answers if any(_is_findable(answer) for answer in group)]
    if groups:
        found = [any(" ".join(answer.split()).casefold() in folded for answer in group) for group in groups]
        figures["answer_kept"] = round(sum(found) / len(found), 5)
    return figures


def _is_findable(answer: str) -> bool:
    """Whether finding the string says anything: a yes, a letter or a digit stands in any text."""
    return len(answer.strip()) > 2 and answer.strip().casefold() not in ("yes", "noanswer")


def places_of(selection: Selection) -> list[SourceSpan]:
    """The kept ranges, neighbours merged."""
    places: list[SourceSpan] = []
    for span in selection.kept:
        place = SourceSpan(span.chunk.source, span.start, span.end)
        if places and (places[-1].source, places[-1].end) == (place.source, place.start):
            places[-1] = places[-1]._replace(end=place.end)
        else:
            places.append(place)
    return places


def reset_peak_memory() -> None:
    """Begin a new peak, where the system lets us (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def peak_memory_mib() -> float | None:
    """The largest resident size since :func:`reset_peak_memory`, or ``None`` where it is not known."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024, 1)
    return None
