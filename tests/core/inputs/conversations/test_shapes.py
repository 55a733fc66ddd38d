"""Chats in the spellings of other programs: the same JSON comes back, shortened."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest

from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.conversations.files import conversation_of_text
from longattncomp_cli.core.inputs.conversations.reading import read_conversation
from longattncomp_cli.core.inputs.records import FieldNames, parse_record
from longattncomp_cli.core.results.report import compression_record
from longattncomp_cli.core.settings import CompressorSettings
from longattncomp_cli.errors import BudgetError, InputError
from tests.support.chats import FACT, LISTING, QUESTION, RULE, openai_chat, strings
from tests.support.scorers import remembering

ARGUMENTS = {"harbour": "Skerrow"}


@pytest.fixture(scope="module")
def compressor(scorer, o200k):
    return Compressor(remembering(scorer), o200k, CompressorSettings())


def _gemini(response):
    return {
        "systemInstruction": {"parts": [{"text": RULE}]},
        "contents": [
            {"role": "user", "parts": [{"text": QUESTION}]},
            {"role": "model", "parts": [{"functionCall": {"name": "list", "args": ARGUMENTS}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "list", "response": response}}]},
        ],
        "generationConfig": {"temperature": 0.0},
    }


SHAPES = {
    "gemini": _gemini({"result": LISTING}),
    "gemini-deep": _gemini({"rows": [{"n": 1, "text": LISTING}], "next": "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA="}),
    "bedrock": {
        "system": [{"text": RULE}],
        "messages": [
            {"role": "user", "content": [{"text": QUESTION}]},
            {
                "role": "assistant",
                "content": [{"toolUse": {"toolUseId": "t", "name": "list", "input": ARGUMENTS}}],
            },
            {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": LISTING}]}}]},
        ],
    },
    "interface": [
        {"id": "1", "role": "user", "parts": [{"type": "text", "text": QUESTION}]},
        {
            "id": "2",
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "text": "The tool knows."},
                {"type": "tool-list", "toolCallId": "t", "state": "output-available", "input": ARGUMENTS,
                 "output": {"text": LISTING}},
            ],
        },
    ],
    "model-messages": [
        {"role": "user", "content": QUESTION},
        {
            "role": "assistant",
            "content": [{"type": "tool-call", "toolCallId": "t", "toolName": "list", "input": ARGUMENTS}],
        },
        {
            "role": "tool",
            "content": [{"type": "tool-result", "toolCallId": "t", "toolName": "list",
                         "output": {"type": "text", "value": LISTING}}],
        },
    ],
    "langchain": [
        {"type": "human", "data": {"content": QUESTION, "type": "human"}},
        {"type": "ai", "data": {"content": "", "type": "ai",
                                "tool_calls": [{"name": "list", "args": ARGUMENTS, "id": "t"}]}},
        {"type": "tool", "data": {"content": LISTING, "type": "tool", "tool_call_id": "t"}},
    ],
    "sharegpt": {
        "conversations": [
            {"from": "human", "value": QUESTION},
            {"from": "function_call", "value": json.dumps(ARGUMENTS)},
            {"from": "observation", "value": LISTING},
        ]
    },
    "shell": {
        "model": "m",
        "input": [
            {"role": "user", "content": QUESTION},
            {"type": "shell_call", "call_id": "t", "action": {"commands": ["list Skerrow"]}},
            {"type": "shell_call_output", "call_id": "t", "output": [{"stdout": LISTING, "stderr": ""}]},
        ],
    },
    "code-execution": {
        "model": "m",
        "messages": [
            {"role": "user", "content": "Hello."},
            {
                "role": "assistant",
                "content": [
                    {"type": "server_tool_use", "id": "t", "name": "bash", "input": ARGUMENTS},
                    {"type": "bash_code_execution_tool_result", "tool_use_id": "t",
                     "content": {"type": "bash_code_execution_result", "stdout": LISTING}},
                ],
            },
            {"role": "user", "content": QUESTION},
        ],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_the_result_is_shortened_in_its_place_and_nothing_else_changes(compressor, name):
    value = SHAPES[name]
    before = copy.deepcopy(value)
    result = compressor.compress(value, budget=200)
    short, whole = strings(json.loads(result.text)), strings(value)
    assert value == before and short.keys() == whole.keys()
    changed = [place for place in whole if short[place] != whole[place]]
    assert [whole[place] for place in changed] == [LISTING]
    assert FACT in short[changed[0]] and result.request.query == QUESTION
    assert result.num_tokens <= 200 < result.renderer.original_tokens


@pytest.mark.parametrize("name", SHAPES)
def test_calls_and_rules_are_counted(name):
    said = [each.text for each in read_conversation(SHAPES[name], "x").texts]
    assert any("Skerrow" in text for text in said)
    assert (RULE in said) == ("system" in json.dumps(SHAPES[name]))


@pytest.mark.parametrize(
    "value",
    [
        [{"type": "system", "text": "pumps"}, {"type": "model", "content": "XJ-9"}],
        [{"from": "Turku", "value": "3 h"}, {"from": "user", "to": "Oslo"}],
        [{"type": "function", "content": "def f(x): return x", "name": "f"}],
        {"model": "XJ-9", "input": ["a", "b"], "prompt": 3},
        {"body": {"text": "x"}, "params": {"a": [1]}},
        {"parts": [{"name": "bolt", "text": "M8"}]},
    ],
)
def test_other_data_is_no_conversation(value):
    assert conversation_of_text(json.dumps(value), "x.json") is None


@pytest.mark.parametrize("holder", ["body", "params", "request"])
def test_a_line_of_a_batch_comes_back_with_its_body_shortened(compressor, holder):
    body = {"model": "m", "messages": openai_chat()}
    line = {"custom_id": "a-1", "method": "POST", "url": "/v1/chat/completions", holder: body}
    record = parse_record(json.dumps(line).encode(), 1, "batch.jsonl", FieldNames())
    request = compressor.requests.from_record(record, "")
    result = compressor.compress(replace(request, budget=150))
    written = compression_record(result, "name", "")
    assert list(written) == list(line) and {**written, holder: 0} == {**line, holder: 0}
    assert FACT in written[holder]["messages"][3]["content"] and result.num_tokens <= 150


@pytest.mark.parametrize("key", ["input", "prompt"])
def test_a_body_with_a_text_is_one_turn(compressor, key):
    body = {"model": "m", key: f"{LISTING}\n\n{QUESTION}"}
    short = json.loads(compressor.compress(body, budget=80).text)
    assert short[key].endswith(QUESTION) and FACT in short[key] and len(short[key]) < len(LISTING)


@pytest.mark.parametrize(
    ("value", "way"),
    [
        ({"requests": [{"custom_id": "a", "params": {"messages": openai_chat()}}]}, ".requests[]"),
        ([openai_chat(), openai_chat()], ".[]"),
        ([{"id": "x", "conversations": [{"from": "human", "value": "hi"}]}], ".[]"),
    ],
)
def test_several_conversations_name_the_command_that_parts_them(value, way):
    with pytest.raises(InputError, match="several conversations") as caught:
        conversation_of_text(json.dumps(value), "many.json")
    assert f"jq -c '{way}' many.json" in caught.value.hint


@pytest.mark.parametrize(
    "turn",
    [
        f"{QUESTION} Answer in one sentence.\n\n{{}}\n\nThanks!",
        f"Here is a list.\n\n{{}}\n\n{QUESTION} Please be quick.",
        "Tell me whose berth is number 41.\n\n{}",
    ],
)
def test_a_long_turn_asks_in_a_paragraph_at_its_end(compressor, turn):
    listing = LISTING.replace("\n", " rents it by the year, and pays in May.\n")
    messages = [{"role": "user", "content": turn.format(listing)}]
    result = compressor.compress(messages, budget=150)
    assert "41" in result.request.query and FACT in result.text and result.num_tokens <= 150


def test_a_long_turn_without_a_question_is_shortened_for_a_given_one(compressor):
    messages = [{"role": "user", "content": LISTING.replace("\n", " rents it by the year.\n")}]
    with pytest.raises(BudgetError) as caught:
        compressor.compress(messages, budget=150)
    assert "-q" in caught.value.hint
    assert FACT in compressor.compress(messages, QUESTION, budget=150).text


def test_results_nested_without_end_are_an_error_or_read():
    inner: object = "some words"
    for _ in range(900):
        inner = [{"type": "tool_result", "content": inner}]
    with pytest.raises(InputError, match="nested too deeply"):
        read_conversation([{"role": "user", "content": inner}], "x")
