"""What a line stands under where only the layout says so: indentation, marks of items, columns, questions."""

from __future__ import annotations

import random
import time

import pytest

from longattncomp_cli.core.text.structure.reader import structure_of

NESTED = """\
sluice_set(
    name = "north",
    gates = [
        "upper",
        "lower",
    ],
)

# Kept for the winter.
sluice_set(
    name = "south",
    gates = ["single"],
    lift_cm = 85,
)

sluice_set(
    name = "east",
    lift_cm = 40,
)
"""
THREAD = """\
[asked] Which oil for the winch?
by nils, 3 May

  [reply] by runa, 4 May
  Thin oil, never grease.

    [note] by marl, 5 May
    Not in frost.

[asked] How long is the new rope?
by tide, 9 May

  [reply] by nils, 9 May
  Forty ells.

[asked] Who has the key?
by marl, 11 May

  [reply] by tide, 12 May
  Ask the keeper.
"""
LEASE = """\
1. Rent

The tenant pays:

(a) for the hall 40;

(b) for the loft:

(i) 12 while it is empty;

(ii) 30 from the day on which it is used.

2. Duties

The tenant shall not:

(a) keep geese;

(h) paint doors;

(i) burn peat.
"""
PLAY = """\
ACT I

SCENE 1. A pier.

ANNE. The lamp is out.

SCENE 2. A tower.

OTTO. Then climb.

ACT II

SCENE 1. The pier again.

ANNE. He fell at nine.
"""
RELEASES = """\
Release 3.1 (2031-04-02)
* Winch
  - Removed:
    - the slow gear

Release 3.0 (2030-11-20)
* Winch
  - Turns both ways
"""
EXAM = """\
Question 1. Which lamp is for ships at anchor?
A. A white one
B. A red one
Answer: A (2 points)

Question 2. How long is the long blast?
A. One second
B. Five seconds
Answer: B (3 points)
"""
FAQ = """\
Q: Can I hire the boat?
A: Yes, by the day.

Q: Who mends the nets?
A: The keeper does, on Mondays.

Q: Is there a ferry at night?
A: Never after ten.
"""
TIMES = """\
LINE 4  Pier - Barn

Weekdays
Pier    6:10  7:10
Church  6:25  7:25
Barn    6:40  7:40

Sundays
Pier    9:00  11:00
Church  9:15  11:15
Barn    9:30  11:30

LINE 9  Quarry - Dell

Weekdays
Quarry  5:00  6:00
Fort    5:20  6:20
Dell    5:30  6:30

Sundays
Quarry  8:00  8:40
Fort    8:20  9:00
Dell    8:30  9:10
"""
SETTINGS = """\
# Who may pass
gate_keeper = anne
gate_open = always
refused =
    geese,
    carts over two ells

# Limits
toll_pence = 12
most_carts = 7
rest_hours = 3
"""
STAGES = """\
works {
  place any
  stages {
    stage('Cut') {
      at { hall 'north' }
      steps {
        sh 'saw --all'
        keep 'planks'
      }
    }
    stage('Paint') {
      at { hall 'south' }
      limit { minutes 47 }
      steps {
        sh 'paint --twice --colour grey --wait-between 40'
        keep 'boards'
      }
    }
    stage('Ship') {
      at { hall 'pier' }
      steps {
        sh 'load --boat tern --by-crane --no-more-than 30'
        sh 'seal --with wax --number 4711 --report'
      }
    }
  }
}
"""
FEATURE = """\
Feature: Toll
  Rule: Carts pay by axle

    @slow
    Scenario Outline: Several axles
      When <axles> axles pass
      Then take <toll>

      Examples: Rain
        | axles | toll |
        | 2     | 29   |

  Rule: Walkers are free
    Scenario: Market day
      Then take nothing
"""
COLUMNS = """\
Tasks: 4, load 2.1

  PID KEEPER     RES  %CPU COMMAND
 4410 anne     44120   6.3 lamp --all
51277 otto    212440   4.7 winch
  911 runa      6112   0.3 bell -q 7
"""
PIPES = "Rates of the ferry:\n\n|boat|price|\n|tern|12|\n|gull|31|\n"
TEXTILE = "h2. Oven\n\nNone.\n\nh2. Kiln\n\n|_. Load|_. Peak|\n|tiles|1040|\n|bowls|1180|\n"
STANDS_UNDER: dict[str, tuple[str, str, list[str]]] = {
    "brackets": (NESTED, "85", ['sluice_set(\n    name = "south",']),
    "deeper brackets": (NESTED, '"lower"', ['sluice_set(\n    name = "north",', "gates = ["]),
    "reply": (THREAD, "never grease", ["[asked] Which oil for the winch?", "[reply] by runa, 4 May"]),
    "note": (THREAD, "Not in frost", ["[asked] Which oil", "[reply] by runa", "[note] by marl"]),
    "roman in letter": (LEASE, "30 from", ["1. Rent", "The tenant pays:", "(b) for the loft:"]),
    "i after h": (LEASE, "burn peat", ["2. Duties", "The tenant shall not:"]),
    "scene": (PLAY, "Then climb", ["ACT I", "SCENE 2. A tower."]),
    "scene of another act": (PLAY, "fell at nine", ["ACT II", "SCENE 1. The pier again."]),
    "version over a list": (RELEASES, "slow gear", ["Release 3.1 (2031-04-02)", "* Winch", "- Removed:"]),
    "options": (EXAM, "(3 points)", ["Question 2. How long is the long blast?"]),
    "answer": (FAQ, "on Mondays", ["Q: Who mends the nets?", "A:"]),
    "title over blocks": (TIMES, "8:40", ["LINE 9  Quarry - Dell", "Sundays"]),
    "setting on further lines": (SETTINGS, "carts over", ["# Who may pass", "refused ="]),
    "parts of a description": (STAGES, "minutes 47", ["works {", "stages {", "stage('Paint') {"]),
    "examples": (
        FEATURE,
        "29",
        ["Feature:", "Rule: Carts", "Scenario Outline:", "Examples: Rain", "| axles | toll |"],
    ),
    "scenario": (FEATURE, "nothing", ["Feature: Toll", "Rule: Walkers are free", "Scenario: Market day"]),
    "columns": (COLUMNS, "51277", ["PID KEEPER     RES  %CPU COMMAND"]),
    "pipes": (PIPES, "|gull", ["|boat|price|"]),
    "textile": (TEXTILE, "|bowls", ["h2. Kiln", "|_. Load|_. Peak|"]),
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("name", STANDS_UNDER)
def test_what_the_layout_says(name: str, newline: str) -> None:
    text, part, wanted = STANDS_UNDER[name]
    text = text.replace("\n", newline)
    structure = structure_of(text)
    assert structure is not None
    above = [text[a:b].strip() for a, b in structure.headings_at(text.index(part))]
    heads = [head.replace("\n", newline) for head in wanted]
    # A heading that stands in the line itself, before the part, is no owner of it.
    above = [head for head in above if not head.startswith(("|4", "|t")) or head in heads]
    assert len(above) == len(heads), above
    assert all(head.startswith(start) for head, start in zip(above, heads, strict=True)), above


PROSE = """\
The keeper of the lamp had three keys, and none of them fitted.
Would the fourth? He doubted it, for the lock was older
than the tower, and nobody knew who had made it.

    First line of a quotation,
    second line of it.

He went down again. Below, the boats lay in rows; each had a
number, a name and an owner, and most were out of paint.
"""


def test_prose_has_no_columns_and_no_levels() -> None:
    structure = structure_of(PROSE)
    assert structure is None or (structure.kind == "prose" and not any(unit.row for unit in structure.units))


@pytest.mark.parametrize(
    "text", ["  pump: pump of the pier. Kept in a box\n" * 8, "one two three four\n" * 8]
)
def test_lines_alike_are_no_columns(text: str) -> None:
    for name in ("", "a.yaml"):
        structure = structure_of(text, name)
        assert structure is None or not any(unit.row for unit in structure.units)


def test_an_assignment_is_no_setting_where_functions_are_called() -> None:
    text = "".join(f"width_{i} = measure(hall_{i})\n" for i in range(12))
    structure = structure_of(text)
    assert structure is None or structure.kind != "config"


def test_rows_without_a_rule_end_where_another_table_begins() -> None:
    text = "|boat|price|\n|tern|12|\n|gull|31|\n|oar|ells|\n|----|----|\n|long|4|\n"
    structure = structure_of(text)
    assert structure is not None
    heads = {text[a:b] for part in ("|gull", "|long") for a, b in structure.headings_at(text.index(part))}
    assert heads == {"|boat|price|", "|oar|ells|\n|----|----|"}
    begin = time.process_time()
    structure_of("|a|b|\n" * 12_000 + "|-|-|\n")
    assert time.process_time() - begin < 5


@pytest.mark.parametrize("name", STANDS_UNDER)
def test_time_is_linear(name: str) -> None:
    text, _, _ = STANDS_UNDER[name]
    times = 50_000 // len(text)
    rng = random.Random(name)
    begin = time.process_time()
    structure_of(text * times)
    structure_of("\n".join(rng.sample(text.splitlines() * times, k=len(text.splitlines()) * times)))
    assert time.process_time() - begin < 2
