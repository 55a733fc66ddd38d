"""The Ray engine: the local engine's bytes, also when a worker is killed, and nothing done twice."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from longattncomp_cli.core.inputs.gather import InputFile
from longattncomp_cli.core.inputs.line_groups import group_lines
from longattncomp_cli.core.inputs.records import FieldNames, read_records
from tests.support.cli import PROGRAM, write_clock_records


def program(folder: Path, *args: str) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"}
    base = ["compress", "in.jsonl", "-b", "60", "--quiet", "--device", "cpu", "--report"]
    command = [*PROGRAM, *base, f"{args[1]}.report.jsonl", *args]
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("size", [1, 4, 100])
def test_groups_of_lines_hold_the_records_that_one_reader_reads(
    suffix: str, size: int, tmp_path: Path
) -> None:
    import gzip

    path = tmp_path / f"in.jsonl{suffix}"
    write_clock_records(tmp_path / "plain", 9, size=4, with_failures=True)
    raw = (tmp_path / "plain").read_bytes()
    path.write_bytes(gzip.compress(raw) if suffix else raw)
    files = [InputFile(path, True), InputFile(tmp_path / "plain", True)]
    fields = FieldNames()
    wanted = list(read_records(files, fields, lambda: None))
    groups = list(group_lines(files, lambda: None, iter, size))
    found = [record for group in groups for record in group.read(fields)]
    assert [record.id for record in found] == [record.id for record in wanted]
    assert [repr(record) for record in found] == [repr(record) for record in wanted]
    assert all(len(group.numbers) <= size for group in groups)
    every_third = list(group_lines(files, lambda: None, lambda lines: iter(list(lines)[1::3]), size))
    assert [r.id for g in every_third for r in g.read(fields)] == [r.id for r in wanted[1::3]]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("ray")
    folder = tmp_path_factory.mktemp("ray")
    write_clock_records(folder / "in.jsonl", 60, size=4, with_failures=True)
    process = program(folder, "-o", "local.jsonl")
    process.communicate(timeout=300)
    assert process.returncode == 3  # two records failed, as they should
    return folder


def assert_same(folder: Path, name: str) -> None:
    for suffix in ("", ".report.jsonl"):
        assert (folder / f"{name}{suffix}").read_bytes() == (folder / f"local.jsonl{suffix}").read_bytes()


def worker_processes() -> list[int]:
    """Processes of Ray's actors on this machine that this test's program started."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and (folder / "cmdline").read_bytes().startswith(b"ray::MapWorker"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


@pytest.mark.slow
def test_two_workers_write_the_local_engines_bytes(local: Path) -> None:
    process = program(local, "-o", "ray.jsonl", "--engine", "ray", "--workers", "2")
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 3, stderr
    assert b"core_worker" not in stderr  # what Ray's own processes log is not printed
    assert_same(local, "ray.jsonl")


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_loses_no_record_and_repeats_none(local: Path) -> None:
    before = set(worker_processes())
    process = program(local, "-o", "killed.jsonl", "--engine", "ray", "--workers", "2")
    partial = local / "killed.jsonl.partial"
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and not (partial.exists() and partial.read_bytes().count(b"\n") >= 5):
        time.sleep(0.01)
    victims = [pid for pid in worker_processes() if pid not in before]
    assert victims
    os.kill(victims[0], 9)
    assert partial.exists()  # it was under way
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 3, stderr
    assert_same(local, "killed.jsonl")


@pytest.mark.slow
def test_a_batch_begun_here_is_finished_on_ray(local: Path) -> None:
    whole = (local / "local.jsonl").read_bytes().splitlines(keepends=True)
    report = (local / "local.jsonl.report.jsonl").read_bytes().splitlines(keepends=True)
    (local / "half.jsonl.partial").write_bytes(b"".join(whole[:20]) + whole[20][:30])
    (local / "half.jsonl.report.jsonl.partial").write_bytes(b"".join(report[:22]))
    process = program(local, "-o", "half.jsonl", "--resume", "--engine", "ray", "--workers", "2")
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 3, stderr
    assert_same(local, "half.jsonl")
