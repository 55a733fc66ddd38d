"""A correction is found, belongs to what it corrects, and to nothing else."""

from __future__ import annotations

import time

import pytest

from longattncomp_cli.core.text.references.corrections import corrections, corrects

FACT = "Tickets for the chain ferry are sold at the bakery in Pond Street."
OTHER = "The warden counts the spare hoses, and the clerk repairs the window frames."
CORRECTIONS = [
    "Erratum: ferry tickets come from the cooper.",
    "**EDIT (3 June):** ferry tickets come from the cooper.",
    "Update: tickets for the ferry are sold by the cooper.",
    "Correction to page 4: the ferry tickets are not at the bakery.",
    "What was said on ferry tickets is superseded.",
    "P.S. The ferry tickets are sold by the cooper.",
    "Ann: Correction: ferry tickets come from the cooper.",
    "What was said on ferry tickets is struck.",
    "This replaces what was said on tickets for the ferry.",
    "Actually the ferry tickets are sold by the cooper.",
    "DEPRECATED: ferry tickets at the bakery.",
    "Korrektur: ferry tickets come from the cooper.",
]


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_a_correction_is_of_the_passage_with_its_words(correction: str) -> None:
    text = f"{OTHER}\n\n{FACT}\n\n{OTHER}\n\n{OTHER}\n\n{correction}\n\n{OTHER}\n"
    (found,) = corrections(text, 0, len(text))
    assert found.start == text.index(correction)
    at = text.index(FACT)
    assert corrects(found, text, at, at + len(FACT))
    assert not corrects(found, text, 0, len(OTHER))


@pytest.mark.parametrize(
    "plain",
    ["The lamp has been replaced twice.", "What is out of date goes to the cage with a yellow label."],
)
def test_what_happens_to_things_corrects_nothing(plain: str) -> None:
    text = f"{FACT}\n\n{plain}\n"
    assert corrections(text, 0, len(text)) == []


def test_what_follows_directly_is_of_what_stands_before() -> None:
    text = f"{OTHER}\n\nEDIT: not so.\n\n{FACT}\n"
    (found,) = corrections(text, 0, len(text))
    assert corrects(found, text, 0, len(OTHER))
    assert not corrects(found, text, text.index(FACT), len(text))  # it corrects nothing that comes later


@pytest.mark.parametrize(
    "text",
    [
        "The editor was late. An update of the roof is planned, and the correction fluid is dry.",
        "We edited: nothing.",
        "Nobody actually came, and the bell was struck twice.",
        "The correct way is: slowly.",
    ],
)
def test_prose_with_such_words_is_no_correction(text: str) -> None:
    assert corrections(text, 0, len(text)) == []


def test_it_is_linear() -> None:
    text = ("It was superseded long ago. " * 40 + "\n\n") * 100
    begin = time.process_time()
    corrections(text, 0, len(text))
    corrections("x " * 200_000, 0, 400_000)
    assert time.process_time() - begin < 5
