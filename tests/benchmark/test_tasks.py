"""Tasks of the benchmark: evidence is where they say it is; prompts and grades are the official ones."""

from __future__ import annotations

import ast
import json
from collections import Counter
from itertools import pairwise

import pytest

from longattncomp_cli.benchmark.tasks import TASKS, TaskSetting, grading
from longattncomp_cli.benchmark.tasks.code_debug import find_edit
from longattncomp_cli.benchmark.tasks.item import Item, item_of_text
from longattncomp_cli.benchmark.tasks.made.hay import planted
from longattncomp_cli.benchmark.tasks.made.needles import FORMS
from longattncomp_cli.data.python_source import Module, read_modules
from longattncomp_cli.errors import InputError, UsageError

ISSUE_TASKS = [
    *(f"niah_single_{i}" for i in (1, 2, 3)),
    *(f"niah_multikey_{i}" for i in (1, 2, 3)),
    *("niah_multivalue", "niah_multiquery", "vt", "cwe", "fwe", "qa_1", "qa_2"),
    *("squad", "hotpotqa", "musique", "2wiki", "qmsum", "chroma", "code-debug", "longbench-v2", "records"),
]
SOURCE = '''import os


class Tide:
    @property
    def level(self):
        """Return the level above the datum.

        More words.
        """
        return self._level

    def one_liner(self): "Docstring and body."; return 1


def helper(x):
    def inner():
        return x
    return inner
'''


def count_words(text):
    return len(text.split())


def setting(**changes):
    return TaskSetting(**{"limit": 4, "lengths": (600,), "count_tokens": count_words, **changes})


def texts_of(item: Item) -> list[str]:
    return [item.request.sources[source].text[start:end] for source, start, end in item.evidence]


def make_module(number: int) -> str:
    """A module with eight functions of ten lines each, whose names stand nowhere else."""
    parts = [f'"""Module {number}."""\n']
    for index in range(8):
        name = f"gauge_{number}_{index}"
        lines = [f"    level = level + {line}" for line in range(6)]
        body = "\n".join(lines)
        parts.append(
            f"def {name}(level, limit):\n"
            f'    """Raise the level of gauge {number} {index} up to the limit."""\n'
            f"{body}\n    if level < limit:\n        return level\n    return limit - level\n\n"
        )
    return "\n".join(parts)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    for number in range(6):
        (folder / f"module_{number}.py").write_text(make_module(number) + "# é 東京\n" * 60, encoding="utf-8")
    return folder


def test_every_task_of_the_issue_is_there():
    assert not set(ISSUE_TASKS) - set(TASKS)


@pytest.mark.parametrize("name", FORMS)
def test_needles_hold_their_answers_and_stand_at_their_depth(name):
    items = TASKS[name].build(setting(depths=(0.0, 0.5, 1.0), limit=3))
    assert [item.digest for item in items] == [
        i.digest for i in TASKS[name].build(setting(depths=(0.0, 0.5, 1.0), limit=3))
    ]
    for item in items:
        found = texts_of(item)
        assert [text.split(": ")[-1].rstrip(".") for text in found] == [group[0] for group in item.answers]
        assert all(text.split(" for ")[1].split(" is: ")[0] in item.request.query for text in found)
        whole = item.request.sources[0].text
        assert 500 <= count_words(whole) <= 620
        # The first needle: nothing before it, half before it, nothing behind it but other needles.
        if len(found) == 1:
            start, end = item.evidence[0][1:]
            depth = start / (len(whole) - (end - start))
            assert depth == pytest.approx(item.depth, abs=0.08)


def test_planted_lines_are_where_their_spans_say():
    text, spans = planted(
        iter(["One. ", "Two. ", "Three.\n"] * 9), ["A line", "Another"], [0.9, 0.1], 40, count_words
    )
    assert [text[slice(*span)] for span in spans] == ["A line", "Another"]
    assert spans[1] < spans[0]


