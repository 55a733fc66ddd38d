"""What an agent's newest call is after rises, and what was decided stays while the conversation grows."""

from __future__ import annotations

import json

import numpy as np
import pytest

from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.conversations.reading import read_conversation
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.conversations import frame_of
from longattncomp_cli.core.prompts.leads import NamesAfter, names_after
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.leads import MOST_CHUNKS, raise_names
from longattncomp_cli.core.selection.pointers import Pointed
from longattncomp_cli.core.settings import CompressorSettings
from tests.support.scorers import remembering

QUESTION = "The night ferry stopped. What was exceeded, and what is it set to?"


def step(number, tool, arguments, result, said=None):
    function = {"name": tool, "arguments": json.dumps(arguments)}
    call = {"id": f"c{number}", "type": "function", "function": function}
    return [
        {"role": "assistant", "content": said, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": f"c{number}", "content": result},
    ]


def ferry_chat():
    log = "\n".join(f"[{i:02}] ferry passed mark {i * 7 % 90}" for i in range(40))
    log += "\n[40] ferry ERROR tide_quota of deck/limits.toml was exceeded\n"
    log += "\n".join(f"[{i}] ferry passed mark {i * 7 % 90}" for i in range(41, 60))
    settings = [f"{name}_{i} = {i * 13 % 97}" for i in range(40) for name in ("mast", "keel", "rudder")]
    settings.insert(70, "tide_quota = 17")
    return [
        {"role": "user", "content": QUESTION},
        *step(1, "read_log", {"unit": "ferry"}, log),
        *step(2, "read_file", {"path": "deck/limits.toml"}, "\n".join(settings)),
    ]


def after(messages, query=""):
    _, frame, asked = frame_of(read_conversation(messages, "chat"), query)
    return names_after(frame, asked.query)


def test_names_come_from_the_line_that_an_argument_comes_from():
    found = after(ferry_chat())
    assert found.names == ("tide_quota", "deck/limits.toml")
    assert found.sources == (1,)


def test_an_argument_on_many_lines_leads_nowhere():
    messages = [
        {"role": "user", "content": QUESTION},
        *step(1, "read_log", {}, "\n".join(f"unit ferry_a at gate_{i}" for i in range(9))),
        *step(2, "read_file", {"unit": "ferry_a"}, "mast = 3\n" * 30),
    ]
    assert after(messages).names == ("ferry_a",)


def test_names_come_from_what_the_agent_said_with_its_call():
    said = "It is `merry harbour`, I look at queue_7."
    messages = [{"role": "user", "content": QUESTION}, *step(1, "list", {}, "row\n" * 40, said)]
    assert after(messages).names == ("merry harbour", "queue_7")


def test_calls_made_at_once_lead_into_all_that_they_gave():
    both = step(1, "read", {"path": "a/one.toml"}, "mast = 1\n" * 30)
    other = step(2, "read", {"path": "b/two.toml"}, "keel = 1\n" * 30)
    both[0]["tool_calls"] += other[0]["tool_calls"]
    found = after([{"role": "user", "content": QUESTION}, *both, other[1]])
    assert set(found.names) == {"a/one.toml", "b/two.toml"} and found.sources == (0, 1)


@pytest.mark.parametrize(
    "messages",
    [
        [*ferry_chat(), {"role": "user", "content": "And what is the weather going to be?"}],
        [{"role": "user", "content": QUESTION}, *step(1, "list", {}, "row\n" * 40)],
    ],
)
def test_nothing_leads_where_the_user_spoke_last_or_no_name_was_named(messages):
    assert after(messages) is None


def test_a_given_query_is_the_only_one():
    assert after(ferry_chat(), "Which marks were passed?") is None


@pytest.mark.parametrize(
    "arguments", ["{", '"x"' * 9_000, "[" * 9_000 + "]" * 9_000, '{"a": true, "b": [1, "ab"]}']
)
def test_arguments_of_any_form_are_read(arguments):
    messages = ferry_chat()
    messages[3]["tool_calls"][0]["function"]["arguments"] = arguments
    found = after(messages)
    assert found is None or all(len(name) > 2 for name in found.names)


def scored(*texts):
    sources = tuple(Source(text) for text in texts)
    chunks, index = [], 0
    for number, source in enumerate(sources):
        for start in range(0, len(source.text), 10):
            chunks.append(Chunk(index, number, start, start + 10, 5))
            index += 1
    values = np.linspace(1, 0.1, len(chunks))
    return sources, ChunkScores(tuple(chunks), values / values.sum(), None)


def raised(names, sources_of, *texts):
    sources, scores = scored(*texts)
    request = Request(sources, "q", names_after=NamesAfter(names, sources_of))
    return raise_names(Pointed(scores.order), scores, request)


def test_the_chunk_with_a_name_rises_behind_the_best_and_begins_at_its_line():
    pointed = raised(("keel_9",), (1,), "0123456789" * 2, "mast rope\nbow sail \nkeel_9 = 5\n" + "x" * 9)
    assert pointed.order.tolist() == [0, 4, 1, 2, 3, 5]
    assert pointed.raised == {4: 0} and pointed.starts == {4: 20}


def test_a_name_in_other_results_or_in_many_chunks_changes_nothing():
    assert raised(("keel_9",), (1,), "keel_9 ok \n" * 2, "mast rope\n" * 3).raised == {}
    many = "keel_9 ok\n" * (MOST_CHUNKS + 1)
    assert raised(("keel_9",), (0,), many).raised == {}
    assert raised(("keel",), (0,), "mast rope\nkeel_9 ok\n").raised == {}


def test_a_bare_line_is_kept_that_only_an_earlier_result_leads_to(scorer, o200k):
    compressor = Compressor(remembering(scorer), o200k, CompressorSettings())
    result = compressor.compress(ferry_chat(), budget=330)
    assert "tide_quota = 17" in result.conversation[4]["content"] and result.num_tokens <= 330
    assert "tide_quota of deck/limits.toml was exceeded" in result.conversation[2]["content"]
    texts = [span.text for span in result.spans]
    assert all(text in ferry_chat()[2]["content"] + ferry_chat()[4]["content"] for text in texts)


def test_what_was_decided_stays_while_newer_calls_are_whole(scorer, o200k):
    compressor = Compressor(remembering(scorer), o200k, CompressorSettings())
    messages = [
        *ferry_chat(),
        *step(3, "ask", {"who": "harbour_master"}, "He is out until noon."),
    ]
    first = compressor.compress(ferry_chat() + messages[-2:], budget=420)
    grown = compressor.compress(
        messages + step(4, "ask", {"who": "keel_yard"}, "Shut, says the yard."), budget=420
    )
    before, now = first.conversation, grown.conversation
    assert first.renderer.frame.slots == grown.renderer.frame.slots
    assert now[: len(before)] == before
