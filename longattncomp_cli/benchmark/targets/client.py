"""One question to an endpoint that speaks the OpenAI protocol, through the ``openai`` client, and its cache.

The client itself tries again after what may pass (no connection, 408, 409, 429, 5xx), waiting longer each
time or as long as the server says. Answers are streamed, so that the first token's time is known.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from longattncomp_cli.benchmark.targets.config import TargetConfig
from longattncomp_cli.errors import LongAttnCompError, ResourceError, UsageError

_THOUGHT = re.compile(r"^.*</think>", re.DOTALL)
_NO_KEY = "none"
_TOO_LONG = "target-too-long"
_SAID_OF_LENGTH = re.compile(r"context.?length|context.?(window|size)|maximum.{1,40}tokens|too long", re.I)


class TargetError(LongAttnCompError):
    """A question that the target did not answer; an error of the item, never of the run."""

    exit_code = 3
    default_code = "target"


@dataclass(frozen=True)
class Reply:
    """What a target answered.

    Attributes:
        text: the answer, without the thoughts that some models put before it.
        finish: why it stopped, as the endpoint says.
        prompt_tokens, completion_tokens: as the endpoint counts; ``None`` where it does not say.
        seconds: until the last token.
        first_token_seconds: until the first one; ``None`` where nothing came.
        is_cached: whether it was there already, with the times of its first asking.
    """

    text: str
    finish: str
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float
    first_token_seconds: float | None
    is_cached: bool = False


class Target:
    """The endpoint.

    Args:
        choice: which one, and how it is asked.
    """

    def __init__(self, choice: TargetConfig) -> None:
        """Make the client; nothing is asked yet.

        Raises:
            ResourceError: the ``openai`` package is not installed.
            UsageError: the address is none.
        """
        if importlib.util.find_spec("openai") is None:
            raise ResourceError(
                "a target model needs the package openai, which is not installed",
                hint="pip install openai, or 'longattncomp[bench]'",
                code="no-package",
            )
        if not choice.url.startswith(("http://", "https://")):
            raise UsageError(
                f"--target-url {choice.url!r} is no address", hint="such as http://localhost:8000/v1"
            )
        self.choice = choice
        self._openai: Any = importlib.import_module("openai")
        self._key = os.environ.get("OPENAI_API_KEY") or _NO_KEY
        self._client: Any = self._openai.OpenAI(
            base_url=choice.url,
            api_key=self._key,
            timeout=choice.timeout_seconds,
            max_retries=choice.retries,
        )
        self._says_usage = True

    def ask(self, prompt: str, max_tokens: int) -> Reply:
        """Ask, or take the answer of an earlier run.

        Raises:
            TargetError: it did not answer, or not so that it could be understood.
        """
        request = {
            "model": self.choice.model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": self.choice.temperature,
            "seed": self.choice.seed,
            "max_tokens": self.choice.max_tokens or max_tokens,
        }
        place = self._cache_place(request)
        cached = _read(place)
        if cached is not None:
            return cached
        try:
            reply = self._stream(request)
        except self._openai.APIStatusError as error:
            code = _TOO_LONG if _is_too_long(error) else f"target-{error.status_code}"
            raise TargetError(self._told(error), code=code) from error
        except (self._openai.APITimeoutError, TimeoutError) as error:
            raise TargetError(
                f"no answer in {self.choice.timeout_seconds:g} seconds", code="target-timeout"
            ) from error
        except self._openai.APIConnectionError as error:
            raise TargetError(self._told(error), code="target-connection") from error
        except self._openai.APIError as error:  # told in the stream, after a status of 200
            code = _TOO_LONG if _is_too_long(error) else "target-error"
            raise TargetError(self._told(error), code=code) from error
        except Exception as error:  # the client passes on what JSON, HTTP and its models raise on rubbish
            raise TargetError(
                f"the answer is not understood: {self._told(error)}", code="target-rubbish"
            ) from error
        _write(place, reply)
        return reply

    def _stream(self, request: dict[str, Any]) -> Reply:
        """Ask for a stream; where the endpoint refuses to count tokens in it, without the count."""
        start = time.perf_counter()
        extra = {"stream_options": {"include_usage": True}} if self._says_usage else {}
        try:
            chunks = self._client.chat.completions.create(**request, stream=True, **extra)
        except (self._openai.BadRequestError, self._openai.UnprocessableEntityError) as error:
            if not extra or "stream_options" not in str(error):
                raise
            self._says_usage = False
            chunks = self._client.chat.completions.create(**request, stream=True)
        parts: list[str] = []
        first: float | None = None
        finish, usage, is_answered = "", None, False
        with chunks:
            for chunk in chunks:
                if time.perf_counter() - start > self.choice.timeout_seconds:
                    raise TimeoutError
                usage = chunk.usage or usage
                for choice in chunk.choices or ():
                    is_answered = True
                    finish = choice.finish_reason or finish
                    if choice.delta and choice.delta.content:
                        first = time.perf_counter() - start if first is None else first
                        parts.append(choice.delta.content)
        if not is_answered:
            raise ValueError("it holds no choice; some servers end so where the prompt is too long")
        return Reply(
            text=_THOUGHT.sub("", "".join(parts)).strip(),
            finish=finish,
            prompt_tokens=None if usage is None else int(usage.prompt_tokens),
            completion_tokens=None if usage is None else int(usage.completion_tokens),
            seconds=round(time.perf_counter() - start, 4),
            first_token_seconds=None if first is None else round(first, 4),
        )

    def _told(self, error: Exception) -> str:
        """The error in one line, never with the key in it."""
        text = " ".join(str(error).split()) or type(error).__name__
        return text.replace(self._key, "***")[:300] if self._key != _NO_KEY else text[:300]

    def _cache_place(self, request: dict[str, Any]) -> Path:
        decisive = orjson.dumps({"url": self.choice.url, **request}, option=orjson.OPT_SORT_KEYS)
        digest = hashlib.sha256(decisive).hexdigest()
        return self.choice.cache / digest[:2] / f"{digest}.json"


def _is_too_long(error: Exception) -> bool:
    """Whether the endpoint says that the prompt is longer than the model's positions."""
    status = getattr(error, "status_code", 400)
    return status in (400, 413, 422, 500) and bool(_SAID_OF_LENGTH.search(str(error)))


def _read(place: Path) -> Reply | None:
    """An answer of an earlier run; what cannot be read is asked for again."""
    try:
        return Reply(**{**orjson.loads(place.read_bytes()), "is_cached": True})
    except (OSError, TypeError, orjson.JSONDecodeError):
        return None


def _write(place: Path, reply: Reply) -> None:
    """Keep an answer; a cache that cannot be written costs only the next run."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_suffix(f".{os.getpid()}.partial")
        partial.write_bytes(orjson.dumps(asdict(reply)))
        partial.replace(place)
    except OSError:
        return
