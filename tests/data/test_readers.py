import gzip
import json

import pytest
import zstandard

from longattncomp_cli.data.readers import (
    READERS,
    read_2wiki,
    read_hotpotqa,
    read_musique,
    read_native,
    read_paragraphs,
    read_qmsum,
    read_squad,
)
from longattncomp_cli.data.readers import json_records as records_module
from longattncomp_cli.data.readers.json_records import read_records
from longattncomp_cli.errors import InputError

LIGHTHOUSE = "The lighthouse of Käpp was lit in 1871. It burned rapeseed oil."
HARBOUR = "The harbour froze every winter until the 1930s."


def squad_file(**question):
    asked = {
        "id": "q1",
        "question": "When was it lit?",
        "answers": [{"text": "1871", "answer_start": LIGHTHOUSE.index("1871")}],
    }
    paragraphs = [{"context": HARBOUR, "qas": []}, {"context": LIGHTHOUSE, "qas": [asked | question]}]
    return {"version": "v2.0", "data": [{"title": "Käpp", "paragraphs": paragraphs}]}


def hotpot_record(**fields):
    record = {
        "_id": "h1",
        "question": "Who built the tower that burned oil?",
        "answer": "Mara Lind",
        "supporting_facts": [["Tower", 1], ["Mara Lind", 0], ["Tower", 9]],
        "context": [
            ["Harbour", ["It froze.", " Every winter."]],
            ["Tower", ["It is tall.", " It burned oil."]],
            ["Mara Lind", ["Mara Lind built towers."]],
        ],
    }
    return record | fields


def musique_record(**fields):
    def paragraph(title, text, is_supporting):
        return {"idx": 0, "title": title, "paragraph_text": text, "is_supporting": is_supporting}

    record = {
        "id": "2hop__1_2",
        "question": "What is the seat of the county of Orra?",
        "answerable": True,
        "paragraphs": [
            paragraph("Orra", "Orra is in Vell County.", True),
            paragraph("Plain", "Nothing here.", False),
            paragraph("Vell County", "Its seat is Tam.", True),
        ],
        "question_decomposition": [
            {"id": 1, "question": "Which county is Orra in?", "answer": "Vell County"},
            {"id": 2, "question": "What is the seat of #1?", "answer": "Tam"},
        ],
    }
    return record | fields


def meeting(spans):
    return {
        "id": "M1",
        "meeting_transcripts": [
            {"speaker": speaker, "content": words}
            for speaker, words in [
                ("A", "Good morning"),
                ("B", "Hello"),
                ("A", "The budget is ten"),
                ("B", "Fine"),
            ]
        ],
        "specific_query_list": [{"query": "What about the budget?", "relevant_text_span": spans}],
    }


def write(path, content):
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    data = text.encode()
    if path.suffix == ".gz":
        data = gzip.compress(data)
    elif path.suffix == ".zst":
        data = zstandard.compress(data)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["squad.json", "squad.json.gz", "squad.json.zst"])
def test_squad_marks_the_paragraph_of_the_answer(tmp_path, name):
    (example,) = read_squad(write(tmp_path / name, squad_file()))
    assert example.relevant == (1,)
    assert [document.text for document in example.documents] == [HARBOUR, LIGHTHOUSE]
    (span,) = example.evidence
    assert example.documents[span.document].text[span.start : span.end] == "1871"
    assert (example.dataset, example.group) == ("squad", "Käpp")


def test_squad_finds_an_answer_whose_offset_is_wrong(tmp_path):
    answers = [{"text": "rapeseed", "answer_start": 2}]
    (example,) = read_squad(write(tmp_path / "s.json", squad_file(answers=answers)))
    (span,) = example.evidence
    assert LIGHTHOUSE[span.start : span.end] == "rapeseed"


@pytest.mark.parametrize("question", [{"answers": []}, {"is_impossible": True}, {"answers": None}])
def test_an_unanswerable_squad_question_has_no_relevant_document(tmp_path, question):
    (example,) = read_squad(write(tmp_path / "s.json", squad_file(**question)))
    assert example.relevant == ()
    assert example.evidence == ()
    assert len(example.distractors) == 2


def test_hotpotqa_takes_paragraphs_of_supporting_facts(tmp_path):
    (example,) = read_hotpotqa(write(tmp_path / "h.json", [hotpot_record()]))
    assert example.relevant == (1, 2)
    # A sentence number past the end is kept out of the evidence; its paragraph is relevant.
    found = [example.documents[s.document].text[s.start : s.end] for s in example.evidence]
    assert found == ["It burned oil.", "Mara Lind built towers."]
    assert example.documents[0].text == "It froze. Every winter."
    assert [document.title for document in example.distractors] == ["Harbour"]


