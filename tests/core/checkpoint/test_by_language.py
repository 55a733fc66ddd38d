"""Requests in other scripts are read by the other reader, and a note says so once."""

from __future__ import annotations

import pytest

from longattncomp_cli.core.checkpoint.by_language import OtherReader, foreign_language, foreign_script
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.errors import CheckpointError, ResourceError

ENGLISH = "The ferry leaves at nine and comes back at noon. " * 20
RUSSIAN = "Паром уходит в девять и возвращается в полдень. " * 20


def request(query: str, *texts: str) -> Request:
    return Request(tuple(Source(text) for text in texts), query)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (request("When does the ferry leave?", ENGLISH), None),
        (request("Wann fährt die Fähre?", ENGLISH), None),
        (request("Когда уходит паром?", RUSSIAN), ("context", "Cyrillic")),
        (request("When does the ferry leave?", RUSSIAN), ("context", "Cyrillic")),
        (request("渡轮几点出发?", ENGLISH), ("query", "Han")),
        (request("Where is the сундук kept on the boat?", ENGLISH), None),
        (request("ferry", *[ENGLISH] * 3, *[RUSSIAN] * 3), ("context", "Cyrillic")),
        (request("1999?", "1, 2, 3"), None),
    ],
)
def test_scripts_decide(asked: Request, expected: tuple[str, str] | None) -> None:
    assert foreign_script(asked) == expected


GERMAN = "Die Fähre fährt um neun Uhr ab und kommt mit den Briefen für die Insel am Mittag zurück. " * 20
CODE = (
    "def ferry(at):\n    # where it is, and when it leaves\n    return [h for h in at if h is not None]\n\n"
    * 20
)


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("Wann fährt die Fähre auf die Insel?", ENGLISH, ("German", "English")),
        ("¿A qué hora sale el barco de la isla?", ENGLISH, ("Spanish", "English")),
        ("When does the ferry leave?", GERMAN, ("English", "German")),
        ("¿A qué hora sale el barco de la isla?", GERMAN, ("Spanish", "German")),
        ("Was macht die Funktion, wenn nichts da ist?", CODE, ("German", "English")),
        ("When does the ferry leave?", ENGLISH, None),
        ("When does the ferry leave?", CODE, None),
        ("Wann fährt die Fähre auf die Insel?", GERMAN, None),
        ("Who wrote El amor en los tiempos del cólera?", ENGLISH, None),
        ("Casa de la Moneda history", ENGLISH, None),
        ("Mies van der Rohe", ENGLISH, None),
        ("ferry timetable", GERMAN, None),
        ("Wann fährt die Fähre auf die Insel?", "4711 17:30 x" * 50, None),
        ("Wann fährt die Fähre auf die Insel?", "", None),
    ],
)
def test_a_question_in_another_language_than_the_text(query: str, text: str, expected) -> None:
    assert foreign_language(request(query, text)) == expected


def test_a_question_in_another_language_is_read_by_the_other_reader_and_said() -> None:
    notes: list[str] = []
    other = OtherReader(lambda: "other", notes.append)
    assert other.for_request(request("When does the ferry leave?", ENGLISH)) is None
    assert other.for_request(request("Wann fährt die Fähre auf die Insel?", ENGLISH)) == "other"
    assert notes == [
        "the query is in German, the context in English: read with the checkpoint multilingual "
        "(--checkpoint decides otherwise)"
    ]


def test_the_other_reader_is_loaded_once_and_said_once() -> None:
    notes: list[str] = []
    loaded: list[str] = []

    def load() -> str:
        loaded.append("loaded")
        return "other"

    other = OtherReader(load, notes.append)
    assert other.for_request(request("ferry?", ENGLISH)) is None
    assert not loaded and not notes
    assert [other.for_request(request("паром?", RUSSIAN)) for _ in range(3)] == ["other"] * 3
    assert loaded == ["loaded"] and len(notes) == 1
    assert "Cyrillic script" in notes[0] and "--checkpoint" in notes[0]


@pytest.mark.parametrize("error", [ResourceError, CheckpointError])
def test_where_it_cannot_be_loaded_the_note_says_what_to_do_and_the_run_goes_on(error) -> None:
    def load() -> str:
        raise error("not on this machine", hint="pip install 'longattncomp[multilingual]'")

    notes: list[str] = []
    other = OtherReader(load, notes.append)
    assert [other.for_request(request("паром?", RUSSIAN)) for _ in range(2)] == [None, None]
    assert len(notes) == 1
    assert "pip install 'longattncomp[multilingual]'" in notes[0]
