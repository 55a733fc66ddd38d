"""Copies count once, nothing that differs is one, and the laws of selection hold with them."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from longattncomp_cli.core.assembly.renderer import DEFAULT_SEPARATOR, Renderer
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.results.compression import Compression
from longattncomp_cli.core.results.report import selection_report
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.copies import find_copies
from longattncomp_cli.core.selection.select import Selection, SelectionRule, select
from longattncomp_cli.core.text.copies import CopyFinder, WordRuns, is_record_like
from longattncomp_cli.core.text.spans import SourceSpan
from longattncomp_cli.errors import BudgetError
from tests.support.texts import BYTES

ORIGINAL = (
    "The lock keeper of Varde opened the sluice at 7.45 on 3 May 2019, after the council had paid 240 euros "
    "for the new chain, and wrote it down in the green book."
)
OTHER = (
    "Nobody on the quay remembered who had ordered the second boat, and the harbour office kept no list of "
    "orders from before the flood, so the question stayed open all summer."
)


def renderer_of(*texts: str, name: str = "", required: tuple[SourceSpan, ...] = ()) -> Renderer:
    """Each text is a source of one chunk."""
    sources = tuple(Source(text, f"{number}{name}") for number, text in enumerate(texts))
    chunks = tuple(Chunk(i, i, 0, len(text), len(text) // 4) for i, text in enumerate(texts))
    structures = tuple(source.structure for source in sources)
    request = Request(sources, "q")
    return Renderer(request, chunks, DEFAULT_SEPARATOR, BYTES, structures=structures, required=required)


def chosen(renderer: Renderer, budget: int, order: list[int] | None = None) -> Selection:
    """A selection where the first chunks of ``order`` are the best."""
    num_chunks = len(renderer.chunks)
    ranks = np.argsort(order or list(range(num_chunks)))
    scores = ChunkScores(renderer.chunks, (num_chunks - ranks) / num_chunks**2, None)
    return select(scores, SelectionRule(), renderer, budget)


def num_left_out(first: str, second: str, name: str = "") -> int:
    """How many of two chunks, and parts of them, are copies."""
    return len(find_copies(np.array([0, 1]), renderer_of(first, second, name=name)).places)


def test_five_copies_across_documents_count_once_and_the_best_is_kept() -> None:
    renderer = renderer_of(*[ORIGINAL] * 3, OTHER, *[ORIGINAL] * 3, "The fee is paid in autumn.")
    budget = renderer.original_tokens - 300
    kept = chosen(renderer, budget, order=[1, 4, 0, 2, 5, 6, 3, 7])
    assert [span.chunk.index for span in kept.kept] == [1, 3, 7]
    assert [place.source for place in kept.copies] == [0, 2, 4, 5, 6]
    assert chosen(renderer, renderer.original_tokens).stop == "passthrough"
    assert not chosen(renderer, renderer.original_tokens).copies


@pytest.mark.parametrize(
    "same",
    [
        ORIGINAL.upper(),
        ORIGINAL.replace(" ", "\n", 9).replace(", ", ",  "),
        ORIGINAL.replace("\n", "\r\n") + "\r\n\r\n",
        "> " + ORIGINAL.replace("and wrote", "\n> and wrote"),
        "*" + ORIGINAL.rstrip(".") + "*",
    ],
)
def test_case_white_space_line_ends_and_quoting_make_no_difference(same: str) -> None:
    assert num_left_out(ORIGINAL, same) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("240", "260"),
        ("240 euros", "-240 euros"),
        ("7.45", "7.54"),
        ("7.45", "745"),
        ("3 May", "4 May"),
        ("Varde", "Vejle"),
        ("had paid", "had not paid"),
        ("opened the", "closed the"),
        ("240 euros", "240% euros"),
        ("green book.", "green book. The chain broke."),
    ],
)
def test_another_number_name_or_word_is_no_copy(old: str, new: str) -> None:
    changed = ORIGINAL.replace(old, new)
    assert changed != ORIGINAL
    copies = find_copies(np.array([0, 1]), renderer_of(ORIGINAL, changed))
    assert copies.order.tolist() == [0, 1]
    kept = renderer_of(changed).request.sources[0].text
    for part in copies.parts.get(1, ()):
        kept = kept[: part.start] + kept[part.end :]
    assert (new if old != "green book." else "broke") in kept


def test_a_mixture_of_two_kept_sentences_is_no_copy() -> None:
    def rule(what: str, days: int, whom: str) -> str:
        return (
            f"The tenant of the mill shall keep the {what} in good order at all times and shall within "
            f"{days} days of any damage that might be seen from the road tell the {whom} of it all."
        )

    kept = [rule("wheel", 3, "clerk"), rule("sluice", 9, "bailiff")]
    mixed = rule("wheel", 9, "clerk"), rule("sluice", 3, "bailiff"), rule("wheel", 3, "bailiff")
    renderer = renderer_of(*kept, *mixed)
    assert not find_copies(np.arange(5), renderer).places


ROWS = "\n".join(f"| {name} | red | 12 | yes | Varde | oak | 7 |" for name in ("Ann", "Bo", "Cy", "Di"))
FIELDS = "name: {}\ncolour: red\nsize: 12\nweight: 7\nwood: oak\nplace: Varde\nyear: 1990\nkeeper: Ann\n"


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        (ROWS, ROWS.replace("Ann", "Eva"), ""),
        (FIELDS.format("mill"), FIELDS.format("forge"), ""),
        (ROWS.replace(" | ", ","), ROWS.replace(" | ", ",").replace("Ann", "Eva"), ".csv"),
        ('{"n": "mill", "c": "red", "s": 12, "w": 7, "p": "Varde", "k": "Ann", "o": true}\n' * 3,
         '{"n": "forge", "c": "red", "s": 12, "w": 7, "p": "Varde", "k": "Ann", "o": true}\n' * 3, ".jsonl"),
    ],
)  # fmt: skip
def test_rows_and_records_that_differ_in_a_value_are_kept_whole(first: str, second: str, name: str) -> None:
    assert not num_left_out(first, second, name)


def test_what_stands_under_another_heading_is_no_copy() -> None:
    filler = "\n\n".join(OTHER.replace("boat", f"boat {number}") for number in range(2))
    text = f"# Mills\n\n{filler}\n\n## Varde\n\n{ORIGINAL}\n\n## {{}}\n\n{ORIGINAL}\n"
    for title, num_copies in (("Vejle", 0), ("Varde", 1)):
        source = Source(text.format(title), "mills.md")
        starts = [0, source.text.index(ORIGINAL), source.text.rindex(ORIGINAL), len(source.text)]
        chunks = tuple(Chunk(i, 0, a, b, 40) for i, (a, b) in enumerate(pairwise(starts)))
        renderer = Renderer(
            Request((source,), "q"), chunks, DEFAULT_SEPARATOR, BYTES, structures=(source.structure,)
        )
        copies = find_copies(np.arange(3), renderer)
        assert len(copies.order) == 3 - num_copies


def dump(num_threads: int, rng: random.Random) -> str:
    """Threads with names of their own that stand at the same place."""
    frames = "".join(
        f"\tat mill.{name}.{name.title()}.turn({name.title()}.java:{rng.randrange(300)})\n"
        for name in ("wheel", "stone", "sluice", "hopper")
    )
    return "\n".join(f'"miller-{i}" prio={i % 9} tid={i:#06x} waiting\n{frames}' for i in range(num_threads))


def test_repeated_lines_of_a_dump_are_left_out_and_its_names_stay() -> None:
    text = dump(30, random.Random(2))
    starts = [0, *(text.index(f'"miller-{i}"') for i in range(3, 30, 3)), len(text)]
    chunks = tuple(Chunk(i, 0, a, b, 100) for i, (a, b) in enumerate(pairwise(starts)))
    renderer = Renderer(Request((Source(text),), "q"), chunks, DEFAULT_SEPARATOR, BYTES)
    selection = chosen(renderer, renderer.original_tokens - 10)
    lines = renderer.render(selection.kept).splitlines()
    assert sum(line.startswith('"miller') for line in lines) == 30
    assert sum(line.startswith("\tat") for line in lines) == 4
    assert all(line.startswith(('"', "\t", "[")) or not line for line in lines)
    assert len(selection.copies) >= 10


def test_times_of_log_lines_make_no_difference_but_their_numbers_do() -> None:
    line = "2031-03-04 11:{:02}:07,113 WARN sluice keeper did not answer the bell at the upper gate of Varde"
    log = "\n".join(line.format(minute) for minute in range(40))
    copies = find_copies(np.array([0]), renderer_of(log))
    ((start, end),) = copies.parts[0]
    assert log[:start] == line.format(0) + "\n"
    assert end == len(log)
    gates = "\n".join(line.format(n) + f" number {n}" for n in range(40))
    assert not find_copies(np.array([0]), renderer_of(gates)).places


def random_case(rng: random.Random) -> Renderer:
    """Sources of sentences of which many stand several times, cut anywhere."""
    names = ["mill", "wheel", "Varde", "7", "the", "of", "bell"]
    pool = [" ".join(rng.choices(names, k=rng.randrange(5, 40))) + ". " for _ in range(6)]
    sources = tuple(
        Source("".join(rng.choice([*pool, "\n\n", "x 1\r\n"]) for _ in range(rng.randrange(3, 12))) + "end")
        for _ in range(rng.randrange(1, 4))
    )
    chunks: list[Chunk] = []
    for number, source in enumerate(sources):
        cuts = sorted({0, len(source.text), *(rng.randrange(len(source.text)) for _ in range(4))})
        chunks += [Chunk(len(chunks) + i, number, a, b, b - a) for i, (a, b) in enumerate(pairwise(cuts))]
    required = ()
    if rng.random() < 0.3:
        text = sources[0].text
        start = rng.randrange(len(text) - 3)
        required = (SourceSpan(0, start, min(len(text), start + rng.randrange(3, 80))),)
    return Renderer(Request(sources, "q"), tuple(chunks), DEFAULT_SEPARATOR, BYTES, required=required)


def test_budget_supersets_and_kept_spans_hold_with_copies() -> None:
    rng = random.Random(8)
    num_copies = 0
    for case in range(12):
        renderer = random_case(rng)
        order = rng.sample(range(len(renderer.chunks)), len(renderer.chunks))
        before: set[tuple[int, int]] = set()
        for budget in range(renderer.fixed_tokens, renderer.original_tokens + 2, rng.randrange(20, 120)):
            try:
                selection = chosen(renderer, budget, order)
            except BudgetError:
                assert not before
                continue
            assert BYTES.count(renderer.render(selection.kept)) <= budget
            now = {(s.chunk.source, i) for s in selection.kept for i in range(s.start, s.end)}
            assert before <= now, (case, budget)
            assert all((p.source, i) in now for p in renderer.required for i in range(p.start, p.end))
            before = now
            num_copies += len(selection.copies)
    assert num_copies > 50


def test_every_word_that_is_left_out_stands_in_what_is_kept() -> None:
    rng = random.Random(4)
    for _ in range(40):
        renderer = random_case(rng)
        copies = find_copies(np.arange(len(renderer.chunks)), renderer)
        kept = renderer_text(renderer, copies.order.tolist(), copies.parts)
        for place, _ in copies.places:
            text = renderer.request.sources[place.source].text[place.start : place.end]
            for sentence in text.replace("\n", ".").split("."):
                assert words(sentence) in kept


def words(text: str) -> str:
    return " ".join(text.replace(".", " ").split())


def renderer_text(renderer: Renderer, indices: list[int], parts) -> str:
    left = []
    for chunk in (renderer.chunks[index] for index in sorted(indices)):
        text = renderer.request.sources[chunk.source].text
        gone = {i for part in parts.get(chunk.index, ()) for i in range(*part)}
        left += [" " if i in gone else text[i] for i in range(chunk.start, chunk.end)]
    return words("".join(left))


def test_runs_are_what_a_slow_search_finds() -> None:
    rng = random.Random(1)
    for _ in range(200):
        text = " ".join(rng.choice("abc") for _ in range(60))
        finder = CopyFinder(WordRuns([(text, 0, len(text))], [False]))
        finder.keep(0, 30)
        ids = text.split()
        for run in finder.runs(30, 60):
            assert ids[run.start : run.end] == ids[run.place : run.place + run.num_words]
            assert run.num_words >= 8
            assert run.place + run.num_words <= 30 or run.place >= 30 or run.start == 30


def test_the_record_says_how_many_copies_and_where() -> None:
    renderer = renderer_of(ORIGINAL, ORIGINAL, OTHER)
    selection = chosen(renderer, renderer.original_tokens - 20)
    scores = ChunkScores(renderer.chunks, np.array([0.5, 0.3, 0.2]), None)
    result = Compression(renderer.request, scores, renderer, selection, 1, "budget")
    report = selection_report(result, "c", "s")
    assert report["copies_left_out"] == 1
    assert report["copies"] == [{"source": 1, "start": 0, "end": len(ORIGINAL)}]


def test_rows_and_fields_are_told_from_prose_and_logs() -> None:
    assert is_record_like(ROWS)
    assert is_record_like(FIELDS)
    assert not is_record_like(ORIGINAL)
    assert not is_record_like("INFO: started\nWARN: slow\nINFO: done\nINFO: done\nINFO: done\n")
    assert not is_record_like("")
