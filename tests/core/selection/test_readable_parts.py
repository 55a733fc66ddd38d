"""Laws of what is kept: it begins and ends with a sentence, line or record, and has its headings with it."""

from __future__ import annotations

import json
import random
import re
from itertools import pairwise

import numpy as np
import pytest

from longattncomp_cli.core.assembly.kept_spans import KeptSpan
from longattncomp_cli.core.assembly.renderer import DEFAULT_SEPARATOR, Renderer
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.select import SelectionRule, select
from longattncomp_cli.core.settings import CompressorSettings
from tests.support.scorers import remembering

THINGS = ["pump", "valve", "hinge", "lantern", "ferry", "kiln", "anvil", "ladle", "sieve", "winch"]


def fact(rng: random.Random) -> str:
    a, b = rng.choice(THINGS), rng.choice(THINGS)
    return (
        f"The {a} of hall {rng.randrange(99)} holds the {b} for {rng.randrange(90)} days and stays shut then."
    )


def made(name: str) -> str:
    """A text of the format that ``name`` tells, of about 800 tokens."""
    rng = random.Random(name)
    facts = [fact(rng) for _ in range(40)]
    groups = [(f"{rng.choice(THINGS).capitalize()} {i}", facts[4 * i : 4 * i + 4]) for i in range(10)]
    if name == "a.md":
        return "# Halls\n\n" + "".join(
            f"## {n}\n\n{' '.join(f[:2])}\n\n{' '.join(f[2:])}\n\n" for n, f in groups
        )
    if name == "rules.md":
        return "".join(f"- With the {n} never do:\n" + "".join(f"  - {i}\n" for i in f) for n, f in groups)
    if name == "a.rst":
        return "".join(f"{n}\n{'-' * len(n)}\n\n{' '.join(f)}\n\n" for n, f in groups)
    if name == "duties.txt":
        return "".join(
            f"Of the {n} mind this:\n\n" + "".join(f"{k}. {i}\n\n" for k, i in enumerate(f, 1))
            for n, f in groups
        )
    if name == "a.jsonl":
        return "".join(json.dumps({"name": n, "notes": f[:2]}) + "\n" for n, f in groups)
    if name == "a.csv":
        return "name,place,note\n" + "".join(f"{n},hall {len(f[0])},{' '.join(f[:3])}\n" for n, f in groups)
    return "\n\n".join(" ".join(f) for _, f in groups)


NAMES = ["a.md", "rules.md", "a.rst", "duties.txt", "a.jsonl", "a.csv", "plain.txt"]
BUDGETS = (90, 130, 170, 230, 300, 420)


@pytest.mark.parametrize("name", NAMES)
def test_parts_begin_and_end_well_and_have_their_headings(name: str, scorer, o200k) -> None:
    text = made(name)
    source = Source(text, name)
    compressor = Compressor(remembering(scorer.with_options(chunk_tokens=48)), o200k, CompressorSettings())
    before: set[int] = set()
    for budget in BUDGETS:
        result = compressor.compress([source], "How long does kiln 7 hold the valve?", budget)
        assert o200k.count(result.text) == result.num_tokens <= budget
        kept = {at for span in result.selection.kept for at in range(span.start, span.end)}
        assert before <= kept
        before = kept
        edges = [at for at in sorted(kept) if at - 1 not in kept]
        for start in edges:
            end = next(at for at in range(start, len(text) + 1) if at not in kept)
            check_part(text, name, start + len(text[start:end]) - len(text[start:end].lstrip()), end)
            headings = source.structure.headings_at(start) if source.structure else []
            assert all(set(range(*heading)) <= kept for heading in headings)


def check_part(text: str, name: str, start: int, end: int) -> None:
    begin = text.rfind("\n", 0, start) + 1
    last = text[start:end].rstrip()
    ends_line = not text[start + len(last) :].partition("\n")[0].strip()
    if name in ("a.jsonl", "a.csv"):
        assert not text[begin:start].strip()
        assert ends_line
        return
    assert not text[begin:start].strip() or re.search(r"[.!?:]\s+$", text[begin:start])
    assert ends_line or last[-1] in ".!?:" or len(re.split(r"[.!?]\s", last)[-1].split()) >= 8


def chunked(text: str, name: str, marks: list[str]) -> tuple[Source, tuple[Chunk, ...]]:
    """Chunks that begin where the ``marks`` do."""
    edges = [0, *(text.index(mark) for mark in marks), len(text)]
    return Source(text, name), tuple(Chunk(i, 0, a, b, 9) for i, (a, b) in enumerate(pairwise(edges)))


def kept_text(
    source: Source,
    chunks: tuple[Chunk, ...],
    scores: list[float],
    budget: int,
    at: str,
    tokenizer,
    query: str = "q",
) -> str:
    renderer = Renderer(
        Request((source,), query), chunks, DEFAULT_SEPARATOR, tokenizer, structures=(source.structure,)
    )
    ranked = ChunkScores(chunks, np.array(scores), None)
    kept = select(ranked, SelectionRule(), renderer, budget, lambda chunk: source.text.index(at)).kept
    text = renderer.render(kept)
    assert tokenizer.count(text) <= budget
    return text


