"""A long made conversation with tools, compressed: seconds, what stayed, who takes it, what a cache keeps.

python tests/benchmarks/conversation.py [--messages 200] [--budget 4000] [--growing 100] [--output FILE]

An engineer talks with an agent about a made program: every user turn starts a task of
about nine calls, and each result is settings, a log or a test run. One result in the first third
holds the fact that the last turn asks for. Checked against the types of the packages `openai` and `anthropic`
where these are installed (pip install openai anthropic), and sent to a loopback server that reads a request
as the API does: every call has its result, every text something in it.
"""

from __future__ import annotations

import argparse
import json
import random
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from results_file import write_results

from longattncomp_cli import Compressor

Message = dict[str, Any]
_PARTS = ("ledger", "quota", "mailer", "tariff", "roster", "beacon", "packer", "sluice", "harrow", "lantern")
_WORDS = ("retries", "window", "timeout", "batch", "cursor", "shard", "lease", "digest", "floor", "margin")
FACT, QUESTION = "exporter_port = 9417", "Which exporter_port did the settings of the sluice name?"
_STEPS_OF_A_TASK = 9


def made_conversation(num_messages: int, seed: int = 0, *, tasks: bool = True) -> list[Message]:
    """Messages as OpenAI's API takes them, ending in a user turn that asks for the fact.

    Args:
        num_messages: of the conversation.
        seed: of its texts.
        tasks: whether new user turns come in between; else one question stands at the beginning.
    """
    rng = random.Random(seed)
    messages: list[Message] = [
        {"role": "system", "content": "You maintain the program. Never push to main. Answer in one sentence."}
    ]
    if not tasks:
        messages.append({"role": "user", "content": QUESTION})
    number = 0
    while len(messages) < num_messages - tasks:
        if tasks and number % _STEPS_OF_A_TASK == 0:
            part = rng.choice(_PARTS)
            messages.append({"role": "user", "content": f"Please look why the {part} is slow, and mend it."})
        messages += _step(rng, number, with_fact=number == num_messages // 6)
        number += 1
    del messages[num_messages - tasks :]
    if messages[-1].get("tool_calls"):
        messages.pop()
    return [*messages, {"role": "user", "content": QUESTION}] if tasks else messages


def _step(rng: random.Random, number: int, *, with_fact: bool) -> list[Message]:
    part = "sluice" if with_fact else rng.choice(_PARTS)
    tool, arguments, result = rng.choice([_read_settings, _run_tests, _tail_log])(rng, part)
    if with_fact:
        tool, arguments, result = _read_settings(rng, part)
        lines = result.split("\n")
        lines.insert(len(lines) // 2, FACT)
        result = "\n".join(lines)
    call = {"id": f"call_{number}", "type": "function"}
    call["function"] = {"name": tool, "arguments": json.dumps(arguments)}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": f"call_{number}", "content": result},
    ]


def _read_settings(rng: random.Random, part: str) -> tuple[str, dict[str, str], str]:
    lines = [f"{rng.choice(_WORDS)}_{rng.choice(_WORDS)} = {rng.randrange(9000)}" for _ in range(24)]
    return "read_file", {"path": f"{part}/settings.toml"}, "\n".join(lines)


def _run_tests(rng: random.Random, part: str) -> tuple[str, dict[str, str], str]:
    lines = [f"test_{part}_{rng.choice(_WORDS)}_{i} ... ok ({rng.randrange(90)} ms)" for i in range(18)]
    return "run_shell", {"cmd": f"make check PART={part}"}, "\n".join(lines)


def _tail_log(rng: random.Random, part: str) -> tuple[str, dict[str, str], str]:
    lines = []
    for minute in range(16):
        word, second = rng.choice(_WORDS), rng.randrange(60)
        lines.append(f"07:{minute:02}:{second:02} {part} {word} took {rng.randrange(900)} ms")
    return "tail_log", {"unit": part}, "\n".join(lines)


def as_anthropic(messages: list[Message]) -> dict[str, Any]:
    """The same conversation as a body for Anthropic's API."""
    body: dict[str, Any] = {"model": "m", "max_tokens": 64, "system": messages[0]["content"], "messages": []}
    for message in messages[1:]:
        if message["role"] == "tool":
            block = {
                "type": "tool_result",
                "tool_use_id": message["tool_call_id"],
                "content": message["content"],
            }
            body["messages"].append({"role": "user", "content": [block]})
        elif message.get("tool_calls"):
            call = message["tool_calls"][0]
            use = {"type": "tool_use", "id": call["id"], "name": call["function"]["name"]}
            use["input"] = json.loads(call["function"]["arguments"])
            body["messages"].append({"role": "assistant", "content": [use]})
        else:
            body["messages"].append({"role": message["role"], "content": message["content"]})
    return body


def check_types(messages: list[Message], body: dict[str, Any]) -> str:
    """Validate under the types of both clients' packages; says which were there."""
    checked = []
    for package, module, name, value in (
        ("openai", "openai.types.chat", "ChatCompletionMessageParam", messages),
        ("anthropic", "anthropic.types", "MessageParam", body["messages"]),
    ):
        if find_spec(package) and find_spec("pydantic"):
            from pydantic import TypeAdapter

            message_type: Any = getattr(import_module(module), name)
            adapter = TypeAdapter(list[message_type])
            _read_through(adapter.validate_python(value))
            checked.append(package)
    return " and ".join(checked) or "no package installed"


def _read_through(value: Any) -> None:
    """Walk over all of it: pydantic checks what is typed as iterable when it is read."""
    if isinstance(value, dict):
        for each in value.values():
            _read_through(each)
    elif value is not None and not isinstance(value, (str, int, float)):
        for each in value:
            _read_through(each)


class ChatApi(BaseHTTPRequestHandler):
    """Takes a request as the APIs do, and answers 400 where they would."""

    def do_POST(self) -> None:
        """Check the body's messages."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        wrong = next(what_is_wrong(body["messages"]), "")
        answer = json.dumps(
            {"error": wrong} if wrong else {"choices": [{"message": {"content": "ok"}}]}
        ).encode()
        self.send_response(400 if wrong else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def what_is_wrong(messages: list[Message]) -> Iterator[str]:
    """Why an API would refuse: results without a call, calls without a result, empty texts."""
    waiting: set[str] = set()
    for index, message in enumerate(messages):
        blocks = message["content"] if isinstance(message["content"], list) else []
        results = {message.get("tool_call_id"), *(b.get("tool_use_id") for b in blocks)} - {None}
        if not results <= waiting:
            yield f"message {index}: a result without its call"
        if waiting - results and message["role"] != "tool":
            yield f"message {index}: a call has no result"
        waiting -= results
        waiting |= {call["id"] for call in message.get("tool_calls") or ()}
        waiting |= {block["id"] for block in blocks if block.get("type") == "tool_use"}
        if message["content"] == "" or any(block.get("text") == "" for block in blocks):
            yield f"message {index}: an empty text"


def ask(port: int, messages: list[Message]) -> int:
    """The status with which the loopback server answers."""
    raw = json.dumps({"model": "m", "messages": messages}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", raw)
    with urllib.request.urlopen(request, timeout=30) as answer:
        status: int = answer.status
    return status


def unchanged(before: list[Message], after: list[Message]) -> tuple[float, float]:
    """Shares of the earlier request's bytes: in its unchanged beginning, and in unchanged messages."""
    old, new = (b"\0".join(json.dumps(m).encode() for m in each) for each in (before, after))
    same = next(
        (i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new))
    )
    kept = sum(len(json.dumps(a)) for a, b in zip(before, after, strict=False) if a == b)
    return same / len(old), kept / sum(len(json.dumps(m)) for m in before)


