"""Structure: what belongs together stays together, with its heading; the laws of selection go on holding."""

from __future__ import annotations

import random
import textwrap
from itertools import pairwise

import pytest

from longattncomp_cli.core.assembly.kept_spans import KeptSpan
from longattncomp_cli.core.assembly.renderer import DEFAULT_SEPARATOR, Renderer
from longattncomp_cli.core.chunking.chunks import Chunk, Tokens
from longattncomp_cli.core.chunking.cutter import WHOLE_UNIT_CHUNKS, chunk_source
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.core.settings import CompressorSettings
from longattncomp_cli.core.text.structure.code import read
from longattncomp_cli.core.text.structure.kinds import kind_of
from longattncomp_cli.core.text.structure.reader import structure_of
from longattncomp_cli.core.text.structure.units import Structure, Unit, build
from tests.support.scorers import remembering

PYTHON = '''\
"""A module."""

import os

LIMIT = 3


# Counts the boats.
def count(harbour):
    total = 0

    for boat in harbour:
        total += 1
    return total


class Pier:
    """Where boats lie — naïve, 東京."""

    length = 80

    @property
    def free(self):
        return self.length

    def moor(
        self, boat
    ):
        if boat:
            self.length -= boat
        return self
'''

CODE = {
    "a.py": (
        PYTHON,
        ["def count(harbour):", "    def free(self):", "    def moor(\n        self, boat\n    ):"],
    ),
    "a.js": (
        "export class Pier {\n  moor(boat) {\n    this.n -= boat;\n  }\n}\n\n"
        "export const free = (pier) => {\n  return pier.n;\n};\n",
        ["  moor(boat) {", "export const free = (pier) => {"],
    ),
    "a.ts": (
        "interface A {\n  x: number;\n}\nfunction f(a: A): number {\n  return a.x;\n}\n",
        ["function f(a: A): number {"],
    ),
    "a.go": ("package a\n\nfunc (p *Pier) Moor(n int) {\n\tp.n -= n\n}\n", ["func (p *Pier) Moor(n int) {"]),
    "a.rs": (
        "impl Pier {\n    fn moor(&mut self) {\n        self.n -= 1;\n    }\n}\n",
        ["    fn moor(&mut self) {"],
    ),
    "A.java": ("class A {\n  int free() {\n    return 1;\n  }\n}\n", ["  int free() {"]),
    "a.c": ("#ifdef X\nint count(int n)\n{\n  return n;\n}\n#endif\n", ["int count(int n)"]),
    "a.cpp": ("namespace a {\nclass B {\n  int f() {\n    return 1;\n  }\n};\n}\n", ["  int f() {"]),
    "a.rb": ("module A\n  def x(a)\n    a\n  end\nend\n", ["  def x(a)"]),
    "a.kt": ("class A {\n    fun x(): Int {\n        return 1\n    }\n}\n", ["    fun x(): Int {"]),
}


def head_texts(text: str, structure: Structure) -> list[str]:
    return [text[slice(*unit.heading)] for unit in structure.units if unit.leaf and unit.heading]


@pytest.mark.parametrize("name", CODE)
def test_definitions_are_found_in_every_language(name: str) -> None:
    text, heads = CODE[name]
    structure = structure_of(text, name)
    assert structure is not None
    assert [head for head in head_texts(text, structure) if head in heads] == heads


def test_a_heading_line_is_whole_its_brace_included() -> None:
    for name, (text, _) in CODE.items():
        structure = structure_of(text, name)
        assert structure is not None
        lines = set(text.splitlines())
        for head in head_texts(text, structure):
            assert head.split("\n")[-1] in lines, name


def test_a_definition_comes_with_its_decorators_and_comments() -> None:
    structure = structure_of(PYTHON, "a.py")
    assert structure is not None
    leaves = [PYTHON[unit.start : unit.end] for unit in structure.units if unit.leaf]
    assert leaves[0].startswith("# Counts the boats.\ndef count")
    assert leaves[0].endswith("return total")
    assert leaves[1].startswith("    @property\n    def free")
    at = PYTHON.index("self.length -= boat")
    assert [PYTHON[a:b] for a, b in structure.headings_at(at)] == [
        "class Pier:",
        "    def moor(\n        self, boat\n    ):",
    ]
    assert structure.is_cut(at)
    assert not structure.is_cut(PYTHON.index("    length = 80"))


def test_without_a_grammar_indentation_serves() -> None:
    structure = read(PYTHON, "code")
    assert "    def free(self):" in [PYTHON[slice(*u.heading)] for u in structure.units if u.heading]
    assert any(PYTHON[u.start : u.end].endswith("return total") for u in structure.units)


OTHER = {
    "markdown": (
        "# A\n\nText.\n\n## B\n\n| x | y |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\n```\n# no heading\n```\n",
        None,
    ),
    "csv": ('name,note\nann,"one\ntwo"\nbob,x\n', None),
    "jsonl": ('{"a": 1}\n{"a": 2}\n', None),
    "json": ('{"long": [' + ", ".join(f'{{"k": "{i:0200}"}}' for i in range(20)) + '], "b": 2}', None),
    "chat": ("Ann: hello there.\n\nBob: good day. And more.\n\nAnn: well.\n\nBob: yes.\n", "Ann:"),
}  # fmt: skip


