"""Tokens of the headings over a chunk count to it, at their share; nothing else changes."""

from __future__ import annotations

import math

import pytest
import torch

from longattncomp_cli.core.attention.owner_mass import OwnerMass
from longattncomp_cli.core.backbones.base import StateBlock
from longattncomp_cli.core.chunking.context import tokenize_context
from longattncomp_cli.core.chunking.owners import OWNER_SHARE, owners_of
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.explain.chunk import explain
from tests.support.scorers import remembering

Lines = list[tuple[str, int]]
YAML = "yards:\n" + "".join(
    f"  {name}:\n" + "".join(f"    berth{i}:\n      depth: {i}{len(name)}\n" for i in range(12))
    for name in ("ostrava", "malmo", "kavala")
)
PROSE = "The tide came in. " * 40


def parts(scorer, *sources: Source):
    context = tokenize_context(sources, scorer.backbone.tokenize, chunk_tokens=24, snap="auto")
    chunks = [chunk for source in context.sources for chunk in source.chunks]
    return context, chunks, owners_of(chunks, sources)


@pytest.mark.parametrize("block_tokens", [7, 64, 100_000])
def test_it_is_the_sum_over_a_chunks_own_tokens_and_those_of_its_headings(scorer, block_tokens: int) -> None:
    sources = (Source(PROSE), Source(YAML, name="a.yaml"))
    context, chunks, owners = parts(scorer, *sources)
    bounds = [(each.tokens, each.chunks, each.bounds) for each in context.sources]
    chunk_N = torch.cat(
        [
            torch.tensor([chunk.index for chunk in own]).repeat_interleave(torch.tensor(ends).diff())
            for _, own, ends in bounds
        ]
    )
    token_N = torch.cat([torch.arange(len(tokens.ids)) for tokens, _, _ in bounds])
    generator = torch.Generator().manual_seed(0)
    logits_NHM = torch.randn(len(chunk_N), 2, 3, generator=generator)
    owned = OwnerMass(owners, context)
    order = torch.randperm(len(chunk_N), generator=generator)
    for rows in order.split(block_tokens):
        owned(logits_NHM[rows], StateBlock(chunk_N[rows], {}, token_N=token_N[rows]))
    weights_NHM = logits_NHM.exp()
    sums_CHM = torch.stack([weights_NHM[chunk_N == chunk.index].sum(dim=0) for chunk in chunks])
    found_CHM = owned.added_to(sums_CHM.log()).exp()
    num_own = len(bounds[0][0].ids)
    starts = context.sources[1].tokens.starts
    for chunk in chunks:
        expected_HM = sums_CHM[chunk.index].clone()
        structure = sources[chunk.source].structure
        for start, end in structure.headings_at(chunk.start) if structure else ():
            at = [num_own + i for i, begin in enumerate(starts) if start <= begin < end]
            expected_HM += OWNER_SHARE * weights_NHM[at].sum(dim=0)
        assert torch.allclose(found_CHM[chunk.index], expected_HM, rtol=1e-4)


def test_without_headings_nothing_changes(scorer) -> None:
    context, chunks, owners = parts(scorer, Source(PROSE))
    owned = OwnerMass(owners, context)
    block = StateBlock(torch.zeros(3, dtype=torch.long), {}, token_N=torch.arange(3))
    owned(torch.zeros(3, 1, 1), block)
    sums_CHM = torch.randn(len(chunks), 1, 1)
    assert owned.added_to(sums_CHM) is sums_CHM


def test_where_tokens_are_not_known_nothing_is_added(scorer) -> None:
    context, chunks, owners = parts(scorer, Source(YAML, name="a.yaml"))
    owned = OwnerMass(owners, context)
    owned(torch.zeros(3, 1, 1), StateBlock(torch.zeros(3, dtype=torch.long), {}))
    sums_CHM = torch.randn(len(chunks), 1, 1)
    assert torch.equal(owned.added_to(sums_CHM), sums_CHM)


def ini(name: str, lines: Lines) -> str:
    return f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in lines) + "\n"


def markdown(name: str, lines: Lines) -> str:
    return f"## {name}\n\n" + "".join(f"- {key}: {value}\n" for key, value in lines) + "\n"


def yaml(name: str, lines: Lines) -> str:
    return f"{name}:\n" + "".join(f"  {key}: {value}\n" for key, value in lines)


def java(name: str, lines: Lines) -> str:
    methods = "".join(f"  int {key}() {{\n    return {value};\n  }}\n" for key, value in lines)
    return f"class {name} {{\n{methods}}}\n"


SECTIONS = {"a.ini": ini, "a.md": markdown, "a.yaml": yaml, "A.java": java}


@pytest.mark.parametrize("file", SECTIONS)
@pytest.mark.parametrize("asked", ["meadow", "harbour", "quarry"])
def test_of_equal_lines_those_of_the_section_that_is_named_are_best(scorer, file: str, asked: str) -> None:
    keys = [f"{a}_{b}" for a in ("gate", "lamp", "fence", "pump", "crane") for b in ("width", "price", "age")]
    names = ["orchard", "meadow", "harbour", "quarry"]
    text = "".join(
        SECTIONS[file](name, [(key, 7000 + 100 * n + k) for k, key in enumerate(keys)])
        for n, name in enumerate(names)
    )
    request = Request((Source(text, name=file),), f"What is the pump price of the {asked}?")
    scores = remembering(scorer.with_options(chunk_tokens=48)).score(request)
    places = [text.index(str(7000 + 100 * n + keys.index("pump_price"))) for n in range(len(names))]
    holding = [next(c.index for c in scores.chunks if c.start <= at < c.end) for at in places]
    assert max(holding, key=lambda index: scores.scores[index]) == holding[names.index(asked)]


@torch.inference_mode()
def test_an_explanation_names_the_words_of_headings(scorer) -> None:
    request = Request((Source(YAML, name="a.yaml"),), "How deep is berth7 in malmo?")
    plain = remembering(scorer.with_options(chunk_tokens=24, hops=1))
    chunk = next(c for c in plain.chunks(request) if c.start > YAML.index("berth6", YAML.index("malmo")))
    found = explain(plain, request, chunk.index)
    assert sum(word.adds for word in found.words) == pytest.approx(found.score - found.baseline, abs=1e-3)
    (word,) = [word for word in found.words if word.text == "malmo"]
    assert sum(part.share for part in word.words) == pytest.approx(1, abs=1e-4)
    assert word.words[0].text == "malmo"
    assert word.words[0].start < chunk.start
    assert math.isclose(sum(each.weight for each in found.words), 1, abs_tol=1e-5)