def growing(
    compressor: Compressor, messages: list[Message], budget: int, step: int
) -> list[tuple[float, float]]:
    """What stays from one of ten growing prefixes to the next."""
    ends = range(len(messages) - 9 * step, len(messages) + 1, step)
    sent = [compressor.compress(messages[:end], budget=budget).conversation for end in ends]
    return [unchanged(*pair) for pair in pairwise(sent)]


def made_reading(num_messages: int, seed: int = 0) -> list[Message]:
    """An agent that reads pages of very different lengths and says after some of them what it found.

    Not what the rule for growing conversations was chosen on.
    """
    rng = random.Random(f"pages {seed}")
    messages: list[Message] = [
        {"role": "user", "content": "Who built the weir at Harrowford, and when was it raised?"}
    ]
    while len(messages) < num_messages:
        number = f"page_{len(messages)}"
        place = f"https://parish.example/{rng.choice(_PARTS)}/{len(messages)}"
        call = {"id": number, "type": "function"}
        call["function"] = {"name": "open_page", "arguments": json.dumps({"url": place})}
        sentences = int(rng.paretovariate(1.1) * 3)
        page = " ".join(
            f"The {rng.choice(_PARTS)} of {rng.randrange(1500, 1950)} had a {rng.choice(_WORDS)} of oak."
            for _ in range(min(sentences, 60))
        )
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": number, "content": page})
        if rng.random() < 0.4:
            messages.append({"role": "assistant", "content": f"Nothing on the weir in {place}. I read on."})
    return messages[:num_messages]


