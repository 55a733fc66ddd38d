"""Data in letters is folded; what is kept stays whole, and spans are of the whole text."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from longattncomp_cli.core.compressor import Compressor, CompressorSettings
from longattncomp_cli.core.inputs.conversations.files import conversation_of_text
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.folding import fold_request, fold_source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.text.spans import SourceSpan, Span
from tests.support.chats import FACT, LISTING, openai_chat
from tests.support.cli import invoke, lines_of
from tests.support.scorers import remembering

DATA = "".join(random.Random(3).choices("ABCDEFGHabcdefghijklmnop0123456789+/QRSTUVwxyz", k=3_000))
MARK = "[3,000 characters of data]"
IMAGE = f"![a](data:image/png;base64,{DATA})"
NOTES = f"# Boat\n{IMAGE}\nThe key is under the bench.\n"


def none_kept(text):
    return []


@pytest.fixture(scope="module")
def compressor(scorer, o200k):
    return Compressor(remembering(scorer), o200k, CompressorSettings())


def test_a_folded_text_points_into_the_whole_one():
    folded = fold_source(Source(NOTES, "notes.md"))
    assert folded.text == NOTES.replace(DATA, MARK) and folded.line_of(folded.text.index("The key")) == 3
    for words in ("# Boat\n", "The key is under the bench.\n"):
        at = folded.text.index(words)
        span = folded.file_span(at, at + len(words))
        assert NOTES[span.start : span.end] == words
    marked = folded.text.index(MARK)
    assert NOTES[slice(*folded.file_span(marked, marked + len(MARK)))] == DATA
    assert fold_source(folded) is folded and fold_source(Source("plain")).view is None


def test_data_that_must_stay_is_not_folded():
    at = NOTES.index(DATA)
    assert fold_source(Source(NOTES), [Span(at + 5, at + 6)]).text == NOTES
    assert fold_source(Source(NOTES), [Span(0, at)]).text != NOTES


def test_what_a_request_keeps_is_found_where_it_is_then():
    key = "The key"
    keep = (SourceSpan(0, 0, 6), SourceSpan(0, NOTES.index(key), NOTES.index(key) + len(key)))
    request = fold_request(Request((Source(NOTES), Source("other")), "q", keep=keep), none_kept)
    assert [request.sources[s].text[a:b] for s, a, b in request.keep] == ["# Boat", key]
    within = replace(request, sources=(Source(NOTES),), keep=(SourceSpan(0, 40, 45),))
    assert fold_request(within, none_kept) is within


def test_contexts_of_records_are_folded_and_their_spans_are_of_the_context(folder):
    context = f"{NOTES}\n{LISTING}"
    key = context.index("The key")
    records = [
        {"id": "a", "query": "Whose berth is number 41?", "context": context, "keep": [[key, key + 27]]},
        {
            "id": "b",
            "query": "Whose berth is number 41?",
            "context": ["other", {"text": context, "title": "t"}],
        },
    ]
    (folder / "r.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records))
    first, second = lines_of(invoke("compress", "r.jsonl", "-b", "160").stdout_bytes)
    for line in (first, second):
        assert FACT in line["compressed"] and line["selection"]["num_tokens"] <= 160
        assert "data-folded" in json.dumps(line["selection"]["warnings"])
        pieces = [
            context[s["start"] : s["end"]]
            for s in line["selection"]["spans"]
            if s["source"] == (line["id"] == "b")
        ]
        assert pieces and all(piece.replace(DATA, MARK).strip() in line["compressed"] for piece in pieces)
    assert "The key is under the bench." in first["compressed"]


def test_a_kept_line_of_data_stays(folder):
    (folder / "notes.md").write_text(NOTES)
    done = invoke("compress", "notes.md", "-q", "Where is the key?", "-b", "9k", "--keep", DATA[:12])
    assert DATA in done.stdout
    done = invoke("compress", "notes.md", "-q", "Where is the key?", "-b", "9k")
    assert done.stdout == NOTES.replace(DATA, MARK) and "3,000 characters of data" in done.stderr
    assert invoke("compress", "notes.md", "-q", "key?", "-b", "9k", "--format", "text").stdout == NOTES


def test_results_of_a_conversation_are_folded_only_where_it_must_be_shortened(compressor):
    messages = openai_chat()
    messages[3]["content"] = f"{IMAGE}\n{LISTING}"
    text = json.dumps(messages)
    request = compressor.requests.from_conversation(conversation_of_text(text, "x"))
    assert compressor.compress(replace(request, budget=9_000)).text == text
    result = compressor.compress(replace(request, budget=200))
    short = json.loads(result.text)
    assert FACT in short[3]["content"] and DATA[:60] not in result.text and result.num_tokens <= 200
    assert result.conversation == short
    ample = compressor.compress(replace(request, budget=result.renderer.original_tokens - 1))
    assert json.loads(ample.text)[3]["content"].startswith(f"![a](data:image/png;base64,{MARK})")


def test_images_that_are_parts_of_a_message_stay(compressor):
    messages = openai_chat()
    messages[1]["content"] = [
        {"type": "text", "text": messages[1]["content"]},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + DATA}},
    ]
    assert compressor.compress(messages, budget=150).text.count(DATA) == 1