def test_variables_chain_from_the_value():
    (item,) = TASKS["vt"].build(setting(limit=1))
    lines = texts_of(item)
    assert lines[0].split(" = ")[1] in item.request.query
    for before, line in pairwise(lines):
        assert line.split(" = ")[1] == "VAR " + before.split(" = ")[0].removeprefix("VAR ")
    assert [group[0] for group in item.answers] == [
        line.split(" = ")[0].removeprefix("VAR ") for line in lines
    ]


def test_common_words_are_the_most_common():
    (item,) = TASKS["cwe"].build(setting(limit=1, lengths=(2_000,)))
    words = [line.split(". ")[1] for line in item.request.sources[0].text.split("\n")]
    common = {word for word, _ in Counter(words).most_common(10)}
    assert common == {group[0] for group in item.answers}
    assert Counter(texts_of(item)) == dict.fromkeys(common, 30)


def test_frequent_coded_words_are_the_most_frequent():
    (item,) = TASKS["fwe"].build(setting(limit=1, lengths=(3_000,)))
    counts = Counter(word for word in item.request.sources[0].text.split() if set(word) != {"."})
    assert {word for word, _ in counts.most_common(3)} == {group[0] for group in item.answers}
    assert Counter(texts_of(item)) == {word: counts[word] for word, _ in counts.most_common(3)}


def test_the_key_that_is_asked_for_has_the_value_that_is_wanted():
    for item in TASKS["kv"].build(setting()):
        key, value = json.loads("{" + texts_of(item)[0] + "}").popitem()
        assert f'"{key}"' in item.request.query
        assert json.loads(item.request.sources[0].text)[key] == value == item.answers[0][0]


def test_code_debug_breaks_one_of_four_functions(tree):
    for item in TASKS["code-debug"].build(setting(lengths=(1_500,), files={"python": [tree]})):
        names = [line.split(". ")[1] for line in item.fields["options"].split("\n")]
        bodies = texts_of(item)
        assert len(bodies) == 4
        for name, body in zip(names, bodies, strict=True):
            assert body.startswith(f"def {name}(")
            ast.parse(body)
        right = "ABCD".index(item.fields["letter"])
        assert item.fields["function"] == names[right]
        whole = [
            "if level < limit:" in b and "return level\n" in b and "return limit - level" in b for b in bodies
        ]
        assert whole == [index != right for index in range(4)]


def test_modules_without_four_functions_to_ask_about_are_drawn_again_or_refused(tmp_path):
    few, many = ["alpha"], [f"alpha_{n}" for n in range(4)]
    body = "    total = 0\n    if level < 3:\n        total = 1\n    else:\n        total = 2\n"
    body += "    return total\n"
    for folder, names in (("few", few), ("both", few), ("both", many)):
        source = "".join(f"def {name}(level):\n{body}\n\n" for name in names) + "# padding\n" * 200
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{names[-1]}.py").write_text(source)
    wanted = setting(lengths=(600,), files={"python": [tmp_path / "both"]})
    for item in TASKS["code-debug"].build(wanted):
        assert len(texts_of(item)) == 4
    with pytest.raises(UsageError, match="four functions"):
        TASKS["code-debug"].build(setting(lengths=(600,), files={"python": [tmp_path / "few"]}))


def test_a_broken_function_still_parses(tree):
    import random

    module = read_modules(tree)[0]
    for node in module.nodes:
        edit = find_edit(module, node, random.Random(1))
        changed = module.source[: edit.start] + edit.text + module.source[edit.end :]
        assert changed != module.source
        assert len(Module("changed", changed).nodes) == len(module.nodes)


def test_released_code_debug_finds_the_definitions(tmp_path):
    context = "import os\n\n\ndef one(\n    a,\n):\n    return a\n\n\n"
    context += "class Two:\n    def two(self):\n        return 2\n\n    x = 1\n"
    record = {
        "id": 7,
        "context": context,
        "input": "",
        "answer": ["two"],
        "options": ["one", "two", "three", "four"],
    }
    path = tmp_path / "code_debug.jsonl"
    path.write_text(json.dumps(record) + "\n")
    (item,) = TASKS["code-debug"].build(setting(files={"code-debug": [path]}))
    assert texts_of(item) == ["def one(\n    a,\n):\n    return a", "    def two(self):\n        return 2"]
    assert item.fields["letter"] == "B"