def test_a_heading_stands_over_what_is_kept_of_its_section_with_no_mark_between(o200k) -> None:
    text = "# Boats\n\n## Gull\n\nIt is old. It is red.\n\nIt leaks.\n\n## Tern\n\nIt is new.\n"
    source, chunks = chunked(text, "a.md", ["It leaks", "## Tern"])
    assert kept_text(source, chunks, [0.1, 0.8, 0.1], 8, "It leaks", o200k) == "## Gull\nIt leaks."


def test_where_little_fits_the_fact_comes_first_then_its_innermost_heading(o200k) -> None:
    text = "# The long list of all our boats\n\n## Gull\n\nIt leaks at the stern. " + "It is red. " * 30
    source, chunks = chunked(text, "a.md", ["It leaks"])
    rows = {
        budget: kept_text(source, chunks, [0.1, 0.9], budget, "It leaks", o200k) for budget in range(3, 24)
    }
    fact = "It leaks at the stern."
    assert rows[3] == "It leaks at"
    assert rows[7] == fact
    assert rows[12] == f"## Gull\n\n{fact}"
    assert rows[20] == f"# The long list of all our boats\n\n## Gull\n\n{fact}"
    assert rows[23].startswith(f"{rows[20]} It is red.")


def test_the_line_that_names_what_is_asked_about_comes_before_other_heading_lines(o200k) -> None:
    text = (
        "kind: Deployment\nmetadata:\n  labels:\n    tier: back\n  name: tide-clock\nspec:\n  template:\n"
        "    containers:\n      - image: registry/tide:1.4\n        resources:\n          memory: 731Mi\n"
    )
    source, chunks = chunked(text, "a.yaml", ["        resources"])
    query = "Which memory has tide-clock?"
    rows = [kept_text(source, chunks, [0.1, 0.9], b, "memory", o200k, query) for b in range(8, 60)]
    assert all("memory: 731Mi" in row for row in rows)
    others = [row for row in rows if any(each in row for each in ("template:", "tier: back", "- image"))]
    assert others
    assert all("name: tide-clock" in row for row in others)


def test_a_long_sentence_is_completed_before_the_outer_headings_come(o200k) -> None:
    sentence = "It leaks at the stern " + "and is bailed with a tin bucket " * 7 + "until the cooper comes."
    text = f"# All our boats at the long pier\n\n## Boats\n\n### Gull\n\n{sentence} {'It is red. ' * 40}"
    source, chunks = chunked(text, "a.md", ["It leaks"])
    most = o200k.count(text)
    rows = [kept_text(source, chunks, [0.1, 0.9], budget, "It leaks", o200k) for budget in range(8, most)]
    for row in rows:
        assert "# Boats" not in row.replace("### Gull", "") or "cooper comes." in row
    for less, more in pairwise(rows):
        assert set(re.findall(r"[\w#]+", less)) <= set(re.findall(r"[\w#]+", more))
    assert any(row.endswith("cooper comes.") and "All our" not in row for row in rows)


RECORD = {"name": "Auk", "hull": "oak " * 30, "crew": "nine", "winch": "a brass winch", "keel": "iron " * 20}


@pytest.mark.parametrize("name", ["a.json", "a.log"])
def test_a_record_that_does_not_fit_is_kept_by_its_lines_from_the_one_that_is_asked_for(
    name: str, o200k
) -> None:
    if name == "a.json":
        text = json.dumps([RECORD], indent=1) + "\n"
    else:
        lines = "".join(f"\tat {key} {value}\n" for key, value in RECORD.items())
        text = f"2031-04-05 06:07:08 ERROR Auk failed\n{lines}2031-04-05 06:07:09 INFO next\n" * 3
    source, chunks = chunked(text, name, [])
    whole = o200k.count(text)
    before: set[str] = set()
    for budget in range(44, whole, 3):
        kept = kept_text(source, chunks, [1.0], budget, "Auk", o200k, "What winch has the Auk?")
        assert "a brass winch" in kept
        assert "Auk" in kept
        shown = {line.strip() for line in kept.splitlines() if not line.startswith("[...")}
        assert before <= shown <= {line.strip() for line in text.splitlines()} | {""}
        before = shown - {""}


@pytest.mark.parametrize("name", ["a.graphql", "a.yaml", "a.toml", "a.proto"])
def test_no_line_of_settings_is_cut(name: str, o200k) -> None:
    head, line, end = {
        "a.yaml": ("auk:", "  {0}: {0} of the pier. Kept in a box", ""),
        "a.toml": ("[auk]", '{0} = "{0} of the pier. Kept in a box"', ""),
        "a.proto": ("message Auk {", "  // Of the pier. Kept in a box\n  double {0} = 3;", "}"),
        "a.graphql": ("type Auk {", "  {0}Note(unit: Unit = FEET, round: Boolean = false): Float", "}"),
    }[name]
    text = "\n".join([head, *(line.format(thing) for thing in THINGS), end, ""])
    source, chunks = chunked(text, name, [])
    for budget in range(30, o200k.count(text), 4):
        kept = kept_text(source, chunks, [1.0], budget, "valve", o200k, "What is the valve of auk?")
        shown = [line for line in kept.splitlines() if line.strip() and not line.startswith("[...")]
        assert set(shown) <= set(text.splitlines())


