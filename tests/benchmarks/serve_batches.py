"""Serve a causal language model for `bench --target-url`, by default on a GPU: what waits is one batch.

    python tests/benchmarks/serve_batches.py MODEL_FOLDER [--device cuda] [--port 8765] [--batch 24]

MODEL_FOLDER is one that transformers reads. Needs `aiohttp`. Answers are greedy and sent whole, so that the
seconds to the first token which `bench` takes are those of the batch: its answers count, its seconds do not.
A prompt beyond the model's positions is refused, as servers do.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from longattncomp_cli.core.backbones.runtime import resolve_dtype

_WAIT_SECONDS = 0.05


@dataclass
class Asked:
    """A prompt that waits for its answer."""

    ids: list[int]
    max_tokens: int
    answer: asyncio.Future[list[int]]


class Server:
    """A model and the prompts that wait for it.

    Args:
        options: of the command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        """Load the model."""
        self.tokenizer: Any = AutoTokenizer.from_pretrained(options.model)
        dtype = resolve_dtype("auto", torch.device(options.device))
        self.model: Any = AutoModelForCausalLM.from_pretrained(options.model, dtype=dtype)
        self.model.to(options.device).eval()
        self.device = options.device
        self.batch = options.batch
        self.positions = int(self.model.config.max_position_embeddings)
        added = self.tokenizer.added_tokens_decoder.items()
        self.ends = {int(number) for number, token in added if token.special}
        self.pad = min(self.ends)
        self.waiting: list[Asked] = []
        self.web: Any = importlib.import_module("aiohttp.web")  # no dependency of the project
        self.pool = ThreadPoolExecutor(1)

    @torch.inference_mode()
    def generate(self, batch: list[Asked]) -> list[list[int]]:
        """Answer prompts at once, filled up on the left."""
        longest = max(len(one.ids) for one in batch)
        ids = torch.full((len(batch), longest), self.pad)
        mask = torch.zeros_like(ids)
        for row, one in enumerate(batch):
            ids[row, longest - len(one.ids) :] = torch.tensor(one.ids)
            mask[row, longest - len(one.ids) :] = 1
        found = self.model.generate(
            ids.to(self.device),
            attention_mask=mask.to(self.device),
            max_new_tokens=max(one.max_tokens for one in batch),
            do_sample=False,
            pad_token_id=self.pad,
            eos_token_id=sorted(self.ends),
        )
        answers = []
        for one, row in zip(batch, found[:, longest:].tolist(), strict=True):
            stop = next((i for i, token in enumerate(row) if token in self.ends), len(row))
            answers.append(row[: min(stop, one.max_tokens)])
        return answers

    async def work(self) -> None:
        """Take those that wait, the longest first, as long as the server runs."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_WAIT_SECONDS)
            while self.waiting:
                self.waiting.sort(key=lambda one: -len(one.ids))
                batch, self.waiting = self.waiting[: self.batch], self.waiting[self.batch :]
                try:
                    answers = await loop.run_in_executor(self.pool, self.generate, batch)
                except Exception as error:
                    for one in batch:
                        one.answer.set_exception(RuntimeError(str(error)))
                else:
                    for one, answer in zip(batch, answers, strict=True):
                        one.answer.set_result(answer)

    async def complete(self, request: Any) -> Any:
        """Answer one request of the chat protocol."""
        asked = await request.json()
        ids = self.tokenizer.apply_chat_template(
            asked["messages"], add_generation_prompt=True, tokenize=False
        )
        ids = self.tokenizer(ids, add_special_tokens=False)["input_ids"]
        max_tokens = int(asked.get("max_tokens") or 32)
        if len(ids) + max_tokens > self.positions:
            told = f"maximum context length is {self.positions} tokens, asked for {len(ids) + max_tokens}"
            return self.web.json_response({"error": {"message": told, "code": 400}}, status=400)
        one = Asked(ids, max_tokens, asyncio.get_running_loop().create_future())
        self.waiting.append(one)
        answer = await one.answer
        text = self.tokenizer.decode(answer, skip_special_tokens=True)
        finish = "length" if len(answer) == max_tokens else "stop"
        usage = {
            "prompt_tokens": len(ids),
            "completion_tokens": len(answer),
            "total_tokens": len(ids) + len(answer),
        }
        head = {"id": "0", "created": int(time.time()), "model": asked.get("model", "")}
        if not asked.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
            return self.web.json_response(
                {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
            )
        response = self.web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        delta = {"role": "assistant", "content": text}
        for extra in (
            {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
            {"choices": [], "usage": usage},
        ):
            chunk = {**head, "object": "chat.completion.chunk", **extra}
            await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response

    async def models(self, _: Any) -> Any:
        """The one model."""
        return self.web.json_response({"object": "list", "data": [{"id": "smollm2", "object": "model"}]})

    async def begin(self, app: Any) -> None:
        """Start to work."""
        app["work"] = asyncio.create_task(self.work())


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--batch", type=int, default=24)
    options = parser.parse_args()
    server = Server(options)
    web = server.web
    app = web.Application(client_max_size=2**26)
    app.add_routes([web.post("/v1/chat/completions", server.complete), web.get("/v1/models", server.models)])
    app.on_startup.append(server.begin)
    web.run_app(app, host="127.0.0.1", port=options.port, print=None)


if __name__ == "__main__":
    main()
