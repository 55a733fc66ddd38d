"""Target models over real HTTP: answers, times and usage; faults cost one item each and are counted."""

from __future__ import annotations

import json

import pytest

from longattncomp_cli.benchmark.targets.client import Target, TargetError
from longattncomp_cli.benchmark.targets.config import TargetConfig
from tests.support.chat_server import TinyModel, answer_chunks, fault, reader, serving, sse, tiny_model_server
from tests.support.cli import run_bench as run

FAULTS = ["401", "429", "500", "hang", "rubbish", "empty"]
RUN = ["niah_single_1", "--context-tokens", "1200", "--limit", "4", "--budget", "10%", "--quiet"]


@pytest.fixture
def choice(tmp_path):
    def make(url, **changes):
        values = {
            "url": url,
            "model": "tiny",
            "retries": 0,
            "timeout_seconds": 20.0,
            "cache": tmp_path / "cache",
        }
        return TargetConfig(**{**values, **changes})

    return make


def test_a_real_model_answers_with_usage_and_times(choice):
    with tiny_model_server(TinyModel()) as server:
        target = Target(choice(server.url))
        reply = target.ask("Which lamp burns oil?", 6)
        assert reply.completion_tokens == 6
        assert reply.prompt_tokens == len("Which lamp burns oil?")
        assert 0 < reply.first_token_seconds <= reply.seconds
        assert not reply.is_cached
        body = server.heard[0]
        assert (body["temperature"], body["seed"], body["max_tokens"], body["model"]) == (0.0, 0, 6, "tiny")
        again = target.ask("Which lamp burns oil?", 6)
        assert again.is_cached
        assert again.text == reply.text
        assert len(server.heard) == 1
        target.ask("Which lamp burns oil?", 7)
        assert len(server.heard) == 2


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_an_error_of_the_question(choice, kind):
    with serving(lambda handler, body, number: fault(handler, kind)) as server:
        target = Target(choice(server.url, timeout_seconds=0.3 if kind == "hang" else 20.0))
        with pytest.raises(TargetError) as caught:
            target.ask("?", 5)
        known = {"hang": "target-timeout", "rubbish": "target-rubbish", "empty": "target-rubbish"}
        assert caught.value.code == known.get(kind, f"target-{kind}")
        assert len(server.heard) == 1
    assert not list((target.choice.cache).rglob("*.json"))


def refusal(handler, status, message):
    content = json.dumps({"error": {"message": message}}).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


TOO_LONG = "This model's maximum context length is 8192 tokens, your prompt has 9000"


@pytest.mark.parametrize("is_in_stream", [False, True], ids=["status", "in the stream"])
@pytest.mark.parametrize(("said", "code"), [(TOO_LONG, "too-long"), ("out of memory", "")])
def test_a_prompt_too_long_is_named_however_the_endpoint_says_it(choice, is_in_stream, said, code):
    def respond(handler, body, number):
        if is_in_stream:
            sse(handler, iter([{"error": {"message": said, "type": "t"}}]))
        else:
            refusal(handler, 400, said)

    with serving(respond) as server, pytest.raises(TargetError) as caught:
        Target(choice(server.url)).ask("?", 5)
    assert caught.value.code == f"target-{code or ('error' if is_in_stream else '400')}"
    assert said in caught.value.message


def test_no_server_is_an_error_of_the_question(choice):
    with pytest.raises(TargetError) as caught:
        Target(choice("http://127.0.0.1:9/v1")).ask("?", 5)
    assert caught.value.code == "target-connection"


def test_what_may_pass_is_tried_again(choice):
    def respond(handler, body, number):
        fault(handler, "429") if number < 3 else sse(handler, answer_chunks(iter(["yes"]), "?"))

    with serving(respond) as server:
        assert Target(choice(server.url, retries=3)).ask("?", 5).text == "yes"
        assert len(server.heard) == 3


def test_an_endpoint_that_does_not_count_tokens_is_asked_without(choice):
    def respond(handler, body, number):
        if "stream_options" in body:
            content = b'{"error": {"message": "unknown field stream_options"}}'
            handler.send_response(400)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)
        else:
            chunks = [chunk for chunk in answer_chunks(iter(["ok"]), "?") if "usage" not in chunk]
            sse(handler, iter(chunks))

    with serving(respond) as server:
        reply = Target(choice(server.url)).ask("?", 5)
        assert (reply.text, reply.prompt_tokens) == ("ok", None)