def test_a_record_is_kept_whole_whatever_chunk_holds_a_part_of_it(o200k) -> None:
    rows = [f'{{"id": {i}, "note": "{"word " * 30}end {i}"}}' for i in range(6)]
    text = "\n".join(rows) + "\n"
    source, chunks = chunked(text, "a.jsonl", ["word end 2", '{"id": 4'])
    assert chunks[1].start > text.index('{"id": 2')
    renderer = Renderer(
        Request((source,), "q"), chunks, DEFAULT_SEPARATOR, o200k, structures=(source.structure,)
    )
    assert renderer.render(renderer.full_chunks([1])) == "\n".join(rows[2:4]) + "\n"


def test_no_crumb_fills_a_budget(o200k) -> None:
    text = (
        "".join(f"One is here for {name} and it is long enough to fill it. " for name in ("Ann", "Bo", "Cy"))
        + "\n\n"
        + "".join(f"Two words more stand there for {name}, and many of them. " for name in "DEFG")
    )
    source, chunks = chunked(text, "", ["Two words"])
    whole = o200k.count(text[: chunks[0].end])
    texts = [kept_text(source, chunks, [0.9, 0.1], whole + more, "Two words", o200k) for more in range(24)]
    for each in texts:
        rest = each[chunks[0].end :].removeprefix("\n[...]\n").strip()
        assert not rest or rest.endswith(".") or len(rest.split()) >= 8
    assert any(each.endswith("of them.") for each in texts)


def test_a_part_does_not_end_with_a_heading(o200k) -> None:
    text = "## Gull\n\nIt leaks.\n\n## Tern\n\nIt is as new as it can be after so many years at sea.\n"
    source, chunks = chunked(text, "a.md", [])
    for budget in range(8, 26):
        kept = kept_text(source, chunks, [1.0], budget, "## Gull", o200k)
        assert not re.search(r"## \w+\s*$", re.sub(r"\[\.\.\..*$", "", kept.rstrip()))


def test_a_part_of_code_does_not_end_with_a_signature(o200k) -> None:
    text = "def gull(boat):\n    return boat.mast\n\n\ndef tern(boat):\n    return boat.keel + boat.rudder\n"
    source, chunks = chunked(text, "a.py", ["def tern"])
    whole = o200k.count(text[: chunks[0].end])
    kept = [kept_text(source, chunks, [1.0, 0.5], whole + more, "def tern", o200k) for more in range(20)]
    assert not any(re.search(r"def tern\(boat\):\s*(?:\[\.\.\..*)?$", each) for each in kept)
    assert any(each.rstrip().endswith("rudder") for each in kept)


def test_a_report_of_places_renders_to_the_same_text(o200k) -> None:
    """Heading lines are told from where they stand, not from why they were kept."""
    text = "# Boats\n\n## Gull\n\nIt is old. It is red.\n\nIt leaks.\n"
    source, chunks = chunked(text, "a.md", ["It leaks"])
    renderer = Renderer(
        Request((source,), "q"), chunks, DEFAULT_SEPARATOR, o200k, structures=(source.structure,)
    )
    kept = renderer.full_chunks([1])
    again = [KeptSpan(span.chunk, span.start, span.end) for span in kept]
    assert renderer.render(again) == renderer.render(kept)


@pytest.mark.parametrize("name", ["a.ics", "a.ldif", "Makefile"])
def test_a_line_that_goes_on_below_ends_nothing(name: str, o200k) -> None:
    notes = [f"the {thing} stays shut, and the key hangs by the {thing}" for thing in THINGS]
    if name == "Makefile":
        text = "all:\n" + "".join(f"\tmend --note '{note}' \\\n\t  --slowly\n" for note in notes)
        joint = "\\\n"
    elif name == "a.ics":
        event = "BEGIN:VEVENT\nSUMMARY:Rehearsal\n{0}END:VEVENT\n"
        text = event.format("".join(f"X-NOTE:{note},\n  but not in May\n" for note in notes))
        joint = "\n "
    else:
        text = "dn: cn=pier\n" + "".join(f"note: {note},\n  but not in May\n" for note in notes)
        joint = "\n "
    source, chunks = chunked(text, name, [])
    for budget in range(40, o200k.count(text), 7):
        kept = kept_text(source, chunks, [1.0], budget, "the valve", o200k, "What of the valve?")
        for part in kept.split("[... cut ...]"):
            rest = text[text.index(part.strip()) + len(part.strip()) :] if part.strip() else ""
            assert not rest.startswith((joint, "\\" + joint)), (budget, part)