def _tasks(num_messages: int, seed: int) -> list[Message]:
    return made_conversation(num_messages, seed)


def _one_question(num_messages: int, seed: int) -> list[Message]:
    return made_conversation(num_messages, seed, tasks=False)


GROWTHS: dict[str, tuple[Callable[[int, int], list[Message]], int]] = {
    "one question, a call a step": (_one_question, 2),
    "one question, three calls a step": (_one_question, 6),
    "new questions, three calls a step": (_tasks, 6),
    "pages of all lengths, one question, five messages a step": (made_reading, 5),
}
"""How a conversation grows: what makes it, and messages a step."""


def main() -> None:
    """Make, compress, check and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=200)
    parser.add_argument("--budget", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--growing", type=int, default=100, help="messages of the conversations that grow")
    parser.add_argument("--growing-budget", type=int, default=2000)
    parser.add_argument("--output", type=Path, help="results file")
    args = parser.parse_args()
    # What was read once need not be read again: of prefixes that grow behind the same anchor one reading.
    compressor = Compressor.load().remembering(2**30)
    messages = made_conversation(args.messages, args.seed)
    begun = time.perf_counter()
    result = compressor.compress(messages, budget=args.budget)
    seconds = time.perf_counter() - begun
    short = result.conversation
    whole = sum(a == b for a, b in zip(messages, short, strict=True))
    calls = [m.get("tool_calls") for m in messages] == [m.get("tool_calls") for m in short]
    sizes = f"{result.renderer.original_tokens} → {result.num_tokens} tokens"
    print(f"{len(messages)} messages, {sizes}, {seconds:.1f} s")
    print(f"{whole} messages whole; calls all there: {calls}; fact kept: {FACT in json.dumps(short)}")
    body = compressor.compress(as_anthropic(messages), budget=args.budget).conversation
    print(f"valid under the types of {check_types(short, body)}")
    server = ThreadingHTTPServer(("127.0.0.1", 0), ChatApi)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"loopback server: {ask(server.server_port, short)}, {ask(server.server_port, body['messages'])}")
    server.shutdown()
    figures: dict[str, Any] = {
        "messages": len(messages),
        "original_tokens": result.renderer.original_tokens,
        "num_tokens": result.num_tokens,
        "seconds": round(seconds, 1),
        "calls_kept": calls,
        "fact_kept": FACT in json.dumps(short),
        "types": check_types(short, body),
        "rows": [],
    }
    for name, (make, step) in GROWTHS.items():
        grown = make(args.growing, args.seed)
        shares = growing(compressor, grown, args.growing_budget, step)
        begins, in_all = (sum(column) / len(shares) for column in zip(*shares, strict=True))
        print(
            f"ten prefixes, {name}: {begins:.0%} of the bytes in the unchanged beginning "
            f"(each: {', '.join(f'{share:.0%}' for share, _ in shares)}), {in_all:.0%} in unchanged messages",
            flush=True,
        )
        figures["rows"].append(
            {"growth": name, "beginning": round(begins, 4), "messages": round(in_all, 4)}
            | {"each": [round(share, 4) for share, _ in shares]}
        )
        if args.output is not None:
            write_results(args.output, figures, checkpoint="stage2-nosubq", device="cpu", dtype="auto")


if __name__ == "__main__":
    main()