def test_2wiki_joins_sentences_and_reads_sub_questions(tmp_path):
    record = hotpot_record(
        context=[["Tower", ["It is tall.", "It burned oil."]], ["Mara Lind", ["Mara Lind built towers."]]],
        qa_pairs=[
            {"question": "Which tower burned oil?", "answer": "x"},
            {"question": "Who built it?", "answer": "y"},
        ],
    )
    (example,) = read_2wiki(write(tmp_path / "w.json", [record]))
    assert example.documents[0].text == "It is tall. It burned oil."
    assert example.sub_queries == ("Which tower burned oil?", "Who built it?")
    (plain,) = read_2wiki(write(tmp_path / "w.json", [hotpot_record()]))
    assert plain.sub_queries == ()


def test_gold_paragraphs_stand_in_for_a_context(tmp_path):
    record = hotpot_record(supporting_facts=[["Tower", 0]])
    record["gold_paragraphs"] = record.pop("context")[1:2]
    (example,) = read_2wiki(write(tmp_path / "g.jsonl", record))
    assert example.relevant == (0,)


def test_musique_fills_earlier_answers_into_sub_queries(tmp_path):
    (example,) = read_musique(write(tmp_path / "m.jsonl", musique_record()))
    assert example.relevant == (0, 2)
    assert example.sub_queries == ("Which county is Orra in?", "What is the seat of Vell County?")


def test_musique_without_distractors_and_without_answer(tmp_path):
    gold = musique_record()
    gold["gold_paragraphs"] = [p for p in gold.pop("paragraphs") if p["is_supporting"]]
    lines = json.dumps(gold) + "\n\n" + json.dumps(musique_record(answerable=False)) + "\n"
    gold_only, unanswerable = read_musique(write(tmp_path / "m.jsonl", lines))
    assert gold_only.relevant == (0, 1)
    assert unanswerable.relevant == ()


@pytest.mark.parametrize("group_chars", [1, 30, 1_000])
def test_qmsum_turn_ranges_become_spans_of_the_meeting(tmp_path, group_chars):
    path = write(tmp_path / "q.jsonl", meeting([["0", "0"], [2, 3]]))
    (example,) = read_qmsum(path, group_chars=group_chars)
    whole = "\n".join(document.text for document in example.documents)
    assert whole == "A: Good morning\nB: Hello\nA: The budget is ten\nB: Fine"
    found = "\n".join(example.documents[s.document].text[s.start : s.end] for s in example.evidence)
    assert found == "A: Good morning\nA: The budget is ten\nB: Fine"
    assert example.relevant == tuple(sorted({s.document for s in example.evidence}))
    assert example.group == "M1"


def test_own_format(tmp_path):
    lines = [
        {
            "id": 7,
            "query": "a?",
            "documents": [{"text": "x"}, {"title": "T", "text": "y"}],
            "relevant": [1, 0],
        },
        {"query": "b?", "documents": [{"text": "x"}], "relevant": [], "sub_queries": ["c?"]},
    ]
    first, second = read_native(write(tmp_path / "d.jsonl.zst", "\n".join(map(json.dumps, lines))))
    assert (first.id, first.relevant, first.sub_queries) == ("7", (0, 1), ())
    assert first.documents[1].titled_text == "T\ny"
    assert (second.id, second.relevant, second.sub_queries) == ("line 2", (), ("c?",))


def test_paragraph_pool(tmp_path):
    lines = '{"title": "T", "sentences": ["One.", "Two."]}\n{"text": "Three."}\n'
    first, second = read_paragraphs(write(tmp_path / "p.jsonl.gz", lines))
    assert (first.title, first.text) == ("T", "One. Two.")
    assert (second.title, second.text) == ("", "Three.")


@pytest.mark.parametrize("part_chars", [1, 7, 64, 1 << 20])
@pytest.mark.parametrize("layout", ["array", "indented", "lines"])
def test_streaming_equals_reading_at_once(tmp_path, monkeypatch, part_chars, layout):
    values = [{"n": n, "text": '東京 🙂 "[],{}' * n, "list": [[], [n]]} for n in range(12)]
    text = {
        "array": json.dumps(values),
        "indented": " \n" + json.dumps(values, indent=2, ensure_ascii=False) + "\n",
        "lines": "\n".join(json.dumps(value) for value in values),
    }[layout]
    monkeypatch.setattr(records_module, "_PART_CHARS", part_chars)
    assert [record.value for record in read_records(write(tmp_path / "x", text))] == values


