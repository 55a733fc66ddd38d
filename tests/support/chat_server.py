"""Real HTTP servers for tests: one that answers with a tiny transformers model, one with every fault.

Both speak the OpenAI chat protocol, streamed, on a free port of this machine.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import torch

from longattncomp_cli.core.backbones.decoder.model import cache_argument


class TinyModel:
    """A decoder of two layers with random weights, over single bytes; greedy."""

    def __init__(self) -> None:
        from transformers import LlamaConfig, LlamaForCausalLM

        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=256,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=8192,
            bos_token_id=1,
            eos_token_id=0,
        )
        self.model = LlamaForCausalLM(config).eval()
        self.lock = threading.Lock()

    @torch.inference_mode()
    def stream(self, prompt: str, max_tokens: int) -> Iterator[str]:
        """Yield one byte's character at a time."""
        ids = torch.tensor([list(prompt.encode()[-4000:])])
        from transformers import DynamicCache

        cache = {cache_argument(self.model): DynamicCache(config=self.model.config)}
        with self.lock:
            for _ in range(max_tokens):
                ids = self.model(ids, use_cache=True, **cache).logits[:, -1:].argmax(dim=-1)
                yield chr(int(ids))


@dataclass
class Server:
    """A running server: its address and the bodies of the requests it heard."""

    url: str
    heard: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)


def sse(handler: BaseHTTPRequestHandler, chunks: Iterator[dict[str, Any]]) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.end_headers()
    for chunk in chunks:
        handler.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        handler.wfile.flush()
    handler.wfile.write(b"data: [DONE]\n\n")


def chunk_of(text: str | None, **more: Any) -> dict[str, Any]:
    choice = {
        "index": 0,
        "delta": {"content": text} if text else {},
        "finish_reason": None if text else "stop",
    }
    return {
        "id": "1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "m",
        "choices": [choice],
        **more,
    }


def answer_chunks(pieces: Iterator[str], prompt: str) -> Iterator[dict[str, Any]]:
    count = 0
    for piece in pieces:
        count += 1
        yield chunk_of(piece)
    usage = {"prompt_tokens": len(prompt.encode()), "completion_tokens": count, "total_tokens": 0}
    yield chunk_of(None, usage=usage)


@contextmanager
def serving(respond: Any) -> Iterator[Server]:
    """Serve until the block ends; ``respond(handler, body, number)`` answers one request."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.heard.append(body)
            server.keys.append(self.headers.get("Authorization"))
            respond(self, body, len(server.heard))

        def log_message(self, *_: object) -> None:
            return

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    server = Server(f"http://127.0.0.1:{httpd.server_port}/v1")
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()


@contextmanager
def tiny_model_server(model: TinyModel) -> Iterator[Server]:
    """A model that really runs."""

    def respond(handler: BaseHTTPRequestHandler, body: dict[str, Any], _: int) -> None:
        prompt = body["messages"][0]["content"]
        sse(handler, answer_chunks(model.stream(prompt, min(body["max_tokens"], 8)), prompt))

    with serving(respond) as server:
        yield server


def reader(handler: BaseHTTPRequestHandler, body: dict[str, Any], _: int) -> None:
    """Answers a needle question by reading: all numbers of seven digits of what it is given."""
    import re

    prompt = body["messages"][0]["content"]
    sse(handler, answer_chunks(iter([f"{n} " for n in re.findall(r"\d{7}", prompt)]), prompt))


def fault(handler: BaseHTTPRequestHandler, kind: str) -> None:
    """Answer wrongly: a status, silence, or rubbish."""
    if kind == "hang":
        time.sleep(3)
        return
    if kind == "rubbish":
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        handler.wfile.write(b"data: {not json\n\ndata: [DONE]\n\n")
        return
    if kind == "empty":
        sse(handler, iter(()))
        return
    content = json.dumps({"error": {"message": f"fault {kind}", "type": "t"}}).encode()
    handler.send_response(int(kind))
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(content)))
    if kind == "429":
        handler.send_header("Retry-After", "0.01")
    handler.end_headers()
    handler.wfile.write(content)