def test_functions_lose_their_docstrings_and_keep_their_lines():
    functions = {function.name: function for function in Module("tide.py", SOURCE).functions()}
    assert functions["level"].code == "@property\ndef level(self):\n    return self._level\n"
    assert functions["level"].question == "Return the level above the datum."
    assert "one_liner" not in functions
    assert functions["inner"].code == "def inner():\n    return x\n"
    assert functions["helper"].question == ""


def test_definitions_span_decorator_to_last_line():
    module = Module("tide.py", SOURCE)
    spans = {node.name: module.span_of(node) for node in module.nodes}
    level = SOURCE[slice(*spans["level"])]
    assert level.startswith("    @property\n")
    assert level.endswith("return self._level\n")


def test_docstring_questions_are_answered_by_their_functions(tree):
    for item in TASKS["code-nl"].build(setting(files={"python": [tree]})):
        (body,) = texts_of(item)
        assert item.request.query not in item.request.sources[0].text
        number, index = item.request.query.split("gauge ")[1].split(" ")[:2]
        assert f"def gauge_{number}_{index}(" in body


def squad_file(folder, **changes):
    article = {
        "title": "Tides",
        "paragraphs": [
            {"context": f"Harbour {n} lies at depth {n * 7} metres. Its gauge is read at noon.", "qas": []}
            for n in range(60)
        ],
    }
    for n in range(6):
        question = {"id": f"q{n}", "question": f"How deep is harbour {n}?"}
        question["answers"] = [{"text": f"{n * 7} metres", "answer_start": 0}]
        article["paragraphs"][n]["qas"].append({**question, **changes})
    path = folder / "squad.json"
    path.write_text(json.dumps({"version": "1.1", "data": [article]}))
    return path


@pytest.mark.parametrize("name", ["squad", "squad-hard", "qa_1"])
def test_questions_have_their_paragraph_as_evidence(tmp_path, name):
    files = {"squad": [squad_file(tmp_path)]}
    items = TASKS[name].build(setting(files=files, lengths=(200, 300)))
    assert len(items) == 8
    for item in items:
        (paragraph,) = texts_of(item)
        assert item.request.query.split("harbour ")[1].rstrip("?") == paragraph.split(" ")[1]
        assert item.answers[0][0] in paragraph


def test_a_larger_limit_draws_the_same_questions_and_more(tmp_path):
    files = {"squad": [squad_file(tmp_path)]}
    few, more = (TASKS["squad"].build(setting(files=files, limit=limit)) for limit in (2, 5))
    assert {item.id for item in few} < {item.id for item in more}


@pytest.mark.parametrize(
    ("task", "flag", "content", "told"),
    [
        (
            "squad",
            "squad",
            {"data": [{"title": "x", "paragraphs": [{"context": 3, "qas": []}]}]},
            "'context' is a number",
        ),
        (
            "hotpotqa",
            "hotpotqa",
            [{"_id": "1", "question": "?", "supporting_facts": []}],
            "record 0: field 'gold_paragraphs'",
        ),
        ("longbench-v2", "longbench-v2", [{"answer": "E"}], "record 0: field 'answer' is 'E'"),
        ("code-debug", "code-debug", [{"options": ["a"], "answer": "b"}], "record 0: field 'answer'"),
        (
            "records",
            "data",
            [{"context": "a b", "query": "q", "evidence": [{"start": 1, "end": 9}]}],
            "1:9 is outside",
        ),
        (
            "records",
            "data",
            [{"context": "a b", "query": "q", "evidence": ["c"]}],
            "'evidence[0]' is a string that",
        ),
        ("records", "data", [{"context": "a b", "query": "q"}], "neither 'evidence' nor 'answer'"),
        ("records", "data", [{"context": [{"text": 3}], "query": "q"}], "record 0: field 'context' holds"),
    ],
)
def test_a_wrong_file_gives_the_field_and_the_record(tmp_path, task, flag, content, told):
    path = tmp_path / "data.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError) as caught:
        TASKS[task].build(setting(files={flag: [path]}))
    assert str(path) in caught.value.message
    assert told in caught.value.message


