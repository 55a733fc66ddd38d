"""Chats as libraries and further APIs write them: Cohere, threads, Mistral, AutoGen, states of agents."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest

from longattncomp_cli.core.compressor import Compressor, CompressorSettings
from longattncomp_cli.core.inputs.conversations.files import conversation_of_text
from longattncomp_cli.core.inputs.conversations.reading import read_conversation
from longattncomp_cli.core.inputs.records import FieldNames, parse_record
from longattncomp_cli.core.results.report import compression_record
from longattncomp_cli.errors import BudgetError
from tests.support.chats import FACT, LISTING, QUESTION, RULE, openai_chat, strings
from tests.support.scorers import remembering

ARGUMENTS = {"harbour": "Skerrow"}
WRITTEN = json.dumps(ARGUMENTS)
CALL = {"id": "t", "type": "function", "function": {"name": "list", "arguments": WRITTEN}}


@pytest.fixture(scope="module")
def compressor(scorer, o200k):
    return Compressor(remembering(scorer), o200k, CompressorSettings())


def _in_thread(number, role, text):
    part = {"type": "text", "text": {"value": text, "annotations": []}}
    return {
        "id": f"m{number}",
        "object": "thread.message",
        "created_at": number,
        "role": role,
        "content": [part],
    }


_THREAD = [
    _in_thread(1, "user", "Please list them."),
    _in_thread(2, "assistant", LISTING),
    _in_thread(3, "user", QUESTION),
]
_INVOCATION = {"state": "result", "toolCallId": "t", "toolName": "list", "args": ARGUMENTS, "result": LISTING}
_AUTOGEN = [
    {"source": "user", "models_usage": None, "content": QUESTION, "type": "TextMessage"},
    {
        "source": "ann",
        "content": [{"id": "t", "arguments": WRITTEN, "name": "list"}],
        "type": "ToolCallRequestEvent",
    },
    {
        "source": "ann",
        "content": [{"content": LISTING, "name": "list", "call_id": "t", "is_error": False}],
        "type": "ToolCallExecutionEvent",
    },
]

SHAPES = {
    "cohere": {
        "model": "m",
        "preamble": RULE,
        "chat_history": [{"role": "USER", "message": "Hello."}, {"role": "CHATBOT", "message": LISTING}],
        "message": QUESTION,
    },
    "cohere-results": {
        "model": "m",
        "chat_history": [
            {
                "role": "CHATBOT",
                "message": "I look.",
                "tool_calls": [{"name": "list", "parameters": ARGUMENTS}],
            }
        ],
        "message": QUESTION,
        "tool_results": [{"call": {"name": "list", "parameters": ARGUMENTS}, "outputs": [{"text": LISTING}]}],
    },
    "cohere-documents": {
        "model": "m",
        "message": QUESTION,
        "documents": [{"title": "berths", "snippet": LISTING}],
    },
    "cohere-2-documents": {
        "model": "m",
        "documents": [{"id": "d", "data": {"text": LISTING}}],
        "messages": [{"role": "user", "content": QUESTION}],
    },
    "cohere-2": {
        "model": "m",
        "messages": [
            {"role": "user", "content": QUESTION},
            {"role": "assistant", "tool_plan": "I list the berths.", "tool_calls": [CALL]},
            {
                "role": "tool",
                "tool_call_id": "t",
                "content": [{"type": "document", "document": {"data": LISTING}}],
            },
        ],
    },
    "thread": {"messages": _THREAD},
    "thread-listed": {"object": "list", "data": _THREAD[::-1], "has_more": False},
    "thread-and-run": {"assistant_id": "a", "thread": {"messages": _THREAD}},
    "mistral-inputs": {
        "agent_id": "a",
        "inputs": [
            {"type": "message.input", "role": "user", "content": QUESTION},
            {"type": "function.call", "tool_call_id": "t", "name": "list", "arguments": WRITTEN},
            {"type": "function.result", "tool_call_id": "t", "result": LISTING},
        ],
    },
    "mistral-thinking": [
        {
            "role": "assistant",
            "content": [
                {
                    "type": "thinking",
                    "thinking": [{"type": "text", "text": "Let me think of Skerrow. " * 20}],
                },
                {"type": "text", "text": LISTING},
            ],
        },
        {"role": "user", "content": QUESTION},
    ],
    "ollama": {
        "model": "m",
        "messages": [
            {"role": "user", "content": QUESTION, "images": ["aGVsbG8="]},
            {
                "role": "assistant",
                "content": "",
                "thinking": "Hm.",
                "tool_calls": [{"function": {"name": "list", "arguments": ARGUMENTS}}],
            },
            {"role": "tool", "tool_name": "list", "content": LISTING},
        ],
    },
    "autogen": _AUTOGEN,
    "autogen-state": {"type": "AssistantAgentState", "llm_context": {"messages": _AUTOGEN}},
    "graph-state": {
        "values": {
            "messages": [
                {"type": "human", "content": QUESTION},
                {"type": "ai", "content": "", "additional_kwargs": {"tool_calls": [CALL]}},
                {"type": "tool", "content": LISTING, "tool_call_id": "t"},
            ]
        },
        "next": [],
    },
    "blocks": {
        "messages": [
            {"role": "user", "blocks": [{"block_type": "text", "text": QUESTION}]},
            {"role": "assistant", "additional_kwargs": {"tool_calls": [CALL]}, "blocks": []},
            {
                "role": "tool",
                "additional_kwargs": {"tool_call_id": "t"},
                "blocks": [{"block_type": "text", "text": LISTING}],
            },
        ]
    },
    "held-calls": [
        {"role": "user", "content": [{"text": QUESTION}]},
        {
            "role": "assistant",
            "content": [{"tool_call": {"tool_name": "list", "arguments": ARGUMENTS, "id": "t"}}],
        },
        {
            "role": "tool",
            "content": [
                {"tool_call_result": {"result": LISTING, "origin": {"tool_name": "list"}, "error": False}}
            ],
        },
    ],
    "kinds-of-parts": [
        {
            "kind": "request",
            "parts": [
                {"part_kind": "system-prompt", "content": RULE},
                {"part_kind": "user-prompt", "content": QUESTION},
            ],
        },
        {
            "kind": "response",
            "parts": [{"part_kind": "tool-call", "tool_name": "list", "args": WRITTEN, "tool_call_id": "t"}],
        },
        {
            "kind": "request",
            "parts": [
                {"part_kind": "tool-return", "tool_name": "list", "content": LISTING, "tool_call_id": "t"}
            ],
        },
    ],
    "one-part": {
        "params": {
            "systemPrompt": RULE,
            "messages": [
                {"role": "assistant", "content": {"type": "text", "text": LISTING}},
                {"role": "user", "content": {"type": "text", "text": QUESTION}},
            ],
        }
    },
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_listing_is_shortened_in_its_place_and_nothing_else_changes(compressor, name):
    value = SHAPES[name]
    before = copy.deepcopy(value)
    conversation = conversation_of_text(json.dumps(value), f"{name}.json")
    request = compressor.requests.from_conversation(conversation)
    result = compressor.compress(replace(request, budget=260))
    short, whole = strings(json.loads(result.text)), strings(value)
    assert value == before and short.keys() == whole.keys()
    changed = [place for place in whole if short[place] != whole[place]]
    assert [whole[place] for place in changed] == [LISTING]
    assert FACT in short[changed[0]] and result.request.query == QUESTION
    assert result.num_tokens <= 260 < result.renderer.original_tokens
    said = [each.text for each in conversation.texts]
    for text in ("Let me think of Skerrow. " * 20, "I list the berths."):
        assert (text in said) == (text in whole.values())
    assert (RULE in said) == (RULE in whole.values())
    assert any("Skerrow" in text for text in said) == ("Skerrow" in json.dumps(value))


@pytest.mark.parametrize(
    "messages",
    [
        [
            {"role": "user", "content": QUESTION},
            {
                "role": "assistant",
                "content": "",
                "toolInvocations": [_INVOCATION],
                "parts": [{"type": "tool-invocation", "toolInvocation": _INVOCATION}],
            },
        ],
        [
            {"role": "assistant", "content": LISTING, "parts": [{"type": "text", "text": LISTING}]},
            {"role": "user", "content": QUESTION},
        ],
        [
            {"role": "user", "content": QUESTION},
            {
                "role": "tool",
                "content": LISTING,
                "tool_responses": [{"tool_call_id": "t", "role": "tool", "content": LISTING}],
            },
        ],
        [
            {"sender": "assistant", "text": LISTING, "content": [{"type": "text", "text": LISTING}]},
            {"sender": "human", "text": QUESTION, "content": [{"type": "text", "text": QUESTION}]},
        ],
    ],
)
def test_what_stands_twice_in_a_message_counts_once_and_stays_alike(compressor, o200k, messages):
    result = compressor.compress(messages, budget=160)
    short = strings(json.loads(result.text))
    held = {short[place] for place, text in strings(messages).items() if text == LISTING}
    assert len(held) == 1 and FACT in held.pop()
    assert sum(each.text == LISTING for each in read_conversation(messages, "x").texts) == 1
    assert result.conversation == json.loads(result.text)


def test_documents_of_a_record_that_is_no_body_pass_through(compressor):
    record = {"messages": openai_chat(), "documents": [{"text": LISTING}], "budget": 150}
    parsed = parse_record(json.dumps(record).encode(), 1, "x.jsonl", FieldNames())
    line = compression_record(compressor.compress(compressor.requests.from_record(parsed, "")), "name", "")
    assert line["documents"] == record["documents"] and FACT in line["messages"][3]["content"]


def test_a_record_with_texts_beside_its_messages_comes_back_with_them_shortened(compressor):
    record = {**SHAPES["cohere-documents"], "budget": 150}
    parsed = parse_record(json.dumps(record).encode(), 1, "x.jsonl", FieldNames())
    line = compression_record(compressor.compress(compressor.requests.from_record(parsed, "")), "name", "")
    assert FACT in line["documents"][0]["snippet"] and len(line["documents"][0]["snippet"]) < len(LISTING)
    assert line["selection"]["num_tokens"] <= 150


@pytest.mark.parametrize(
    "value",
    [
        {"model": "XJ-9", "message": "failed", "level": "error"},
        [{"type": "TextMessage", "content": "hi", "number": 3}],
        {"object": "list", "data": [{"id": "gpt", "object": "model"}]},
        {"thread": {"messages": 3}, "values": [1], "state": "on"},
        [{"kind": "request", "parts": 4}, {"kind": "response"}],
        {"inputs": {"name": "x"}, "outputs": []},
    ],
)
def test_other_data_is_no_conversation(value):
    assert conversation_of_text(json.dumps(value), "x.json") is None


@pytest.mark.parametrize("key", ["message", "payload"])
def test_the_log_of_an_agent_names_the_command_that_takes_its_messages_out(key):
    line = {"type": "user", "uuid": "1", key: {"role": "user", "content": QUESTION}}
    failed = parse_record(json.dumps(line).encode(), 1, "a log.jsonl", FieldNames())
    assert f"jq -c '.{key} |" in failed.error.hint and "'a log.jsonl' > chat.jsonl" in failed.error.hint


def test_no_text_of_a_conversation_is_cut_without_a_mark(compressor):
    messages = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": LISTING},
        {"role": "user", "content": "And now? " + QUESTION},
    ]
    least = next(budget for budget in range(10, 90) if _works(compressor, messages, budget))
    for budget in range(least, least + 14):
        short = compressor.compress(messages, budget=budget).conversation
        assert short[0]["content"] == QUESTION or "[...]" in short[0]["content"]
        assert "[...]" in short[1]["content"]


def _works(compressor, messages, budget):
    try:
        return compressor.compress(messages, budget=budget) is not None
    except BudgetError:
        return False
