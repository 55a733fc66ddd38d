"""An agent's loop, once as it is and once with every request compressed first: what that saves.

python samples/agent_loop.py [--budget 1500] [--bare] [--url http://127.0.0.1:8765/v1 --model NAME --size 0.2]

A server on this machine speaks the chat protocol. Behind it stands no language model but a small fixed policy
that reads the messages it is sent, and nothing else: it calls a tool with what an earlier result says, and answers
with what it finds. What a request leaves out it cannot know. The tools print much more than is needed. With --bare
the line that holds the answer says nothing but its name, which an earlier result has spoken of.

With --url every request goes to a model that speaks the protocol. A small one calls no tools: where it does not, the
policy does, and the model says what it makes of all results. --size 0.2 lets the tools print a fifth of it.
"""

from __future__ import annotations

import argparse
import functools
import json
import re
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from inspect import signature

from longattncomp_cli import Compressor
from longattncomp_cli.core.budget.tokenizers import load_tokenizer

QUESTION = "The job nightly-export failed. Which limit was exceeded, in which file is it set, and to what?"
RULES = "You look after the jobs of the archive. Read before you answer."


def list_jobs() -> str:
    """Two hundred jobs, one of which failed."""
    names = ("index", "thumbnails", "nightly-export", "mail-digest", "backup")
    lines = [f"job {7600 + i} {names[i % 5]} started 0{i % 4}:{i % 60:02} finished ok" for i in range(200)]
    return with_line(lines, 132, "job 7732 nightly-export started 00:12 FAILED with status 3")


def read_log(job: str) -> str:
    """Three hundred lines of a log."""
    lines = [f"[{i:04}] job {job} copied shelf {i * 7 % 311} box {i % 13}, {i * 37 % 900} ms" for i in range(300)]
    line = f"[0211] job {job} ERROR limit attic_limit of storage/limits.toml was exceeded, copying stopped"
    return with_line(lines, 211, line)


def read_file(path: str) -> str:
    """A long file of settings."""
    rooms = ("cellar", "tower", "annex", "depot", "vault")
    lines = [f"{rooms[i % 5]}_{('limit', 'grace', 'shelves')[i % 3]}_{i} = {i * 11 % 97}" for i in range(160)]
    comment = "" if OPTIONS.bare else "  # GiB; the nightly-export stops where this is exceeded"
    return f"# {path}\n" + with_line(lines, 97, "attic_limit = 48" + comment)


def with_line(lines: list[str], at: int, line: str) -> str:
    """Lines of which one is another; of a smaller print the ones around it."""
    lines[at] = line
    first = int(at * (1 - OPTIONS.size))
    return "\n".join(lines[first : first + int(len(lines) * OPTIONS.size)])


MOST_STEPS = 8
TOOLS = {"list_jobs": list_jobs, "read_log": read_log, "read_file": read_file}


def tool_type(tool) -> dict:
    """A tool as the protocol describes it: its name, its sentence, and strings that it takes."""
    strings = {name: {"type": "string"} for name in signature(tool).parameters}
    parameters = {"type": "object", "properties": strings, "required": list(strings)}
    function = {"name": tool.__name__, "description": tool.__doc__, "parameters": parameters}
    return {"type": "function", "function": function}


TOOL_TYPES = [tool_type(tool) for tool in TOOLS.values()]


def next_message(messages: list[dict]) -> dict:
    """What the policy does next, from the messages alone."""
    told = "\n".join(message["content"] or "" for message in messages if message["role"] == "tool")
    num_calls = sum(bool(message.get("tool_calls")) for message in messages)
    failed = re.search(r"job (\d+) nightly-export .*FAILED", told)
    limit = re.search(r"limit (\w+) of (\S+) was exceeded", told)
    value = limit and re.search(rf"(?m)^{limit[1]} = (\d+)", told)
    if num_calls == 0:
        return call("list_jobs", {}, num_calls)
    if num_calls == 1 and failed:
        return call("read_log", {"job": failed[1]}, num_calls)
    if num_calls == 2 and limit:
        return call("read_file", {"path": limit[2]}, num_calls)
    if value:
        return {"role": "assistant", "content": f"{limit[1]} in {limit[2]}, which is set to {value[1]}."}
    return {"role": "assistant", "content": "I cannot tell from what I was sent."}