def test_tables_records_and_turns() -> None:
    units = {}
    for kind, (text, head) in OTHER.items():
        structure = structure_of(text, "" if kind == "chat" else f"x.{'md' if kind == 'markdown' else kind}")
        assert structure is not None
        assert structure.kind == kind
        units[kind] = [(text[u.start : u.end], u.leaf) for u in structure.units]
        assert head is None or head in head_texts(text, structure)
    assert [text for text, leaf in units["csv"] if leaf] == ['ann,"one\ntwo"', "bob,x"]
    assert [text for text, _ in units["jsonl"]] == ['{"a": 1}', '{"a": 2}']
    assert [text.rstrip(",") for text, leaf in units["json"] if leaf][:1] == [f'{{"k": "{0:0200}"}}']
    assert sum(leaf for _, leaf in units["json"]) == 21
    assert [text for text, _ in units["chat"]][1] == "Bob: good day. And more."
    # The whole, the section under B, the table and its rows, the fence; the line in the fence is no heading.
    assert [leaf for _, leaf in units["markdown"]] == [False, False, False, True, True, True]


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ("plain words. And more of them.", "", None),
        ("plain words", "a.py", "python"),
        (PYTHON, "", "python"),
        (PYTHON, "notes.rst", "rst"),
        ("# T\n\nWords.\n\n## U\n\nWords.", "", "markdown"),
        ('{"a": 1}\n{"a": 2}', "", "jsonl"),
        ('[1, {"a": 2}]', "", "json"),
        ("[see below] for what was said (and by whom).", "", None),
        ("", "", None),
        ("He said: no.\n" * 20, "", None),
        ("#!/bin/sh\necho 1\n", "x.sh", "code"),
    ],
)
def test_kinds(text: str, name: str, kind: str | None) -> None:
    assert kind_of(text, name) == kind


def test_units_are_nested_or_apart() -> None:
    structure = build("x", [Unit(0, 9), Unit(4, 12), Unit(2, 4), Unit(2, 4), Unit(9, 9), Unit(10, 12)])
    assert [(u.start, u.end) for u in structure.units] == [(0, 9), (2, 4), (10, 12)]
    assert [u.start for u in structure.around(3)] == [0, 2]
    assert structure.around(4) == [Unit(0, 9)]
    assert structure.around(9) == structure.around(0) == []


def many_functions(rng: random.Random, number: int) -> str:
    """Functions of 3 to 60 lines, some in classes, with blank lines inside."""
    parts = ["import os\n\n\n"]
    for i in range(number):
        body = "".join(
            f"    value_{j} = compute({j}, {rng.randrange(99)})\n" + ("\n" if rng.random() < 0.2 else "")
            for j in range(rng.choice([2, 5, 12, 60]))
        )
        function = f"def work_{i}(a, b):\n{body}    return a\n\n\n"
        if rng.random() < 0.4:
            function = f"class Holder{i}:\n" + textwrap.indent(function.rstrip(), "    ") + "\n\n\n"
        parts.append(function)
    return "".join(parts)


def test_no_chunk_cuts_a_definition_that_fits(scorer) -> None:
    rng = random.Random(3)
    source = Source(many_functions(rng, 30), "a.py")
    tokens = scorer.backbone.tokenize([source.text])[0]
    chunked = chunk_source(
        source, Tokens(tokens.ids, tokens.starts), source_index=0, first_index=0, chunk_tokens=64, snap="auto"
    )
    edges = {chunk.start for chunk in chunked.chunks}
    assert source.structure is not None
    num_whole = 0
    for unit in source.structure.units:
        size = int(((tokens.starts >= unit.start) & (tokens.starts < unit.end)).sum())
        if unit.leaf and size <= 64 * WHOLE_UNIT_CHUNKS:
            num_whole += 1
            assert not [edge for edge in edges if unit.start < edge < unit.end]
        elif unit.leaf:
            lines = [edge for edge in edges if unit.start < edge < unit.end]
            assert lines
            assert all(source.text[edge - 1] == "\n" for edge in lines)
    assert num_whole > 15


@pytest.fixture(scope="module")
def structured(scorer) -> Scorer:
    return scorer.with_options(chunk_tokens=48, snap="structure")


def characters(kept: tuple[KeptSpan, ...]) -> set[tuple[int, int]]:
    return {(span.chunk.source, at) for span in kept for at in range(span.start, span.end)}


