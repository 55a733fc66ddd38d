"""Chats: what is shortened, what stays, what is counted, and what is refused."""

from __future__ import annotations

import copy
import json

import pytest

from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.conversations.files import conversation_of_text, write_conversation
from longattncomp_cli.core.inputs.conversations.reading import read_conversation
from longattncomp_cli.core.settings import CompressorSettings
from longattncomp_cli.errors import BudgetError, InputError
from tests.support.chats import FACT, LISTING, QUESTION, RULE, TALK, anthropic_body, openai_chat
from tests.support.scorers import remembering


@pytest.fixture(scope="module")
def compressor(scorer, o200k):
    return Compressor(remembering(scorer), o200k, CompressorSettings())


def counted(value, tokenizer):
    """The budget of a conversation, counted anew: every text, every call's name and arguments."""
    if isinstance(value, list):
        return sum(counted(each, tokenizer) for each in value)
    if not isinstance(value, dict):
        return 0
    total = sum(
        tokenizer.count(value[key])
        for key in ("content", "text", "thinking", "system", "name", "arguments")
        if isinstance(value.get(key), str)
    )
    if isinstance(value.get("input"), dict):
        total += tokenizer.count(json.dumps(value["input"]))
    inner = [value.get(key) for key in ("messages", "content", "system", "tool_calls", "function")]
    return total + sum(counted(each, tokenizer) for each in inner)


def test_what_must_stay_stays_and_the_rest_is_shortened_in_its_place(compressor, o200k):
    messages = openai_chat()
    before = copy.deepcopy(messages)
    result = compressor.compress(messages, budget=150)
    short = result.conversation
    assert messages == before
    assert [list(m) for m in short] == [list(m) for m in messages]
    assert [short[i] for i in (0, 1, 2, 5)] == [messages[i] for i in (0, 1, 2, 5)]
    assert FACT in short[3]["content"] and len(short[3]["content"]) < len(LISTING)
    assert short[4]["content"] == "[...]" or len(short[4]["content"]) < len(TALK)
    assert json.loads(result.text) == short
    assert result.num_tokens == counted(short, o200k) <= 150
    assert result.request.query == QUESTION and result.request.query_parser == "auto:messages"


def test_blocks_of_anthropic_are_read_and_pass_through(compressor, o200k):
    body = anthropic_body()
    result = compressor.compress(body, budget=160)
    short = result.conversation
    assert list(short) == list(body)
    assert {**short, "messages": 0} == {**body, "messages": 0}
    assert short["messages"][:2] == body["messages"][:2]
    (told, image), ask = short["messages"][2]["content"][0]["content"], short["messages"][2]["content"][1]
    assert FACT in told["text"] and len(told["text"]) < len(LISTING)
    assert told["cache_control"] == {"type": "ephemeral"} and image["type"] == "image"
    assert ask["text"] == QUESTION
    assert result.num_tokens == counted(short, o200k) <= 160


def test_a_result_at_the_end_is_shortened_for_the_user_turn_before_it(compressor):
    messages = openai_chat()[:4]
    messages[1]["content"] = QUESTION
    short = compressor.compress(messages, budget=130).conversation
    assert short[1]["content"] == QUESTION and FACT in short[3]["content"]
    assert len(short[3]["content"]) < len(LISTING)


def test_a_conversation_that_fits_comes_back_to_the_byte_and_is_not_read(compressor):
    text = json.dumps(openai_chat(), indent=3) + "\n"
    conversation = conversation_of_text("\ufeff" + text, "chat.json")
    request = compressor.requests.from_conversation(conversation)
    result = compressor.compress(request.__class__(**{**vars(request), "budget": "9k"}))
    assert result.text == text
    assert result.selection.stop == "passthrough" and result.scores.sink is None
    only_asked = [{"role": "user", "content": QUESTION}]
    assert compressor.compress(only_asked, budget=50).conversation == only_asked


def test_the_named_budget_is_the_least_that_works(compressor):
    with pytest.raises(BudgetError) as caught:
        compressor.compress(openai_chat(), budget=10)
    least = int(caught.value.hint.split()[2])
    assert compressor.compress(openai_chat(), budget=least).num_tokens == least
    with pytest.raises(BudgetError, match=str(least)):
        compressor.compress(openai_chat(), budget=least - 1)


