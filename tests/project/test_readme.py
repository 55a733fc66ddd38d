"""What the README shows was printed by the program.

``UPDATE_README=1 pytest tests/test_readme.py`` writes the real output behind each command.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
BLOCK = re.compile(r"```console\n\$ longattncomp (?P<command>[^\n]+)\n(?P<output>.*?)```", re.DOTALL)
# Scores differ in their last digits between processors; so do the bars that show them.
NUMBER = re.compile(r"^heat .*\n(kept .*\n)?|\d+(\.\d+)?%|\d+\.\d+(e-\d+)?|[█▏▎▍▌▋▊▉]+ *", re.MULTILINE)


def output_of(command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "longattncomp_cli", *shlex.split(command)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    text = done.stdout + done.stderr
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def blocks() -> list[re.Match[str]]:
    return list(BLOCK.finditer(README.read_text(encoding="utf-8")))


def test_the_readme_shows_commands() -> None:
    assert len(blocks()) >= 3


@pytest.mark.parametrize("index", range(len(blocks())))
def test_the_readme_shows_what_the_program_prints(index: int) -> None:
    block = blocks()[index]
    found = output_of(block["command"])
    if os.environ.get("UPDATE_README"):
        text = README.read_text(encoding="utf-8")
        README.write_text(
            text[: block.start("output")] + found + text[block.end("output") :], encoding="utf-8"
        )
    else:
        assert NUMBER.sub("#", found) == NUMBER.sub("#", block["output"])


PYTHON = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("index", range(len(PYTHON)))
def test_the_python_of_the_readme_runs(
    index: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for framework in ("langchain_core", "llama_index"):
        if framework in PYTHON[index]:
            pytest.importorskip(framework)
    monkeypatch.chdir(ROOT)
    exec(PYTHON[index], {})
    assert capsys.readouterr().out.strip()
