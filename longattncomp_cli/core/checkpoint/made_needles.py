"""Questions with known answers, made without any data: what retrieval heads are found on by default.

Each context holds short passages, several of one kind: only its names tell which of them a question means.
"""

from __future__ import annotations

import random

from longattncomp_cli.core.checkpoint.retrieval_heads import HeadExample

_KINDS = (
    (
        "The lighthouse of {place} was rebuilt by {person} after the storm of {year}. Its lamp is seen from "
        "{number} miles away, and the keeper climbs the stairs every evening before dusk.",
        "Who rebuilt the lighthouse of {place}?",
    ),
    (
        "{person} opened a bakery in {place} in {year}. On market days the queue reaches the bridge, and the "
        "rye bread is sold out before ten o'clock.",
        "When did {person} open the bakery?",
    ),
    (
        "In the library of {place} the old maps lie in room {number}. {person}, who looks after them, lets "
        "visitors see two sheets at a time, with gloves.",
        "In which room of the library in {place} are the maps kept?",
    ),
    (
        "The choir of {place} was founded by {person}. It has {number} singers, rehearses on Thursdays, and "
        "travelled to a festival abroad in {year}.",
        "How many people sing in the choir of {place}?",
    ),
    (
        "{person} studied the bees of {place} for many years. The report of {year} says that the hives lost "
        "{number} percent of their weight in a wet spring.",
        "What happened to the hives that {person} studied?",
    ),
    (
        "The ferry to {place} leaves at {number} minutes past the hour. Its captain is {person}, who took "
        "over the line in {year} and had the engine replaced.",
        "Who is the captain of the ferry to {place}?",
    ),
    (
        "A meteorite fell near {place} in {year}. It weighed {number} kilograms; {person} found it in a "
        "field of barley and gave it to the museum.",
        "How heavy was the meteorite that fell near {place}?",
    ),
    (
        "{person} invented a loom that weaves {number} threads at once. The first one was set up in {place}, "
        "where it ran until the mill closed in {year}.",
        "Where was the first loom of {person} set up?",
    ),
)
_PLACE_LIST = (
    "Alderwick Brantham Corvale Dunmere Eastholm Farrowby Glenport Hallstead Inverloch Kestrel Larkhill "
    "Morwen Northey Oakfast Penrose Quillan Rosehaven Stanwick Thornbury Ulverton Velmoor Westerby Yarrow "
)
_FIRST_LIST = "Agnes Boris Clara David Elena Farid Greta Hugo Ines Jonas Karin Louis Mira Nadia Oscar Petra"
_LAST_LIST = "Abbott Brandt Castell Dorsey Ekman Fontaine Gruber Hollis Iversen Jarvis Keller Moreau"
_PLACES = _PLACE_LIST.split()
_PEOPLE = [f"{first} {last}" for first in _FIRST_LIST.split() for last in _LAST_LIST.split()]
_PASSAGES, _QUESTIONS = 16, 12


def made_needles(num_contexts: int, *, seed: int = 0) -> list[HeadExample]:
    """Contexts of about 800 tokens with 12 questions each."""
    return [_context(random.Random(f"needles:{seed}:{number}")) for number in range(num_contexts)]


def _context(rng: random.Random) -> HeadExample:
    places = rng.sample(_PLACES, _PASSAGES)
    people = rng.sample(_PEOPLE, _PASSAGES)
    # Every kind stands twice, so that its words alone do not tell.
    kinds = rng.sample([*_KINDS, *_KINDS], _PASSAGES)
    documents, questions = [], []
    for index, ((passage, question), place, person) in enumerate(zip(kinds, places, people, strict=True)):
        slots = {
            "place": place,
            "person": person,
            "year": rng.randrange(1820, 2010),
            "number": rng.randrange(11, 99),
        }
        documents.append(passage.format(**slots))
        questions.append((question.format(**slots), (index,)))
    return HeadExample(tuple(documents), tuple(rng.sample(questions, _QUESTIONS)))
