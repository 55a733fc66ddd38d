"""Run the program in this process, on a text with three facts or on records."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
import typer

FACTS = {
    "Who repaired the clock?": "The clock in the north tower was repaired by Ines Albrecht in 1987.",
    "What does the ferry carry on Mondays?": "On Mondays the ferry carries only salt and letters.",
    "Where is the spare key?": "The spare key hangs behind the blue map in the pilot's office.",
}
FILLER = (
    "The weather stayed mild and the boats went out as usual. "
    "Nobody at the harbour remembered a quieter season. "
    "Ropes were mended, nets were counted, and the tide tables were copied once more. "
)
CLOCK = "The clock in the north tower was repaired by Ines Albrecht in 1987. "
PROGRAM = [sys.executable, "-m", "longattncomp_cli"]


def story(num_filler: int = 2) -> str:
    """A prose text with three facts far apart."""
    parts = [fact + "\n\n" + FILLER * num_filler for fact in FACTS.values()]
    return FILLER * num_filler + "\n\n" + "\n\n".join(parts)


@cache
def _program() -> typer.Typer:
    """The app. Typer's runner builds all of its commands at each call: here they are built once.

    The program's cache passes over contexts that are read sooner than found again. Those of tests are short,
    and asked many times. The shipped backbone is loaded once.
    """
    import typer.testing

    from longattncomp_cli.core.backbones.cache import backbone as cache_backbone
    from longattncomp_cli.main import make_app
    from tests.support.scorers import share_installed_encoders

    share_installed_encoders()
    typer.testing._get_command = cache(typer.main.get_command)
    cache_backbone._LEAST_TOKENS_ON_DISK = 0
    return make_app()


def invoke(*args: str, stdin: str | bytes | None = None, env: dict[str, str] | None = None) -> Any:
    """Run a command in this process: quicker, the same code.

    Contexts that several tests read are read once, with the program's own cache, which changes no byte.
    """
    from typer.testing import CliRunner

    env = {"LONGATTNCOMP_CACHE": str(Path(os.environ["XDG_CACHE_HOME"]) / "read"), **(env or {})}
    return CliRunner().invoke(_program(), list(args), input=stdin, env=env, catch_exceptions=False)


def run_bench(*args: object) -> Any:
    """Run the benchmark in this process; arguments may be paths and numbers."""
    return invoke("bench", *map(str, args))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of a test; it holds ``story.txt``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "story.txt").write_text(story(), encoding="utf-8")
    return tmp_path


def write_records(path: Path, num_records: int = 6, size: int = 3) -> list[dict[str, Any]]:
    """Write records whose contexts are stories, and whose queries ask for one fact each."""
    records = [
        {"id": f"r{i}", "query": list(FACTS)[i % 3], "context": story(size + i % 3), "label": i}
        for i in range(num_records)
    ]
    path.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
    return records


def write_clock_records(path: Path, num_records: int, size: int = 2, *, with_failures: bool = False) -> None:
    """Write short records that all ask for the same fact, with a blank and two bad lines where asked."""
    lines = [
        orjson.dumps(
            {
                "id": f"r{i}",
                "query": "Who repaired the clock?",
                "context": CLOCK + f"It rained {i} times. " * size * 9,
            }
        )
        + b"\n"
        for i in range(num_records)
    ]
    if with_failures:
        lines[3:3] = [b"\n", b'{"id": "bad", "query": "no context"}\n', b"not JSON\n"]
    path.write_bytes(b"".join(lines))


def lines_of(raw: bytes) -> list[dict[str, Any]]:
    """The values of JSON lines."""
    return [orjson.loads(line) for line in raw.splitlines()]
