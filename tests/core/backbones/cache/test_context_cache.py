"""The context cache: read once, the same bytes, bounded, safe for several processes."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
import torch

from longattncomp_cli.commands.runs.written import parse_size
from longattncomp_cli.core.backbones.cache.disk import NotKeptError, StateFiles
from longattncomp_cli.core.backbones.cache.memory import ByteLRU
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.errors import UsageError
from tests.support.cli import invoke
from tests.support.decoders import TEXT, decoder_scorer, make_decoder
from tests.support.scorers import remembering
from tests.support.texts import random_text

QUERIES = ["Who signed the ledger?", "Where is the key?"]


def counting(scorer: Scorer) -> tuple[Scorer, list[int]]:
    """A scorer that tells how many context tokens its backbone reads."""
    read: list[int] = []
    encode = scorer.backbone.encode

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(scorer.backbone, name)

        def encode(self, context, query, instruction, layers, on_tokens=None, **options):
            found = encode(context, query, instruction, layers, on_tokens, **options)
            read.append(sum(len(source.tokens.ids) for source in context.sources))
            return found

    return scorer.with_backbone(Counting()), read


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_the_second_query_reads_nothing_and_scores_the_same_bits(scorer, where, tmp_path) -> None:
    counted, read = counting(scorer)
    room = {"memory_bytes": 2**28} if where == "memory" else {"files": StateFiles(tmp_path, 2**28)}
    source = Source(random_text(random.Random(3), 200) + ".", title="A title")
    again = remembering(counted, **room)
    for query in QUERIES:
        request = Request((source, Source("Another one. " * 20)), query)
        # On disk another process asks the second time: its memory is empty.
        again = remembering(counted, **room) if where == "disk" else again
        found = again.score(request)
        assert found.scores.tolist() == scorer.score(request).scores.tolist()
    assert read[0] > 512
    assert not any(read[1:])


def test_another_context_chunking_or_title_is_not_taken_for_it(scorer, tmp_path) -> None:
    counted, read = counting(scorer)
    text = "The ledger was signed at noon. It rained. " * 60
    smaller = counted.with_options(chunk_tokens=40)
    cases = [
        (counted, Source(text)),
        (counted, Source(text + "!")),
        (counted, Source(text, title="Log")),
        (smaller, Source(text)),
    ]
    files = StateFiles(tmp_path, 2**28)
    for each, source in cases:
        found = remembering(each, files=files).score(Request((source,), QUERIES[0]))
        bare = each.with_backbone(scorer.backbone)
        assert found.scores.tolist() == bare.score(Request((source,), QUERIES[0])).scores.tolist()
    assert all(read)
    assert len(list(tmp_path.iterdir())) == len(cases)


@pytest.mark.parametrize("encoding", ["full", "windowed"])
def test_decoders_remember_too(encoding: str, tmp_path: Path, monkeypatch) -> None:
    """In ``full`` the keys and values of the context are kept: the query is read after them."""
    make_decoder("gemma3_text", tmp_path / "model", max_position_embeddings=4096)
    plain, other = (decoder_scorer(tmp_path / "model", encoding=encoding, chunk_tokens=32) for _ in range(2))
    source = Source(TEXT * 10)
    wanted = [
        plain.score(Request((source,), query, instruction="Read.")).scores.tolist() for query in QUERIES
    ]
    for room in ({"memory_bytes": 2**28}, {"files": StateFiles(tmp_path / "c", 2**28)}):
        warm = remembering(other, **room)
        for query, scores in zip(QUERIES, wanted, strict=True):
            found = warm.score(Request((source,), query, instruction="Read.")).scores.tolist()
            assert found == scores
    assert len(list((tmp_path / "c").iterdir())) == 1
    calls = []
    model = other.backbone.model
    forward = model.forward
    monkeypatch.setattr(model, "forward", lambda ids, *rest: calls.append(ids.numel()) or forward(ids, *rest))
    again = remembering(other, files=StateFiles(tmp_path / "c", 2**28))
    found = again.score(Request((source,), QUERIES[1], instruction="Read."))
    assert found.scores.tolist() == wanted[1]
    assert sum(calls) < 100  # the query (and the instruction), not the context


def test_the_folder_stays_within_its_size_and_the_oldest_go(tmp_path: Path) -> None:
    files = StateFiles(tmp_path, 40_000)
    for number in range(5):
        with files.write(f"k{number}") as writer:
            assert writer.add("x", torch.full((2500,), float(number)))
        os.utime(tmp_path / f"k{number}.states", (number, number))
        if number == 2:
            assert files.read("k0")["x"][0] == 0  # used: k1 is the oldest now
    names = {path.name for path in tmp_path.iterdir()}
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 40_000
    assert {"k0.states", "k4.states"} <= names
    assert "k1.states" not in names
    with files.write("large") as writer:
        if not writer.add("x", torch.zeros(20_000)):
            raise NotKeptError
    assert files.read("large") is None
    assert {path.name for path in tmp_path.iterdir()} == names


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.int32])
def test_what_is_written_is_read_in_order(dtype: torch.dtype, tmp_path: Path) -> None:
    files = StateFiles(tmp_path, 2**20)
    made = {f"{i}/a": (torch.randn(i, 3) * 100).to(dtype) for i in range(4)}
    with files.write("k") as writer:
        assert all(writer.add(name, value) for name, value in made.items())
    found = files.read("k")
    assert list(found) == list(made)
    assert all(torch.equal(found[name], value) for name, value in made.items())


def test_a_damaged_or_unfinished_file_is_no_file(tmp_path: Path) -> None:
    files = StateFiles(tmp_path, 2**20)
    with pytest.raises(KeyError), files.write("k") as writer:
        writer.add("x", torch.zeros(9))
        raise KeyError
    assert not list(tmp_path.iterdir())
    with files.write("k") as writer:
        writer.add("x", torch.zeros(9))
    whole = (tmp_path / "k.states").read_bytes()
    for size in (0, 5, len(whole) - 1):
        (tmp_path / "k.states").write_bytes(whole[:size])
        assert files.read("k") is None


def _write_and_read(folder: str, seed: int) -> None:
    rng = random.Random(seed)
    files = StateFiles(Path(folder), 60_000)
    stop = time.monotonic() + 1.0
    while time.monotonic() < stop:
        number = rng.randrange(12)
        if rng.random() < 0.5:
            with files.write(f"k{number}") as writer:
                writer.add("x", torch.full((2000,), float(number)))
        found = files.read(f"k{number}")
        assert found is None or bool((found["x"] == number).all())


def test_several_processes_share_a_folder(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_write_and_read, args=(str(tmp_path), seed)) for seed in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert not list(tmp_path.glob("*.partial"))


def test_memory_forgets_what_was_used_longest_ago() -> None:
    memory: ByteLRU[str] = ByteLRU(10)
    memory.put("a", "A", 4)
    memory.put("b", "B", 4)
    assert memory.get("a") == "A"
    memory.put("c", "C", 4)
    assert ("a" in memory, "b" in memory, "c" in memory) == (True, False, True)
    memory.put("huge", "H", 11)
    assert (len(memory), memory.num_bytes) == (2, 8)
    memory.put("a", "A2", 6)
    assert (memory.get("a"), memory.num_bytes) == ("A2", 10)


def test_the_program_writes_the_same_lines_with_and_without(tmp_path: Path) -> None:
    texts = [("The clock was repaired by Ines Albrecht. " + "It rained. " * 100) * 2, "Salt and rope. " * 150]
    records = [{"query": QUERIES[i % 2], "context": texts[i % 3 == 0]} for i in range(4)]
    (tmp_path / "in.jsonl").write_bytes(b"".join(orjson.dumps(r) + b"\n" for r in records))
    base = ["compress", str(tmp_path / "in.jsonl"), "-b", "100", "--quiet", "--device", "cpu"]
    plain = invoke(*base)
    for _ in range(2):
        kept = invoke(*base, "--cache", str(tmp_path / "c"), "--cache-size", "20M")
        assert kept.exit_code == 0
        assert kept.stdout == plain.stdout
    assert list((tmp_path / "c").glob("*.states"))


@pytest.mark.parametrize(
    ("written", "size"), [("2G", 2**31), ("500M", 500 * 2**20), ("1.5k", 1536), ("7", 7)]
)
def test_sizes(written: str, size: int) -> None:
    assert parse_size(written) == size
    with pytest.raises(UsageError):
        parse_size(f"-{written}")
