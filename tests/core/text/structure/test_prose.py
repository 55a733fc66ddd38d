"""Laws of prose-like formats: sections under headings, list items under what holds and introduces them."""

from __future__ import annotations

import time

import numpy as np
import pytest

from longattncomp_cli.core.chunking.chunks import Tokens
from longattncomp_cli.core.chunking.cutter import chunk_source
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.text.structure.reader import structure_of

# A text of each format, a word in it, and the heading lines that stand over it.
HEADED = {
    "atx.md": (
        "# Boats\n\nIntro.\n\n## Gull\n\nOne. It leaks.\n\n## Tern\n\nTwo.\n",
        "leaks",
        ["# Boats", "## Gull"],
    ),
    "setext.md": ("Boats\n=====\n\nGull\n----\n\nIt leaks.\n", "leaks", ["Boats\n=====", "Gull\n----"]),
    "bold.md": ("# Boats\n\n**Gull**\n\nIt leaks.\n\n**Tern**\n\nTwo.\n", "leaks", ["# Boats", "**Gull**"]),
    "a.rst": (
        "=====\nBoats\n=====\n\nGull\n----\n\nHull\n~~~~\n\nIt leaks.\n\nTern\n----\n\nTwo.\n",
        "leaks",
        ["=====\nBoats\n=====", "Gull\n----", "Hull\n~~~~"],
    ),
    "a.tex": (
        "\\section{Boats}\nX.\n\\subsection*{Gull}\nIt leaks.\n\\section{Oars}\nTwo.\n",
        "leaks",
        ["\\section{Boats}", "\\subsection*{Gull}"],
    ),
    "a.adoc": ("= Boats\n\n== Gull\n\nIt leaks.\n\n== Tern\n\nTwo.\n", "leaks", ["= Boats", "== Gull"]),
    "a.org": ("* Boats\n** Gull\nIt leaks.\n** Tern\nTwo.\n", "leaks", ["* Boats", "** Gull"]),
    "versions.txt": (
        "2.1.0 (2031-04-02)\n\nIt leaks no more.\n\n2.0.9 (2031-01-30)\n\nNew oars.\n",
        "leaks",
        ["2.1.0 (2031-04-02)"],
    ),
    "Version.txt": ("Version 2.1\n\nIt leaks.\n\nVersion 2.0\n\nNew oars.\n", "leaks", ["Version 2.1"]),
    "chapters.txt": (
        "CHAPTER I\n\nIt was night.\n\nCHAPTER II\n\nThe boat leaks.\n\nIt sank.\n",
        "sank",
        ["CHAPTER II"],
    ),
    "clauses.txt": (
        "1. Boats\n\n1.1 The boat is lent. It leaks.\n\n1.2 So are oars.\n\n2. Fees\n\n2.1 None. Ever.\n",
        "leaks",
        ["1. Boats", "1.1 The boat is lent."],
    ),
    "capitals.txt": ("CARE OF BOATS\n\nIt leaks.\n\nCARE OF OARS\n\nOil them.\n", "leaks", ["CARE OF BOATS"]),
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("name", HEADED)
def test_what_stands_in_a_section_stands_under_its_headings(name: str, newline: str) -> None:
    text, word, wanted = HEADED[name]
    text = "\ufeff" * (newline == "\r\n" and name == "clauses.txt") + text.replace("\n", newline)
    structure = structure_of(text.rstrip("\r\n"), name)
    assert structure is not None
    heads = [text[start:end] for start, end in structure.headings_at(text.index(word))]
    assert [head.replace("\r\n", "\n").lstrip("\ufeff") for head in heads] == wanted


LISTS = {
    "nested.md": (
        "# Rules\n\n- Always do:\n  - sweep\n- Never do, whoever asks:\n  - smoke\n    by it\n  - run\n",
        "run",
        ["# Rules", "- Never do, whoever asks:"],
    ),
    "colon.txt": (
        "Words. To stop the mill, do this:\n\n1. Ring.\n\n2. Pull.\n\nMore words.\n",
        "Pull",
        ["To stop the mill, do this:"],
    ),
    "tight.txt": ("You must not:\n* smoke\n* run\nYou may:\n* sit\n* sleep\n", "sleep", ["You may:"]),
    "long-items.txt": (
        "Codes are:\n\n1. ``E1``\n   The belt slips. Mend it.\n\n   Or call.\n\n2. ``E2``\n   No heat.\n",
        "Or call",
        ["Codes are:", "1. ``E1``\n   The belt slips."],
    ),
    "letters.txt": (
        "It covers:\n(a) fire. Of any kind;\n(b) water;\n(c) wind.\n",
        "Of any",
        ["It covers:", "(a) fire."],
    ),
    "marks.adoc": (
        "Do not:\n\n* touch\n** the wire\n** the coil\n* run\n",
        "the coil",
        ["Do not:", "* touch"],
    ),
    "tabs.md": ("- Never:\n\t- smoke\n\t- run\n", "run", ["- Never:"]),
    "a.tex": (
        "We never:\n\\begin{itemize}\n\\item smoke\n\\item run\n\\end{itemize}\n",
        "run",
        ["We never:"],
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_an_item_stands_under_what_holds_and_introduces_it(name: str) -> None:
    text, word, wanted = LISTS[name]
    structure = structure_of(text, name)
    assert structure is not None
    assert [text[start:end] for start, end in structure.headings_at(text.index(word) + 1)] == wanted


@pytest.mark.parametrize(
    "text",
    [
        "Plain words. And more of them.\n\nAnother paragraph, in which: something.\n",
        "In the year\n1986. That was long ago.\n\nA. Smith wrote it. He said: no.\n",
        "- Hello, said one, and left.\n\nThe other stayed.\n",
        "– Hello.\n\n– Good day.\n\nThey parted.\n",
        "The mill\n\nIt stands by the weir. It turns.\n\nThe pond\n\nIt is deep.\n",
        "NASA\n\nIt flies. 3.5 million people saw it.\n",
        "He paid: 3 coins.\n\nShe asked him:\n\nWhere is the boat?\n",
        "",
        "\n\n\n",
    ],
)
def test_plain_prose_has_no_structure(text: str) -> None:
    assert structure_of(text) is None
    assert structure_of(text.replace("\n", "\r\n"), "a.txt") is None


def test_a_line_at_the_head_of_every_page_is_no_heading() -> None:
    assert structure_of("ANNUAL REPORT\n\nWe sold oars. And boats.\n\n" * 9) is None


def test_a_list_whose_items_stand_apart_is_one_passage_with_the_line_before_it() -> None:
    items = "".join(f"{i}. Pull lever {i} and wait until it has come to rest.\n\n" for i in range(1, 7))
    text = f"Filler goes on.\n\nTo stop it, do these things:\n\n{items}Filler comes back.\n"
    starts = [i for i, char in enumerate(text) if not char.isspace() and (not i or text[i - 1].isspace())]
    tokens = Tokens(np.arange(len(starts)), np.array(starts, dtype=np.int64))
    made = chunk_source(Source(text), tokens, source_index=0, first_index=0, chunk_tokens=14, snap="auto")
    inside = [c for c in made.chunks if text.index("1. Pull") <= c.start < text.index("Filler comes")]
    assert len(inside) > 2
    assert all(chunk.continues for chunk in inside)
    assert not any(c.continues for c in made.chunks if c not in inside)


def test_no_chunk_ends_with_a_heading() -> None:
    text = "".join(f"## Part {i}\n\n" + "Some words of it here. " * (i % 9 + 1) + "\n\n" for i in range(40))
    starts = [i for i, char in enumerate(text) if not char.isspace() and (not i or text[i - 1].isspace())]
    tokens = Tokens(np.arange(len(starts)), np.array(starts, dtype=np.int64))
    source = Source(text, "a.md")
    made = chunk_source(source, tokens, source_index=0, first_index=0, chunk_tokens=32, snap="auto")
    assert len(made.chunks) > 9
    for chunk in made.chunks:
        assert not text[chunk.start : chunk.end].rstrip().splitlines()[-1].startswith("##")


@pytest.mark.parametrize(
    "line",
    [
        "- item\n",
        "1. item\n\n",
        "Do this:\n- a\n",
        "Title\n=====\n\n",
        "1.2.3 (2031-01-01)\n\n",
        "4.2 A clause. Of two.\n\n",
        "CHAPTER IX\n\n",
        "- \n",
        "word:\n",
        "*" * 90 + "\n",
        "    " * 9 + "- x\n",
        "=====\n",
    ],
)
@pytest.mark.parametrize("name", ["a.md", "a.rst", "a.tex", "a.adoc", "a.org", ""])
def test_time_is_linear(line: str, name: str) -> None:
    text = line * 1_200
    started = time.process_time()
    structure = structure_of(text, name)
    assert time.process_time() - started < 0.3
    for unit in structure.units if structure else ():
        assert 0 <= unit.start < unit.end <= len(text)


def test_deep_nesting_ends_somewhere() -> None:
    text = "".join(" " * i + "- item\n" for i in range(2_000))
    structure = structure_of(text, "a.md")
    assert structure is not None
    assert len(structure.around(len(text) - 3)) <= 10