def test_an_empty_array_or_file_has_no_records(tmp_path):
    assert list(read_records(write(tmp_path / "a", "[ ]"))) == []
    assert list(read_records(write(tmp_path / "b", ""))) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[{"a": 1}, {"a": }]', "record 1"),
        ('[{"a": 1} {"a": 2}]', "record 1"),
        ('[{"a": 1}', "record 1"),
        ('{"a": 1}\n{"a": \n', "line 2"),
        ('{"a": 1}\n\n[2]\n', "line 3: a list"),
        ("[{}, 3]", "record 1: a number"),
    ],
)
def test_broken_json_names_file_and_place(tmp_path, text, place):
    path = write(tmp_path / "broken.json", text)
    with pytest.raises(InputError, match=place) as caught:
        list(read_records(path))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("dataset", "content", "said"),
    [
        ("squad", {"version": "1.1"}, ["'data'", "missing"]),
        ("squad", squad_file(question=3), ["article 0", "qas[0]", "'question'", "a number"]),
        ("squad", squad_file(question="  "), ["'question'", "empty"]),
        ("squad", squad_file(answers=[{"text": "1871"}]), ["answers[0]", "'answer_start'"]),
        ("squad", squad_file(answers="1871"), ["'answers'", "a string, not a list"]),
        ("hotpotqa", [hotpot_record(), hotpot_record(context="x")], ["record 1", "'context'", "not a list"]),
        ("hotpotqa", [hotpot_record(context=[["T", "x"]])], ["record 0", "context[0]", "[title, [sentence"]),
        (
            "hotpotqa",
            [hotpot_record(supporting_facts=[["Gone", 0]])],
            ["record 0", "'Gone'", "supporting_facts"],
        ),
        ("hotpotqa", [hotpot_record(supporting_facts=[["Tower"]])], ["supporting_facts[0]"]),
        (
            "2wikimultihopqa",
            [hotpot_record(qa_pairs=[{"answer": "x"}])],
            ["qa_pairs[0]", "'question'", "missing"],
        ),
        ("musique", musique_record(paragraphs=[{"paragraph_text": "x"}]), ["line 1", "'is_supporting'"]),
        ("musique", musique_record(question_decomposition=[{"question": "#1?"}]), ["#1", "no earlier step"]),
        ("musique", musique_record(question=""), ["line 1", "'question'", "empty"]),
        (
            "qmsum",
            meeting([[2, 4]]),
            ["line 1", "specific_query_list[0]", "relevant_text_span[0]", "4 turns"],
        ),
        ("qmsum", meeting([["x", "2"]]), ["relevant_text_span[0]"]),
        ("data", {"id": "a", "query": "q", "documents": [], "relevant": []}, ["'documents'", "empty"]),
        ("data", {"id": "a", "query": "q", "documents": [{}], "relevant": []}, ["documents[0]", "'text'"]),
        (
            "data",
            {"id": "a", "query": "q", "documents": [{"text": ""}], "relevant": [1]},
            ["'relevant'", "1"],
        ),
        ("data", {"id": [], "query": "q", "documents": [{"text": ""}], "relevant": []}, ["'id'", "a list"]),
        ("data", {"id": "a", "query": "q", "documents": [{"text": ""}]}, ["'relevant'", "missing"]),
        (
            "data",
            {"id": "a", "query": "q", "documents": ["x"], "relevant": []},
            ["documents[0]", "not an object"],
        ),
    ],
)
def test_malformed_records_name_file_place_and_field(tmp_path, dataset, content, said):
    path = write(tmp_path / "bad.json", content)
    with pytest.raises(InputError) as caught:
        list(READERS[dataset](path))
    for part in [str(path), *said]:
        assert part in caught.value.message


@pytest.mark.parametrize("reader", READERS.values())
def test_unreadable_files_are_input_errors(tmp_path, reader):
    with pytest.raises(InputError, match=r"missing\.json"):
        list(reader(tmp_path / "missing.json"))
    latin = tmp_path / "latin.json"
    latin.write_bytes('{"a": "é"}'.encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        list(reader(latin))
    torn = tmp_path / "torn.json.gz"
    torn.write_bytes(gzip.compress(b'{"a": "' + bytes(range(97, 123)) * 99)[:-12])
    with pytest.raises(InputError, match=r"torn\.json\.gz"):
        list(reader(torn))
    wrong = tmp_path / "wrong.json.zst"
    wrong.write_bytes(b'{"a": 1}')
    with pytest.raises(InputError, match=r"wrong\.json\.zst"):
        list(reader(wrong))