def test_thoughts_are_not_graded_and_the_key_is_never_told(choice, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-1234")

    def respond(handler, body, number):
        if number == 1:
            sse(handler, answer_chunks(iter(["<think>B or C?", "</think>\n", "C"]), "?"))
            return
        content = b'{"error": {"message": "bad key sk-secret-1234"}}'
        handler.send_response(401)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    with serving(respond) as server:
        target = Target(choice(server.url))
        assert target.ask("?", 5).text == "C"
        assert server.keys == ["Bearer sk-secret-1234"]
        with pytest.raises(TargetError) as caught:
            target.ask("other", 5)
        assert "sk-secret" not in caught.value.message


def test_a_run_decomposes_what_is_lost(tmp_path):
    """The target reads every number it is given: full and oracle are right, random loses all to retrieval."""
    report = tmp_path / "report.json"
    with serving(reader) as server:
        target = ["--target-url", server.url, "--target-model", "reader", "--cache", tmp_path / "cache"]
        methods = [word for name in ("bm25", "random", "full", "oracle") for word in ("--method", name)]
        done = run(*RUN, *methods, *target, "-o", report)
        assert done.exit_code == 0, done.output
        asked = len(server.heard)
        assert asked == 4 * 4
        body = server.heard[0]["messages"][0]["content"]
        assert body.startswith("Some special magic numbers are hidden within the following text.")
        again = run(*RUN, *methods, *target, "-o", tmp_path / "again.json")
        assert again.exit_code == 0
        assert len(server.heard) == asked
    content = json.loads(report.read_bytes())
    cells = {cell["method"]: cell for cell in content["targets"]["cells"]}
    assert cells["full"]["accuracy"]["mean"] == cells["oracle"]["accuracy"]["mean"] == 1.0
    kept = next(c for c in content["summary"]["cells"] if c["method"] == "random")["answer_kept"]["mean"]
    split = cells["random"]["decomposition"]
    assert split["compressed"] == kept
    assert split["retrieval_loss"]["mean"] == pytest.approx(1.0 - kept)
    assert split["reasoning_loss"] == 0.0
    assert split["gain"]["mean"] == pytest.approx(kept - 1.0)
    assert cells["full"]["prompt_tokens"] > cells["bm25"]["prompt_tokens"]
    assert set(cells["bm25"]["exact_match"]) == set(cells["bm25"]["f1"]) == {"mean", "low", "high"}
    saved = cells["bm25"]["saved"]
    share = 1 - cells["bm25"]["prompt_tokens"] / cells["full"]["prompt_tokens"]
    assert saved["prompt_tokens"] == pytest.approx(share, abs=1e-4)
    assert saved["n"] == 4
    assert {"first_token_seconds", "net_seconds"} < set(saved)
    assert "saved" not in cells["full"]
    assert content["target_settings"]["model"] == "reader"
    assert "reader" in done.output
    assert all(name in done.output for name in ("exact match", "F1", "retrieval", "reasoning", "scoring"))
    assert "…" not in done.output


def test_faulty_answers_are_counted_and_the_others_kept(tmp_path):
    kinds = ["401", "429", "500", "rubbish"]

    def respond(handler, body, number):
        prompt = body["messages"][0]["content"]
        with_fault = sum(prompt.encode()) % 2 == 0
        fault(handler, kinds[number % 4]) if with_fault else reader(handler, body, number)

    report = tmp_path / "report.json"
    with serving(respond) as server:
        target = ["--target-url", server.url, "--target-model", "reader", "--cache", tmp_path / "cache"]
        options = [
            "--method",
            "bm25",
            "--method",
            "head",
            "--method",
            "oracle",
            "--retries",
            "0",
            "-o",
            report,
        ]
        done = run(*RUN, "--limit", "8", *options, *target)
        assert done.exit_code == 3
        targets = json.loads(report.read_bytes())["targets"]
        prompts = [body["messages"][0]["content"] for body in server.heard]
        assert targets["failed"] == sum(sum(prompt.encode()) % 2 == 0 for prompt in prompts) > 0
        assert targets["answered"] == 24 - targets["failed"] > 0
        assert sum(targets["errors"].values()) == targets["failed"]
        assert set(targets["errors"]) <= {"target-401", "target-429", "target-500", "target-rubbish"}
    told = " ".join(done.output.split())
    assert "answers failed" in told
    assert all(
        f"{each['method']} at {each['budget']}: {each['failed']}" in told for each in targets["failures"]
    )
    with serving(reader) as server:
        target = ["--target-url", server.url, "--target-model", "reader", "--cache", tmp_path / "cache"]
        done = run(*RUN, "--limit", "8", *options, *target, "--resume")
        assert done.exit_code == 0, done.output
        assert len(server.heard) == targets["failed"]
    assert json.loads(report.read_bytes())["targets"]["failed"] == 0