def call(name: str, arguments: dict, number: int) -> dict:
    """An assistant's message that calls a tool."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    made = {"id": f"call_{number}", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [made]}


class Chat(BaseHTTPRequestHandler):
    """``POST /v1/chat/completions``."""

    def do_POST(self) -> None:
        """Answer with the policy's next message."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        raw = json.dumps({"choices": [{"index": 0, "message": next_message(body["messages"])}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def post(url: str, body: dict) -> dict:
    """Ask, and give back the answer's message."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=3600) as answer:
        return json.load(answer)["choices"][0]["message"]


def ask_model(url: str, body: dict) -> dict:
    """A model's next message; a call of the policy where it makes none that can be carried out."""
    said = post(url, {**body, "tools": TOOL_TYPES, "max_tokens": 60, "temperature": 0})
    planned = next_message(body["messages"])
    if said.get("tool_calls"):
        return said if all(can_run(made["function"]) for made in said["tool_calls"]) else planned
    return planned if planned.get("tool_calls") else {"role": "assistant", "content": said.get("content")}


def can_run(function: dict) -> bool:
    """Whether a call names a tool and gives what it takes."""
    try:
        arguments = json.loads(function["arguments"])
    except ValueError:
        return False
    tool = TOOLS.get(function["name"])
    return tool is not None and isinstance(arguments, dict) and set(arguments) == set(signature(tool).parameters)


def run_agent(ask, model: str, shorten) -> tuple[str, list[str], float]:
    """Ask, carry out calls, ask again; returns the answer, the requests as they were sent, and the wait."""
    messages = [{"role": "system", "content": RULES}, {"role": "user", "content": QUESTION}]
    sent, waited = [], 0.0
    for _ in range(MOST_STEPS):
        body = shorten({"model": model, "messages": messages})
        sent.append(json.dumps(body))
        begun = time.perf_counter()
        message = ask(body)
        waited += time.perf_counter() - begun
        messages.append(message)
        if not message.get("tool_calls"):
            return message["content"], sent, waited
        for made in message["tool_calls"]:
            result = TOOLS[made["function"]["name"]](**json.loads(made["function"]["arguments"]))
            messages.append({"role": "tool", "tool_call_id": made["id"], "content": result})
    return "I took too many steps.", sent, waited


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=int, default=1500)
    parser.add_argument("--bare", action="store_true", help="the answer's line has no comment")
    parser.add_argument("--url", help="of a server that speaks the protocol, up to /v1")
    parser.add_argument("--model", default="policy", help="its name for the model")
    parser.add_argument("--size", type=float, default=1.0, help="share of what the tools print")
    return parser.parse_args()


def main() -> None:
    """Run both loops and compare."""
    compressor, tokenizer = Compressor.load(), load_tokenizer("o200k_base")
    seconds = 0.0

    def shorten(body: dict) -> dict:
        nonlocal seconds
        begun = time.perf_counter()
        short = compressor.compress(body, budget=OPTIONS.budget).conversation
        seconds += time.perf_counter() - begun
        return short

    if OPTIONS.url:
        ask = functools.partial(ask_model, f"{OPTIONS.url}/chat/completions")
    else:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Chat)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ask = functools.partial(post, f"http://127.0.0.1:{server.server_port}/v1/chat/completions")
    answers, tokens, waits = [], [], []
    for name, change in (("as it is", lambda body: body), ("compressed", shorten)):
        answer, sent, waited = run_agent(ask, OPTIONS.model, change)
        answers.append(answer)
        waits.append(waited)
        tokens.append([tokenizer.count(body) for body in sent])
        print(f"{name:<11} {len(sent)} requests of {', '.join(f'{n:,}' for n in tokens[-1])} tokens: {answer}")
    saved = sum(tokens[0]) - sum(tokens[1])
    print(f"saved {saved:,} of {sum(tokens[0]):,} input tokens ({saved / sum(tokens[0]):.0%}), {seconds:.1f} s of scoring")
    if OPTIONS.url:
        net = waits[0] - waits[1] - seconds
        print(f"waited {waits[0]:.1f} s for the model, compressed {waits[1]:.1f} s: {net:+.1f} s saved net of scoring")
    print("the same answer" if answers[0] == answers[1] else "ANOTHER ANSWER")


if __name__ == "__main__":
    OPTIONS = parse_options()
    main()
