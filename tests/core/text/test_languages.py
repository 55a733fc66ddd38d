"""Languages of Latin script are told by function words; names and titles in them say nothing."""

from __future__ import annotations

import time

import pytest

from longattncomp_cli.core.text.languages import language_of, other_language

QUESTIONS = {
    "English": "Where does the ferry go when it leaves the harbour?",
    "German": "Wohin fährt die Fähre, wenn sie den Hafen verlässt?",
    "French": "Où va le bateau quand il quitte le port ?",
    "Spanish": "¿A dónde va el barco cuando sale del puerto?",
    "Italian": "Dove va il traghetto quando lascia il porto della città?",
    "Portuguese": "Para onde vai o barco quando sai do porto?",
    "Dutch": "Waar gaat de veerboot heen als hij uit de haven vertrekt?",
    "Swedish": "Vart går färjan när den lämnar hamnen och varför?",
    "Danish": "Hvor sejler færgen hen, når den forlader havnen, og hvornår?",
    "Norwegian": "Hva frakter fergen når den ikke går fra havnen?",
    "Finnish": "Missä lautta on ja milloin se lähtee?",
    "Polish": "Gdzie jest prom i kiedy wypływa z portu?",
    "Czech": "Kde je trajekt a kdy odjíždí z přístavu, který je na severu?",
    "Romanian": "Unde este feribotul și când pleacă din port?",
    "Hungarian": "Hol van a komp és mikor indul az északi kikötőből?",
    "Turkish": "Feribot nerede ve ne zaman hangi limandan kalkıyor?",
    "Vietnamese": "Chiếc phà đi đâu khi nó rời bến và khi nào?",
    "Indonesian": "Di mana feri itu dan kapan akan berangkat dari pelabuhan?",
}


@pytest.mark.parametrize("language", QUESTIONS)
def test_a_question_over_an_english_text(language: str) -> None:
    expected = None if language == "English" else language
    assert other_language(QUESTIONS[language], "English") == expected
    assert other_language(QUESTIONS[language], language) is None


@pytest.mark.parametrize(
    "query",
    [
        "",
        "1987",
        "La La Land box office",
        "Who directed La vie en rose?",
        "What does de facto mean, and who was Charles de Gaulle?",
        "Leonardo da Vinci and Ludwig van Beethoven",
        "Is Die Zeit a weekly?",
        "ETA of MS Ostsee",
        "def __init__(self, el, la, un): what is un?",
    ],
)
def test_names_do_not_make_a_question_foreign(query: str) -> None:
    assert other_language(query, "English") is None


@pytest.mark.parametrize(
    "text", ["", "the", "4711 17:30 " * 500, "SELECT x FROM y; " * 100, "lorem ipsum dolor " * 100]
)
def test_a_text_without_function_words_has_no_language(text: str) -> None:
    assert language_of(text) is None


def test_a_long_text_takes_no_longer_than_a_short_one() -> None:
    text = "The ferry that leaves at nine is not in the harbour. "
    assert language_of(text * 50) == language_of(text * 200_000) == "English"
    started = time.perf_counter()
    language_of(text * 200_000)
    assert time.perf_counter() - started < 1
