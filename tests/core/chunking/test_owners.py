"""Each chunk is known with the heading lines over it, and with the tokens of these lines."""

from __future__ import annotations

import numpy as np
import pytest

from longattncomp_cli.core.chunking.chunks import ContextTokens
from longattncomp_cli.core.chunking.context import tokenize_context
from longattncomp_cli.core.chunking.owners import OWNER_SHARE, first_tokens, owners_of
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.text.spans import Span

INI = "[kiln]\n" + "".join(f"shelf_{i} = {i}\n" for i in range(40)) + "\n[oven]\nrack = 3\n"
MARKDOWN = "# Tools\n\n## Saw\n\n" + "It cuts well. " * 60 + "\n\n## Plane\n\n" + "It is flat. " * 60 + "\n"
PROSE = "The tide came in. " * 80


def context_of(scorer, *sources: Source) -> ContextTokens:
    return tokenize_context(sources, scorer.backbone.tokenize, chunk_tokens=32, snap="auto")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_headings_over_a_chunk_are_those_of_its_structure(scorer, end: str) -> None:
    texts = [("a.ini", INI), ("b.md", MARKDOWN), ("c.txt", PROSE)]
    sources = tuple(Source(text.replace("\n", end), name=name) for name, text in texts)
    context = context_of(scorer, *sources)
    chunks = [chunk for source in context.sources for chunk in source.chunks]
    owners = owners_of(chunks, sources)
    assert len(set(owners.headings)) == len(owners.headings)
    found: dict[int, list[str]] = {}
    for chunk, number in zip(owners.chunk_P.tolist(), owners.heading_P.tolist(), strict=True):
        heading = owners.headings[number]
        assert heading.source == chunks[chunk].source
        assert heading.end <= chunks[chunk].start
        found.setdefault(chunk, []).append(sources[heading.source].text[heading.start : heading.end])
    first = {number: next(c.index for c in chunks if c.source == number) for number in range(3)}
    assert found[first[0] + 1] == ["[kiln]"]
    assert found[first[2] - 1] == ["# Tools", "## Plane"]
    assert not any(chunk in found for chunk in (first[0], first[1], *range(first[2], len(chunks))))


def test_tokens_of_headings_are_numbered_over_all_sources(scorer) -> None:
    sources = (Source(PROSE), Source(INI, name="a.ini"), Source(MARKDOWN, name="b.md"))
    context = context_of(scorer, *sources)
    owners = owners_of([chunk for source in context.sources for chunk in source.chunks], sources)
    token_T, heading_T = owners.tokens(context)
    assert (np.diff(token_T) >= 0).all()
    first_of = first_tokens(context)
    for token, heading in zip(token_T.tolist(), heading_T.tolist(), strict=True):
        source, start, end = owners.headings[heading]
        assert first_of[source] <= token < first_of[source + 1]
        assert start <= context.sources[source].tokens.starts[token - first_of[source]] < end
    assert set(heading_T.tolist()) == set(range(len(owners.headings)))


def test_a_heading_outside_of_what_is_read_has_no_tokens(scorer) -> None:
    half = len(INI) // 2
    source = Source(INI, name="a.ini", context_region=Span(half, len(INI)))
    context = context_of(scorer, source)
    owners = owners_of(context.sources[0].chunks, (source,))
    assert owners.headings[0] == (0, 0, len("[kiln]"))
    token_T, heading_T = owners.tokens(context)
    assert 0 not in heading_T.tolist()
    assert len(token_T) == len(heading_T)


def test_places_in_a_heading_count_for_all_chunks_under_it(scorer) -> None:
    sources = (Source(PROSE), Source(INI, name="a.ini"))
    context = context_of(scorer, *sources)
    chunks = [chunk for source in context.sources for chunk in source.chunks]
    owners = owners_of(chunks, sources)
    kiln, shelf = (1, INI.index("kiln")), (1, INI.index("shelf_7"))
    counts_C = owners.counts([kiln, shelf], len(chunks))
    under = [chunk.index for chunk in chunks if chunk.source == 1 and 0 < chunk.start < INI.index("\n\n")]
    assert under
    assert np.flatnonzero(counts_C).tolist() == under
    assert (counts_C[under] == OWNER_SHARE).all()
    assert not owners.counts([shelf], len(chunks)).any()
    assert not owners.counts([], len(chunks)).any()


def test_a_closing_tag_or_bracket_stays_with_what_it_closes(scorer) -> None:
    element = "  <gauge name='g{0}'>\n    <level>{0} ells over the weir</level>\n  </gauge>\n"
    block = "gauge g{0} {{\n  level = {0} ells over the weir\n  note = kept\n}}\n"
    record = '  {{\n    "name": "g{0}",\n    "level": "{0} ells over the weir"\n  }},\n'
    for name, text in {
        "a.xml": "<gauges>\n" + "".join(element.format(i) for i in range(12)) + "</gauges>\n",
        "a.conf": "".join(block.format(i) for i in range(12)),
        "a.json": "[\n" + "".join(record.format(i) for i in range(12)) + '  {"name": "last"}\n]\n',
    }.items():
        context = context_of(scorer, Source(text, name=name))
        begins = [text[chunk.start :].lstrip()[:2] for chunk in context.sources[0].chunks[1:]]
        assert len(begins) > 3
        assert not [begin for begin in begins if begin[0] in "}])" or begin == "</"], name


def test_turns_begin_no_chunk_of_their_own(scorer) -> None:
    """What is spoken of goes on over turns: they fill chunks as sentences of one paragraph do."""
    rng = np.random.default_rng(4)
    turns = [
        f"{'Anne' if rng.random() < 0.5 else 'Otto'}: {'We spoke of the tide and of nets. ' * int(n)}\n"
        for n in rng.integers(1, 5, size=60)
    ]
    source = Source("".join(turns), name="talk.txt")
    assert source.kind == "chat"
    chunks = context_of(scorer, source).sources[0].chunks
    assert all(chunk.continues for chunk in chunks[1:])
