"""What a line stands under in drawn trees, plans, definition lists, titled items and tables with a corner."""

from __future__ import annotations

import pytest

from longattncomp_cli.core.text.structure.reader import structure_of

DRAWN = """\
yard
├── crane
│   ├── load: 840 kg
│   └── hook
│       └── worn: 3 mm
├── belt
│   ├── load: 95 kg
│   └── speed: 12
└── gate
    └── width: 4 m
"""
ASCII_TREE = DRAWN.replace("│", "|").replace("├──", "|--").replace("└──", "`--")
PLAN = """\
Sort  (cost=90..91 rows=32)
  Sort Key: placed
  ->  Hash Join  (cost=4..88 rows=32)
        Hash Cond: (cart = id)
        ->  Seq Scan on carts  (cost=0..44 rows=480)
              Rows Removed by Filter: 911
        ->  Hash  (cost=3..3 rows=9)
              Buckets: 1024
              ->  Seq Scan on drivers  (cost=0..3 rows=9)
                    Rows Removed by Filter: 37
Planning Time: 1 ms
"""
SHORT_PLAN = """\
-> Nested loop  (cost=5 rows=9)
    -> Table scan on books  (cost=2 rows=18)
    -> Filter: (back is null)  (cost=1 rows=2)
        -> Index lookup on loans using due_idx  (cost=1 rows=4)
"""
TERMS = """\
Winds
=====

Bora
    cold, from the hills
    up to force nine
Maestral
    mild, in summer
"""
LABELLED = """\
\\section{Knots}
\\begin{description}
\\item[Bowline]
A loop that holds.
\\item[Clove hitch]
Made fast to posts.
\\end{description}
Both are taught on the first day.
"""
DETAILS = """\
# Boats

<details><summary>Tern</summary>

- Berth: 12

</details>

<details>
<summary>Gull</summary>

- Berth: 31

</details>
"""
MINUTES = """\
1. Harbour wall
The wall was looked at by two of us in the rain, and it will have to wait.
Resolved: no work before May.

2. Ferry
The ferry was late on nine days of the month, mostly for want of a second hand.
Resolved: a boy is hired.
"""
ACCOUNTS = """\
Accounts of the ferry

                      2030       2029
Income
  Fares             41,220     38,905
  Post               7,318      6,044
Total income        48,538     44,949

Expenses
  Wages             31,877     30,112
  Tar                1,206        871
"""
STATEMENT = """\
Day     Text                      Out         In
02.05.  Flour, two sacks       812.40
05.05.  Till, week 18                    2,930.15
09.05.  Rent, yard           1,450.00
13.05.  Oven 2, repair         388.90
19.05.  Till, week 20                    3,104.70

Please check it within six weeks.
"""
SHEET = "Fares of the ferry;;;\nPrinted in May;;;\nboat;price;berth;deck\ntern;12;3;no\ngull;31;8;yes\n"
STANDS_UNDER: dict[str, tuple[str, str, str, list[str]]] = {
    "branch": (DRAWN, "", "width", ["yard", "└── gate"]),
    "branch of a branch": (DRAWN, "", "worn", ["yard", "├── crane", "│   └── hook"]),
    "branch after a deeper one": (DRAWN, "", "speed", ["yard", "├── belt"]),
    "branch in ASCII": (ASCII_TREE, "", "speed", ["yard", "|-- belt"]),
    "node of a plan": (PLAN, "", "Filter: 911", ["Sort", "->  Hash Join", "->  Seq Scan on carts"]),
    "inner node of a plan": (
        PLAN, "", "Rows Removed by Filter: 37",
        ["Sort", "->  Hash Join", "->  Hash  (", "->  Seq Scan on drivers"],
    ),
    "plan of arrows alone": (SHORT_PLAN, "", "-> Index", ["-> Nested loop", "-> Filter"]),
    "term": (TERMS, "a.rst", "up to force", ["Winds", "Bora"]),
    "labelled item": (LABELLED, "a.tex", "Made fast", ["\\section{Knots}", "\\item[Clove hitch]"]),
    "after the labelled items": (LABELLED, "a.tex", "Both are", ["\\section{Knots}"]),
    "summary": (DETAILS, "a.md", "- Berth: 31", ["# Boats", "<summary>Gull</summary>"]),
    "item with a title": (MINUTES, "", "Resolved: a boy", ["2. Ferry"]),
    "names of columns over a corner": (ACCOUNTS, "", "  Wages", ["2030       2029"]),
    "cells that are left out": (STATEMENT, "", "13.05.", ["Day     Text"]),
    "titles over names of columns": (SHEET, "a.csv", "gull", ["boat;price;berth;deck"]),
}  # fmt: skip


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("name", STANDS_UNDER)
def test_what_a_line_stands_under(name: str, newline: str) -> None:
    text, file_name, part, heads = STANDS_UNDER[name]
    text = text.replace("\n", newline)
    structure = structure_of(text, file_name)
    assert structure is not None
    begin = text.rfind("\n", 0, text.index(part)) + 1
    above = [text[start:end].strip() for start, end in structure.headings_at(begin)]
    assert len(above) == len(heads), above
    assert all(head.startswith(start) for head, start in zip(above, heads, strict=True)), above
    assert all("\n" not in head for head in above if head != f"Winds{newline}=====")


@pytest.mark.parametrize(
    "text",
    [
        "He went -> she came.\n-> So it was said, and nobody asked again that day, for the sea was calm.\n"
        * 2
        + "The boats came home late. All of them had fish, and the men sang until it was dark.\n" * 9,
        "                    The Ferry\n\nIt leaves at six.  It is back at nine.\nNobody knows  why.\n",
        "1. The boats are painted in spring\nby whoever has the time, and tarred\nonce the tar is warm.\n\n"
        "2. The nets are mended\nby all hands.\n",
    ],
)
def test_prose_with_arrows_titles_or_lists_has_no_such_heads(text: str) -> None:
    structure = structure_of(text)
    for line in text.splitlines() if structure is not None else ():
        heads = structure.headings_at(text.index(line))
        assert not heads, (line, [text[start:end] for start, end in heads])