def test_budget_slices_and_superset_hold_with_headings(structured, o200k) -> None:
    rng = random.Random(5)
    texts = [many_functions(rng, 5), OTHER["markdown"][0] * 3, OTHER["csv"][0] * 9]
    sources = tuple(Source(t, n) for t, n in zip(texts, ["a.py", "b.md", "c.csv"], strict=True))
    before: set[tuple[int, int]] = set()
    structured = remembering(structured)
    for budget in range(20, 600, 83):
        compressor = Compressor(structured, o200k, CompressorSettings(budget=budget))
        result = compressor.compress(Request(sources, "what does work_5 compute?"))
        assert o200k.count(result.text) == result.num_tokens <= budget
        rest = result.text
        for first, second in pairwise(result.selection.kept):
            assert (first.chunk.source, first.end) <= (second.chunk.source, second.start) or (
                first.chunk.source < second.chunk.source
            )
        for span in result.selection.kept:
            piece = sources[span.chunk.source].text[span.start : span.end]
            assert piece in rest
            rest = rest[rest.index(piece) + len(piece) :]
        now = characters(result.selection.kept)
        assert before <= now
        before = now


def test_the_heading_of_what_is_kept_is_kept(structured, o200k) -> None:
    source = Source(many_functions(random.Random(6), 12), "a.py")
    scores = structured.score(Request((source,), "compute"))
    renderer = Renderer(
        Request((source,), "compute"), scores.chunks, DEFAULT_SEPARATOR, o200k, structures=(source.structure,)
    )
    inner = [c for c in scores.chunks if source.structure.headings_at(c.start)]
    assert len(inner) > 3
    for chunk in inner:
        text = renderer.render(renderer.full_chunks([chunk.index]))
        for start, end in source.structure.headings_at(chunk.start):
            assert source.text[start:end] in text


def test_a_cut_definition_is_marked_and_a_whole_one_is_not(structured, o200k) -> None:
    source = Source(
        "def one(a):\n" + "    a += 1\n" * 300 + "    return a\n\n\ndef two(b):\n    return b\n", "a.py"
    )
    request = Request((source,), "two")
    scores = structured.score(request)
    renderer = Renderer(request, scores.chunks, DEFAULT_SEPARATOR, o200k, structures=(source.structure,))
    last = len(scores.chunks) - 1
    assert "cut" not in renderer.render(renderer.full_chunks(range(last + 1)))
    assert renderer.render(renderer.full_chunks([0])).endswith("\n[... cut ...]")
    middle = renderer.render(renderer.full_chunks([3]))
    assert middle.startswith("def one(a):\n[... cut ...]\n    a += 1")
    assert source.text[scores.chunks[last].start :].startswith("def two")
    assert renderer.render(renderer.full_chunks([last])) == "def two(b):\n    return b\n"


@pytest.mark.parametrize(
    ("separator", "mark"),
    [
        ("\n[...]\n", "\n[... cut ...]\n"),
        ("\n/* ... */\n", "\n/* ... cut ... */\n"),
        ("\n…\n", "\n… cut …\n"),
        ("\n// omitted\n", "\n// omitted [... cut ...]\n"),
        (" | ", " | [... cut ...] "),
        ("\n\n", "\n\n[... cut ...]\n\n"),
        (" ", " [... cut ...] "),
        ("", ""),
    ],
)
def test_a_cut_is_marked_whatever_the_separator(o200k, separator: str, mark: str) -> None:
    """``steps`` is a definition; chunk 1 begins inside of it, chunk 3 is another one."""
    text = "def steps(a):\n    a += 1\n    a += 2\n    return a\n\n\n"
    text += "def b(c):\n    return c\n\n\ndef d():\n    pass\n"
    edges = [0, text.index("    a += 2"), text.index("def b"), text.index("def d"), len(text)]
    chunks = tuple(Chunk(i, 0, a, b, 9) for i, (a, b) in enumerate(pairwise(edges)))
    source = Source(text, "a.py")

    def rendered(indices: list[int], *, cut_marks: bool = True) -> str:
        renderer = Renderer(
            Request((source,), "q"),
            chunks,
            separator,
            o200k,
            structures=(source.structure,),
            cut_marks=cut_marks,
        )
        return renderer.render([KeptSpan(chunks[i], chunks[i].start, chunks[i].end) for i in indices])

    parts = [text[a:b] for a, b in pairwise(edges)]
    assert rendered([0, 3]) == parts[0] + mark + parts[3]
    assert rendered([2]) == parts[2]
    assert rendered([0]) == parts[0] + mark.rstrip()
    assert rendered([0, 3], cut_marks=False) == parts[0] + separator + parts[3]
    assert rendered([0], cut_marks=False) == parts[0]


@pytest.mark.parametrize(
    "opening", ["(", "[{", '"', "def f(:\n", "class A:\n ", "{\n", "<!-- ", "| a |\n|---|\n"]
)
@pytest.mark.parametrize("name", ["a.py", "a.js", "a.kt", "a.md", "a.json", "a.csv", "a.jsonl", ""])
def test_hostile_text_has_some_structure_or_none_and_takes_no_time(opening: str, name: str) -> None:
    text = opening * 4000 + "\nend é\ud800"
    structure = structure_of(text, name)
    for unit in structure.units if structure else ():
        assert 0 <= unit.start < unit.end <= len(text)
