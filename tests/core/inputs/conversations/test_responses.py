"""Items of OpenAI's Responses API, and records of messages with what plain records know."""

from __future__ import annotations

import json

import pytest

from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.conversations.files import conversation_of_text
from longattncomp_cli.core.inputs.conversations.reading import read_conversation
from longattncomp_cli.core.inputs.records import FieldNames, parse_record
from longattncomp_cli.core.results.report import compression_record
from longattncomp_cli.core.settings import CompressorSettings
from longattncomp_cli.errors import InputError
from tests.support.chats import FACT, LISTING, openai_chat, responses_body
from tests.support.scorers import remembering


@pytest.fixture(scope="module")
def compressor(scorer, o200k):
    return Compressor(remembering(scorer), o200k, CompressorSettings())


def compressed_line(compressor, value):
    record = parse_record(json.dumps(value).encode(), 1, "x.jsonl", FieldNames())
    result = compressor.compress(compressor.requests.from_record(record, ""))
    return result, compression_record(result, "name", "")


def test_outputs_of_calls_are_shortened_and_every_other_item_stays(compressor):
    body = responses_body()
    short = compressor.compress(body, budget=240).conversation
    assert {**short, "input": 0} == {**body, "input": 0}
    assert [list(item) for item in short["input"]] == [list(item) for item in body["input"]]
    changed = [i for i, item in enumerate(short["input"]) if item != body["input"][i]]
    assert changed == [3, 4, 6]
    assert FACT in short["input"][3]["output"] and len(short["input"][3]["output"]) < len(LISTING)


def test_reasoning_calls_and_instructions_are_counted(o200k):
    body = responses_body()
    said = [each.text for each in read_conversation(body, "x").texts]
    assert body["instructions"] in said and "list_berths" in said
    assert sum("knows" in text for text in said) == 1


def test_an_output_without_its_call_is_refused_unless_the_call_is_elsewhere():
    body = responses_body()
    del body["input"][2]
    with pytest.raises(InputError, match="message 2: the result of a call 'c1'"):
        read_conversation(body, "x")
    assert read_conversation({**body, "previous_response_id": "resp_1"}, "x").num_messages == 8


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"type": "function_call", "call_id": "c9", "arguments": "{}"}, "a tool call has no name"),
        ({"type": "function_call_output", "call_id": "c1"}, "has no 'output'"),
        ({"type": "message", "content": "x"}, "'role' is missing"),
    ],
)
def test_a_broken_item_is_named(item, said):
    body = responses_body()
    body["input"].append(item)
    with pytest.raises(InputError, match=f"message 9.*{said}"):
        read_conversation(body, "x")


def test_one_item_a_line_is_a_conversation():
    lines = "".join(json.dumps(item) + "\n" for item in responses_body()["input"][1:])
    assert conversation_of_text(lines, "x.jsonl").num_messages == 8


def test_as_text_items_are_turns_of_who_makes_them(scorer, o200k):
    compressor = Compressor(remembering(scorer), o200k, CompressorSettings(as_text=True))
    text = compressor.compress(responses_body(), budget=900).text
    assert '<|im_start|>assistant\n{"query": "buoys"}\n\n[web_search_call]<|im_end|>' in text
    assert "<|im_start|>assistant\nlist_berths" in text and "<|im_start|>tool\n" in text


def test_a_body_of_items_as_a_record_comes_back_under_its_own_key(compressor):
    _, line = compressed_line(compressor, {**responses_body(), "id": "a", "budget": 240})
    assert line["id"] == "a" and FACT in line["input"][3]["output"]
    assert "messages" not in line and line["selection"]["num_tokens"] <= 240


def test_keep_of_a_record_names_messages(compressor):
    first = "berth 2 belongs to the harbour"
    at = LISTING.index(first)
    keep = [{"source": 3, "start": at, "end": at + len(first)}, [0, 3], {"source": 5, "start": 0, "end": 4}]
    record = {"messages": openai_chat(), "budget": 170, "keep": keep}
    _, line = compressed_line(compressor, record)
    assert first in line["messages"][3]["content"] and FACT in line["messages"][3]["content"]
    assert line["keep"] == keep
    spans = line["selection"]["spans"]
    kept = [span for span in spans if span.get("reason") == "keep"]
    assert [(span["source"], span["path"]) for span in kept] == [(3, "/messages/3/content")]
    assert all(0 <= span["start"] < span["end"] <= len(LISTING) for span in spans)


@pytest.mark.parametrize(
    "keep", [[{"source": 6, "start": 0, "end": 1}], [{"source": 4, "start": 0, "end": 9999}]]
)
def test_keep_outside_of_the_messages_is_refused(compressor, keep):
    record = parse_record(
        json.dumps({"messages": openai_chat(), "budget": 200, "keep": keep}).encode(), 1, "x", FieldNames()
    )
    with pytest.raises(InputError, match="keep"):
        if hasattr(record, "error"):
            raise record.error
        compressor.compress(compressor.requests.from_record(record, ""))


def test_an_instruction_is_charged_and_passes_through(compressor, o200k):
    instruction = "Answer in Latin, and in one sentence. " * 6
    plain, _ = compressed_line(compressor, {"messages": openai_chat(), "budget": 240})
    result, line = compressed_line(
        compressor, {"messages": openai_chat(), "budget": 240, "instruction": instruction}
    )
    assert line["instruction"] == instruction
    num_tokens = o200k.count(instruction)
    assert result.renderer.fixed_tokens == plain.renderer.fixed_tokens + num_tokens
    assert result.renderer.original_tokens == plain.renderer.original_tokens + num_tokens
    assert result.num_tokens <= 240 and FACT in line["messages"][3]["content"]
    assert (
        compressor.compress(openai_chat(), budget=240, instruction=instruction).num_tokens
        == result.num_tokens
    )
