"""An agent's loop, once as it is and once with every request compressed first: what that saves.

python samples/agent_loop.py [--budget 1500]

A server on this machine speaks the chat protocol. Behind it stands no language model but a small fixed policy
that reads the messages it is sent, and nothing else: it calls a tool with what an earlier result says, and answers
with what it finds. What a request leaves out it cannot know. The tools print much more than is needed.
"""

from __future__ import annotations

import argparse
import json
import re
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from longattncomp_cli import Compressor
from longattncomp_cli.core.budget.tokenizers import load_tokenizer

QUESTION = "The job nightly-export failed. Which limit was exceeded, in which file is it set, and to what?"
RULES = "You look after the jobs of the archive. Read before you answer."


def list_jobs() -> str:
    """Two hundred jobs, one of which failed."""
    names = ("index", "thumbnails", "nightly-export", "mail-digest", "backup")
    lines = [f"job {7600 + i} {names[i % 5]} started 0{i % 4}:{i % 60:02} finished ok" for i in range(200)]
    lines[132] = "job 7732 nightly-export started 00:12 FAILED with status 3"
    return "\n".join(lines)


def read_log(job: str) -> str:
    """Three hundred lines of a log."""
    lines = [f"[{i:04}] job {job} copied shelf {i * 7 % 311} box {i % 13}, {i * 37 % 900} ms" for i in range(300)]
    lines[211] = f"[0211] job {job} ERROR limit attic_limit of storage/limits.toml was exceeded, copying stopped"
    return "\n".join(lines)


def read_file(path: str) -> str:
    """A long file of settings."""
    rooms = ("cellar", "tower", "annex", "depot", "vault")
    lines = [f"{rooms[i % 5]}_{('limit', 'grace', 'shelves')[i % 3]}_{i} = {i * 11 % 97}" for i in range(160)]
    lines[97] = "attic_limit = 48  # GiB; the nightly-export stops where this is exceeded"
    return f"# {path}\n" + "\n".join(lines)


TOOLS = {"list_jobs": list_jobs, "read_log": read_log, "read_file": read_file}


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


def run_agent(url: str, shorten) -> tuple[str, list[str]]:
    """Ask, carry out calls, ask again; returns the answer and the requests as they were sent."""
    messages = [{"role": "system", "content": RULES}, {"role": "user", "content": QUESTION}]
    sent = []
    while True:
        body = shorten({"model": "policy", "messages": messages})
        sent.append(json.dumps(body))
        request = urllib.request.Request(url, sent[-1].encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            message = json.load(answer)["choices"][0]["message"]
        messages.append(message)
        if not message.get("tool_calls"):
            return message["content"], sent
        for made in message["tool_calls"]:
            result = TOOLS[made["function"]["name"]](**json.loads(made["function"]["arguments"]))
            messages.append({"role": "tool", "tool_call_id": made["id"], "content": result})


def main() -> None:
    """Run both loops and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=int, default=1500)
    budget = parser.parse_args().budget
    compressor, tokenizer = Compressor.load(), load_tokenizer("o200k_base")
    seconds = 0.0

    def shorten(body: dict) -> dict:
        nonlocal seconds
        begun = time.perf_counter()
        short = compressor.compress(body, budget=budget).conversation
        seconds += time.perf_counter() - begun
        return short

    server = ThreadingHTTPServer(("127.0.0.1", 0), Chat)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1/chat/completions"
    answers, tokens = [], []
    for name, change in (("as it is", lambda body: body), ("compressed", shorten)):
        answer, sent = run_agent(url, change)
        answers.append(answer)
        tokens.append([tokenizer.count(body) for body in sent])
        print(f"{name:<11} {len(sent)} requests of {', '.join(f'{n:,}' for n in tokens[-1])} tokens: {answer}")
    server.shutdown()
    saved = sum(tokens[0]) - sum(tokens[1])
    print(f"saved {saved:,} of {sum(tokens[0]):,} input tokens ({saved / sum(tokens[0]):.0%}), {seconds:.1f} s of scoring")
    print("the same answer" if answers[0] == answers[1] else "ANOTHER ANSWER")


if __name__ == "__main__":
    main()
