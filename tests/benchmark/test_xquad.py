"""XQuAD: the same questions in every language, of the text's language or of another."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from longattncomp_cli.benchmark.tasks.base import TaskSetting
from longattncomp_cli.benchmark.tasks.xquad import language_of, xquad_items
from longattncomp_cli.errors import UsageError

WORDS = {"en": "boat harbour ledger bell", "ru": "лодка гавань книга колокол", "zh": "船 港 账 钟"}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = []
    for language, words in WORDS.items():
        articles = [
            {
                "title": f"article {a}",
                "paragraphs": [
                    {
                        "context": f"{words} {a}-{p}. " * 12,
                        "qas": [
                            {
                                "id": f"q{a}{p}",
                                "question": f"{words}? {language}{a}{p}",
                                "answers": [{"text": words.split()[0], "answer_start": 0}],
                            }
                        ],
                    }
                    for p in range(3)
                ],
            }
            for a in range(4)
        ]
        path = tmp_path / f"xquad.{language}.json"
        path.write_bytes(orjson.dumps({"data": articles}))
        paths.append(path)
    return paths


def setting(files: list[Path], **others) -> TaskSetting:
    return TaskSetting(
        files={"xquad": files}, limit=5, lengths=(400,), count_tokens=lambda text: len(text.split()), **others
    )


def test_all_languages_have_the_same_questions_and_their_paragraph_as_evidence(files: list[Path]) -> None:
    items = xquad_items(setting(files))
    by_language = {language: [i for i in items if i.label == language] for language in WORDS}
    ids = [[item.id.partition("-")[2] for item in own] for own in by_language.values()]
    assert ids[0] == ids[1] == ids[2] and len(ids[0]) == 5
    for language, own in by_language.items():
        for item in own:
            ((source, start, end),) = item.evidence
            paragraph = item.request.sources[source].text[start:end]
            number = item.id[-2:]
            assert f"{number[0]}-{number[1]}." in paragraph
            assert item.request.query.endswith(language + number)


def test_one_haystack_a_language_with_the_same_paragraphs(files: list[Path]) -> None:
    items = xquad_items(setting(files))
    texts = {
        language: {i.request.sources[0].text for i in items if i.label == language} for language in WORDS
    }
    orders = []
    for of_language in texts.values():
        (text,) = of_language
        orders.append([part.split(".")[0].split()[-1] for part in text.split("\n\n")])
    assert orders[0] == orders[1] == orders[2] and 5 <= len(orders[0]) < 12


def test_a_haystack_keeps_to_its_length_in_every_language(files: list[Path]) -> None:
    for item in xquad_items(setting(files)):
        assert len(item.request.sources[0].text.split()) <= 400


def test_files_of_other_articles_are_refused(files: list[Path]) -> None:
    data = orjson.loads(files[1].read_bytes())
    files[1].write_bytes(orjson.dumps({"data": data["data"][1:]}))
    with pytest.raises(UsageError, match="en 12, ru 9, zh 12"):
        xquad_items(setting(files))


def test_questions_of_another_language(files: list[Path]) -> None:
    items = xquad_items(setting(files, query_language="ru"))
    assert {item.label for item in items} == {"ru", "ru→en", "ru→zh"}
    assert all("лодка" in item.request.query for item in items)
    assert any("boat" in item.request.sources[0].text for item in items)


def test_a_language_without_a_file_is_refused(files: list[Path]) -> None:
    with pytest.raises(UsageError, match="--query-language el") as caught:
        xquad_items(setting(files, query_language="el"))
    assert "en, ru, zh" in caught.value.hint


@pytest.mark.parametrize("name", ["xquad.de.json", "dev.de.json.gz", "dev.de.json.zst", "de.json"])
def test_languages_stand_in_the_names_of_files(name: str) -> None:
    assert language_of(Path(name)) == "de"