def test_a_broken_line_is_named(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text('{"context": "a", "query": "b", "answer": "a"}\n{"context": \n')
    with pytest.raises(InputError, match=r"records.jsonl: line 2: not JSON"):
        TASKS["records"].build(setting(files={"data": [path]}))


def test_records_take_spans_strings_and_several_sources(tmp_path):
    record = {
        "id": 5,
        "context": ["Two jetties.", {"title": "Log", "text": "The third jetty is new."}, " "],
        "query": "Which is new?",
        "keep": [[0, 3], {"source": 1, "start": 4, "end": 9}],
        "evidence": [{"source": 1, "start": 0, "end": 15}, "jetties"],
        "answer": ["third"],
    }
    path = tmp_path / "records.jsonl"
    path.write_text(json.dumps(record) + "\n")
    (item,) = TASKS["records"].build(setting(files={"data": [path]}))
    assert texts_of(item) == ["The third jetty", "jetties"]
    assert item.answers == (("third",),)
    assert item.request.keep == ((0, 0, 3), (1, 4, 9))
    # Sources do not touch in figures over all of them: 12 characters and one between.
    assert item.flat(item.evidence) == [(13, 28), (4, 11)]


def test_a_task_without_its_file_says_which_flag():
    with pytest.raises(UsageError) as caught:
        TASKS["musique"].build(setting())
    assert "--musique" in caught.value.hint


def test_prompts_fill_their_blanks_and_leave_braces_of_the_data():
    item = item_of_text("1", "Why {x}?", "code {y}", [], fields={"kind": "numbers"})
    prompt = TASKS["niah_single_1"].prompt.fill(item, "code {y} {query}")
    assert "Some special magic numbers are hidden" in prompt
    assert prompt.endswith("\ncode {y} {query}\nWhy {x}?")


def answered(*groups, **fields):
    return item_of_text("1", "q", "t", [], answers=tuple(tuple(g) for g in groups), fields=fields)


def test_grades_follow_the_official_rules():
    # RULER: two of three strings, in any case; and any accepted string.
    assert grading.all_strings(answered(["Ab"], ["cd"], ["ef"]), "AB and CD") == pytest.approx(2 / 3)
    assert grading.any_string(answered(["no such", "Rome"]), "in rome.") == 1.0
    # SQuAD: articles, case and punctuation do not count; 2 of 3 given words are wanted, 2 of 2 found: F1 0.8.
    assert grading.token_f1(answered(["Eiffel Tower"]), "big Eiffel tower") == pytest.approx(0.8)
    assert grading.token_f1(answered(["Eiffel Tower"]), "Louvre") == 0.0


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("The correct answer is (B).", "B"),
        ("**The correct answer is C**", "C"),
        ("I think B", None),
        ("The correct answer is (insert answer here)", None),
    ],
)
def test_longbench_letters_are_extracted_as_published(reply, letter):
    assert grading.longbench_choice(reply) == letter


@pytest.mark.parametrize(
    ("reply", "grade"),
    [
        ("B", 1.0),
        ("A. has no error. The answer is B", 1.0),
        ("The answer is: `load_all`", 1.0),
        ("load_all compares wrongly", 1.0),
        ("The answer is: C", 0.0),
        ("A and B look right, so C", 0.0),
        ("", 0.0),
    ],
)
def test_code_debug_takes_letter_or_name(reply, grade):
    assert grading.code_debug(answered(letter="B", function="load_all"), reply) == grade