@pytest.mark.parametrize("budget", [90, 150, 300, 700])
def test_the_budget_holds_and_a_larger_one_keeps_at_least_as_much_mass(compressor, budget):
    result = compressor.compress(openai_chat(), budget=budget)
    assert result.num_tokens <= budget
    assert (
        result.selection.retained_mass
        <= compressor.compress(openai_chat(), budget=budget * 2).selection.retained_mass + 1e-9
    )


def test_as_text_prints_turns_and_calls_and_counts_what_is_printed(scorer, o200k):
    compressor = Compressor(remembering(scorer), o200k, CompressorSettings(as_text=True))
    result = compressor.compress(openai_chat(), budget=260)
    assert result.text.startswith(f"<|im_start|>system\n{RULE}<|im_end|>\n")
    assert "list_berths" in result.text and '"Skerrow"' in result.text and FACT in result.text
    assert result.num_tokens == o200k.count(result.text) <= 260
    assert result.conversation is None


def test_a_given_query_wins_and_the_last_user_turn_stays(compressor):
    result = compressor.compress(openai_chat(), "Was the red boat asked for?", 130)
    assert result.request.query_parser == "given"
    assert "red boat" in result.conversation[4]["content"]
    assert result.conversation[5]["content"] == QUESTION


def test_a_short_last_turn_leans_on_the_one_before_it(compressor):
    messages = [
        *openai_chat(),
        {"role": "assistant", "content": "One moment."},
        {"role": "user", "content": "Go on"},
    ]
    request = compressor.requests.from_context(messages)
    assert request.query == f"Go on\n{QUESTION}"
    messages[-1]["content"] = "Which nets were mended in the mild weather?"
    assert compressor.requests.from_context(messages).query == messages[-1]["content"]


def test_a_short_question_leans_on_questions_and_not_on_documents(compressor):
    """A document in an earlier turn is what the question is about: its words find nothing."""
    document = "\n\n".join(f"Day {i}. {TALK}" for i in range(40))
    needle = "Wanda Pell keeps the blue lamp."
    messages = [
        {"role": "user", "content": f"{document}\n\n{needle}\n\n{document}"},
        {"role": "assistant", "content": "Read."},
        {"role": "user", "content": "Who is Wanda?"},
    ]
    result = compressor.compress(messages, budget=100)
    assert result.request.query == "Who is Wanda?"
    assert needle in result.conversation[0]["content"]
    messages[0]["content"] += f"\n\nQuestion: {QUESTION}"
    assert compressor.requests.from_context(messages).query == f"Who is Wanda?\n{QUESTION}"
    messages += [{"role": "assistant", "content": "A keeper."}, {"role": "user", "content": "Go on"}]
    assert compressor.requests.from_context(messages).query == f"Go on\nWho is Wanda?\n{QUESTION}"


@pytest.mark.parametrize(
    ("asked", "leans"),
    [("भारत की राजधानी क्या है?", False), ("और दूसरा?", True), ("故宫在哪里呢？", False), ("继续", True)],
)
def test_letters_of_any_script_make_a_question(compressor, asked, leans):
    messages = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": "Read."},
        {"role": "user", "content": asked},
    ]
    assert compressor.requests.from_context(messages).query == (f"{asked}\n{QUESTION}" if leans else asked)


def test_a_long_last_turn_is_shortened_around_its_question(compressor):
    story = "\n\n".join(f"Day {i}. {TALK}" for i in range(12))
    sale = "On day 99 the bell of the chapel was sold to Lind."
    asked = f"Use this log.\n\n{story}\n\n{sale}\n\n{story}\n\nQuestion: Who bought the bell?"
    result = compressor.compress([{"role": "user", "content": asked}], budget=200)
    content = result.conversation[0]["content"]
    assert content.startswith("Use this log.") and content.endswith("Question: Who bought the bell?")
    assert "sold to Lind" in content and result.num_tokens <= 200


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ([{"role": "user", "content": "x"}, {"role": "wizard", "content": "y"}], "message 1: 'role'"),
        ([{"role": "user", "content": 5}], "message 0: 'content' is a number"),
        ([{"role": "user", "content": "x"}, 7], "message 1 is a number"),
        ([{"role": "user", "content": [4]}], "message 0, part 0 is a number"),
        ([{"role": "user", "content": [{"type": "text"}]}], "message 0, part 0: 'text'"),
        ([{"role": "assistant", "tool_calls": {}}], "message 0: 'tool_calls'"),
        ([{"role": "assistant", "tool_calls": [{"function": {}}]}], "message 0: a tool call has no name"),
        ([{"role": "tool", "tool_call_id": "q", "content": "x"}], "message 0: the result of a call 'q'"),
        ({"model": "m", "messages": "hello"}, "'messages' is a string"),
        ({"model": "m", "messages": []}, "holds no message"),
        ({"model": "m", "system": 3, "messages": [{"role": "user", "content": "x"}]}, "'system' is a number"),
    ],
)
def test_another_shape_is_refused_and_its_place_is_named(value, place):
    with pytest.raises(InputError) as caught:
        read_conversation(value, "chat.json")
    assert (
        place in caught.value.message and caught.value.message.startswith("chat.json") and caught.value.hint
    )


