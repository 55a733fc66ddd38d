"""Parts of a batch: every record once, whoever runs; joined they are the one run's bytes."""

from __future__ import annotations

import itertools
import os
import random
import shlex
import signal
import subprocess
import time
from pathlib import Path

import orjson
import pytest

from longattncomp_cli.core.batch.shards import Shard, parse_shard
from longattncomp_cli.errors import UsageError
from tests.support.cli import CLOCK, PROGRAM, invoke, write_clock_records


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_clock_records(tmp_path / "in.jsonl", 7)
    return tmp_path


def test_every_record_is_in_one_shard() -> None:
    for count in (1, 2, 5, 9):
        parts = [list(Shard(i, count).take(range(7))) for i in range(1, count + 1)]
        assert sorted(itertools.chain(*parts)) == list(range(7))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("written", ["0/4", "5/4", "1/0", "x", "1", "-1/4", "all/0", "1/4/2"])
def test_what_is_no_shard_is_refused(written: str) -> None:
    with pytest.raises(UsageError):
        parse_shard(written)


def test_shards_joined_are_the_bytes_of_one_run_in_any_order_of_work(folder: Path) -> None:
    base = ["compress", "in.jsonl", "-b", "60", "--quiet", "--device", "cpu"]
    assert invoke(*base, "-o", "one.jsonl", "--report", "one-report.jsonl").exit_code == 0
    shared = [*base, "-o", "out.jsonl", "--report", "report.jsonl"]
    for index in (3, 1):
        assert invoke(*shared, "--shard", f"{index}/3").exit_code == 0
    early = invoke(*shared, "--shard", "all/3")
    assert early.exit_code == 3
    assert "--shard 2/3" in early.stderr
    assert not (folder / "out.jsonl").exists()
    assert invoke(*shared, "--shard", "2/3").exit_code == 0
    assert invoke(*shared, "--shard", "all/3").exit_code == 0
    assert (folder / "out.jsonl").read_bytes() == (folder / "one.jsonl").read_bytes()
    assert (folder / "report.jsonl").read_bytes() == (folder / "one-report.jsonl").read_bytes()
    done = orjson.loads((folder / "out.00003-of-00003.done.json").read_bytes())
    assert (done["shard"], done["of"], done["records"], done["failed"]) == (3, 3, 2, 0)
    manifest = orjson.loads((folder / "out.00003-of-00003.manifest.json").read_bytes())
    assert manifest["inputs"] == [{"name": "in.jsonl", "bytes": (folder / "in.jsonl").stat().st_size}]
    assert manifest["settings"] == done["settings"]
    # A shard that is done again, resumed: nothing changes. One that was changed since is refused.
    assert invoke(*shared, "--shard", "3/3", "--resume").exit_code == 0
    assert invoke(*shared, "--shard", "all/3", "--overwrite").exit_code == 0
    assert (folder / "out.jsonl").read_bytes() == (folder / "one.jsonl").read_bytes()
    with (folder / "out.00001-of-00003.jsonl").open("ab") as file:
        file.write(b"{}\n")
    assert invoke(*shared, "--shard", "all/3", "--overwrite").exit_code == 3


def test_a_shard_under_way_is_not_marked_done_and_needs_a_file(folder: Path) -> None:
    base = ["compress", "in.jsonl", "-b", "60", "--quiet", "--device", "cpu"]
    assert invoke(*base, "--shard", "1/2").exit_code == 2
    (folder / "text.txt").write_text(CLOCK)
    assert invoke("compress", "text.txt", "-q", "x?", "-b", "9", "-o", "o", "--shard", "1/2").exit_code == 2
    shared = [*base, "-o", "out.jsonl", "--shard", "1/2"]
    assert invoke(*shared).exit_code == 0
    other = invoke("compress", "in.jsonl", "-b", "50", "-o", "out.jsonl", "--shard", "1/2", "--resume")
    assert other.exit_code == 3  # other settings: what is there is no longer marked as done
    assert not (folder / "out.00001-of-00002.done.json").exists()
    assert invoke(*shared, "--resume").exit_code == 0
    assert (folder / "out.00001-of-00002.done.json").exists()


def kill_at_random_moments(folder: Path, kills: int, num_records: int, seed: int, size: int = 3) -> int:
    """Start a batch, kill -9 it after a random time, resume, … ; return how many kills hit.

    Its processes have no other stream than standard output, and their sets another order than this one's.
    """
    rng = random.Random(seed)
    write_clock_records(folder / "in.jsonl", num_records, size=size)
    base = ["compress", "in.jsonl", "-b", "60", "--quiet", "--device", "cpu"]
    resumed = [*base, "-o", "out.jsonl", "--report", "report.jsonl", "--resume"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONHASHSEED": "7"}
    partial, hit = folder / "out.jsonl.partial", 0
    for _ in range(kills):
        before = partial.read_bytes().count(b"\n") if partial.exists() else 0
        shell = f"exec {shlex.join([*PROGRAM, *resumed])} 2>&- <&-"
        process = subprocess.Popen(["/bin/sh", "-c", shell], cwd=folder, env=environment)
        wanted = before + rng.randrange(0, max(1, num_records // (kills + 1)))
        while process.poll() is None:
            if partial.exists() and partial.read_bytes().count(b"\n") >= wanted:
                time.sleep(rng.random() * 0.05)
                break
            time.sleep(0.005)
        hit += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (folder / "out.jsonl").exists():
            break
    assert invoke(*resumed).exit_code == 0
    straight = ["-o", "straight.jsonl", "--report", "straight-report.jsonl"]
    assert invoke(*base, *straight).exit_code == 0
    assert (folder / "out.jsonl").read_bytes() == (folder / "straight.jsonl").read_bytes()
    assert (folder / "report.jsonl").read_bytes() == (folder / "straight-report.jsonl").read_bytes()
    return hit


def test_a_batch_killed_and_resumed_has_an_uninterrupted_ones_bytes(folder: Path) -> None:
    assert kill_at_random_moments(folder, 1, 16, seed=1, size=1) == 1


@pytest.mark.slow
def test_a_batch_killed_at_twenty_random_moments_and_resumed_is_an_uninterrupted_one(folder: Path) -> None:
    assert kill_at_random_moments(folder, 20, 120, seed=0) >= 15