def test_nobody_asks(compressor):
    with pytest.raises(InputError) as caught:
        compressor.compress([{"role": "assistant", "content": TALK}], budget=50)
    assert caught.value.code == "no-query"


@pytest.mark.parametrize(
    "text",
    ["", "hello", "[1, 2]", '{"role": "nurse", "name": "Ek"}', '[{"role": "nurse"}]', '{"messages": 5}',
     '{"a": 1}\n{"role": "user", "content": "x"}', "[broken", '{"role": "user"}'],
)  # fmt: skip
def test_other_text_is_no_conversation(text):
    assert conversation_of_text(text, "x.json") is None


@pytest.mark.parametrize(
    "text",
    ['[{"role": "user", "content": "x"},', '{"model": "m", "messages": [{"role": "user", "content": "x"}]',
     '{"role": "user", "content": "x"}\n{"role":', "[" * 100_000 + '"role"',
     '[{"role": "user", "content": "x", "y": ' + "[" * 9_000 + "]" * 9_000 + "}]"],
)  # fmt: skip
def test_a_broken_chat_says_so(text):
    with pytest.raises(InputError) as caught:
        conversation_of_text(text, "x.json")
    assert caught.value.code == "malformed-json"


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        ('"role": "user", "content": "x", "content": "y"', "the key 'content' stands twice"),
        ('"role": "user", "content": "x", "n": {"a": 1, "b": 2, "a": 3}', "the key 'a' stands twice"),
        ('"role": "user", "content": "x", "n": NaN', "NaN is no number"),
        ('"role": "user", "content": "x", "n": -Infinity', "-Infinity is no number"),
        ('"role": "user", "content": "x", "n": 1e999', "the number 1e999 is too large"),
    ],
)
@pytest.mark.parametrize("around", ["[{{{}}}]", '{{"messages": [{{{}}}]}}', "{{{}}}\n{{{}}}\n"])
def test_what_could_not_be_written_again_is_refused(inner, said, around):
    with pytest.raises(InputError, match=said):
        conversation_of_text(around.format(inner, inner), "x.json")


@pytest.mark.parametrize(
    "text", ['[{"a": 1, "a": 2, "role": 5}]', '{"role": "user", "content": ' + "9" * 5000 + "}"]
)
def test_other_json_with_such_things_is_no_conversation(text):
    assert conversation_of_text(text, "x.json") is None


@pytest.mark.parametrize("indent", [None, 1, 2, "\t"])
def test_a_changed_text_leaves_the_layout_and_every_other_value(indent):
    value = {"z": [1.5, None, True, "\u00e9\ud83d"], "messages": openai_chat(), "a": 12345678901234567890123}
    text = json.dumps(value, indent=indent)
    conversation = conversation_of_text(text, "x.json")
    written = write_conversation(conversation, {conversation.texts.index(conversation.texts[-2]): "new"})
    changed = json.loads(written)
    assert changed["messages"][4]["content"] == "new"
    changed["messages"][4]["content"] = TALK
    assert changed == value and list(changed) == list(value)
    assert written.count("\n") == text.count("\n")


def test_one_message_a_line_comes_back_one_a_line():
    lines = "".join(json.dumps(message) + "\n" for message in openai_chat())
    conversation = conversation_of_text("\ufeff" + lines, "x.jsonl")
    assert conversation.num_messages == 6
    assert write_conversation(conversation, {}) == lines
    changed = write_conversation(conversation, {len(conversation.texts) - 2: "new"})
    assert [json.loads(line)["role"] for line in changed.splitlines()] == [m["role"] for m in openai_chat()]
    assert json.loads(changed.splitlines()[4])["content"] == "new"
