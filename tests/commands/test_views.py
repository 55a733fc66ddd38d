"""What a person sees of the document: the heat strip, and the kept text in its place."""

from __future__ import annotations

import io
import os
import pty
import random
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from longattncomp_cli.commands.terminal.chunk_table import scored_table
from longattncomp_cli.commands.terminal.console import isolated, safe, shortened
from longattncomp_cli.commands.terminal.views import HeatStrip, show, strip_cells
from longattncomp_cli.core.assembly.kept_spans import KeptSpan
from longattncomp_cli.core.assembly.segments import segments
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.settings import CompressorSettings
from tests.support.cli import PROGRAM, invoke

TEXT = "Ropes were mended. " * 40 + "\n\nThe ledger was signed by Ines.\n\n" + "Nets were counted. " * 40


def test_the_strip_lays_chunks_by_their_tokens() -> None:
    """Tokens 2, 1, 1 on 8 cells: the first chunk takes four, the others two; 0.25 ** 0.4 of 8 is 4.6."""
    levels, kept = strip_cells([2, 1, 1], [0.0, 0.4, 0.1], {2}, 8)
    assert levels == [0, 0, 0, 0, 8, 8, 5, 5]
    assert kept == [False] * 6 + [True] * 2


def test_more_chunks_than_cells_show_the_best_of_each_cell() -> None:
    levels, kept = strip_cells([1] * 100, [0.0] * 99 + [1.0], {0}, 10)
    assert levels == [0] * 9 + [8]
    assert kept == [True] + [False] * 9


def test_segments_partition_the_context_whatever_is_kept() -> None:
    rng = random.Random(3)
    sources = [Source("a" * rng.randrange(1, 60), str(i)) for i in range(5)]
    for _ in range(200):
        kept, index = [], 0
        for number, source in enumerate(sources):
            at = 0
            while at < len(source.text):
                end = min(len(source.text), at + rng.randrange(1, 15))
                start = rng.randrange(at, end)
                if rng.random() < 0.4:
                    kept.append(KeptSpan(Chunk(index, number, at, end, 1), start, end))
                index, at = index + 1, end
        found = list(segments(sources, kept))
        for number, source in enumerate(sources):
            own = [s for s in found if s.source == number]
            assert [s.start for s in own] == [0, *(s.end for s in own[:-1])]
            assert own[-1].end == len(source.text)
            assert all(first.kept != second.kept for first, second in pairwise(own))
        inside = {(s.source, i) for s in found if s.kept for i in range(s.start, s.end)}
        assert inside == {(k.chunk.source, i) for k in kept for i in range(k.start, k.end)}


@pytest.fixture(scope="module")
def compressed(scorer, o200k):
    sources = (Source("Salt is dear. " * 30, "salt.txt"), Source(TEXT, "a\x1b[31m.txt"))
    return Compressor(scorer, o200k, CompressorSettings(budget=25)).compress(
        Request(sources, "Who signed the ledger?")
    )


def test_the_text_view_counts_what_is_left_out(compressed, o200k) -> None:
    lines = [line.plain for line in show(compressed, "text")]
    salt = compressed.request.sources[0].text
    assert lines[0] == f"⋯ {o200k.count(salt)} tokens, salt.txt"
    assert lines[1] == "==> a [31m.txt <=="
    assert lines[2].startswith("⋯ ")
    assert lines[2].endswith(" tokens, line 1")
    assert "The ledger was signed by Ines." in lines


def test_the_diff_view_has_every_line_once_marked(compressed) -> None:
    lines = [line.plain for line in show(compressed, "diff")]
    assert "  The ledger was signed by Ines." in lines
    dropped = "".join(line[2:] for line in lines if line.startswith("- "))
    kept = "".join(line[2:] for line in lines if line.startswith("  "))
    letters = "".join(source.text for source in compressed.request.sources)
    assert sorted((dropped + kept).replace(" ", "")) == sorted(letters.replace("\n", "").replace(" ", ""))


def test_no_control_character_reaches_the_terminal(scorer, o200k) -> None:
    request = Request((Source("The ledger\x1b]0;owned\x07 was \u202esigned\r\n by\tInes."),), "ledger")
    result = Compressor(scorer, o200k, CompressorSettings(budget=99)).compress(request)
    (first, second) = (line.plain for line in show(result, "text"))
    assert first == "The ledger\ufffd]0;owned\ufffd was \ufffdsigned"
    assert second == " by\tInes."


@pytest.mark.parametrize("width", [56, 60, 71, 72, 80, 110, 200])
def test_the_table_fits_its_terminal_and_cuts_no_number(scorer, o200k, width: int) -> None:
    request = Request(
        (Source(TEXT, "a-long-folder/with-a-long-name/of-a-file.txt"),), "Who signed the ledger?"
    )
    scored = Compressor(scorer, o200k, CompressorSettings(budget=40)).compress(request).scored
    printed = io.StringIO()
    Console(file=printed, width=width, color_system=None).print(scored_table(scored, top=3, width=width))
    lines = printed.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= width
    rows = [line for line in lines if line[:1] in "●·" and ".txt:" in line]
    best = sorted(scored.scores.scores, reverse=True)
    assert len(rows) == min(3, len(best)) >= 2
    for rank, (row, score) in enumerate(zip(rows, best, strict=False), start=1):
        assert row.split()[1] == str(rank)
        assert f" {score:.4f} " in row
    assert any("begins with" in line for line in lines) == (width >= 72)


def test_kept_cells_are_marked_without_colour_too(compressed) -> None:
    plain, coloured = io.StringIO(), io.StringIO()
    Console(file=plain, width=60, color_system=None).print(HeatStrip(compressed.scored))
    Console(file=coloured, width=60, color_system="truecolor", force_terminal=True).print(
        HeatStrip(compressed.scored)
    )
    heat, kept = plain.getvalue().splitlines()
    assert len(heat) == 60
    assert heat[kept.index("^")] == "█"
    assert coloured.getvalue().count("\n") == 1


def test_the_view_takes_the_stream_that_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text(TEXT)
    args = ["compress", "a.txt", "-q", "Who signed the ledger?", "-b", "25", "--show", "text"]
    plain = invoke(*args[:-2])
    piped = invoke(*args)
    assert piped.stdout == plain.stdout
    assert "⋯" in piped.stderr
    written = invoke(*args, "-o", "out.txt")
    assert written.stdout == piped.stderr
    assert written.stderr == ""
    assert Path("out.txt").read_text() == plain.stdout


def test_the_table_is_shown_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text(TEXT)
    args = ["compress", "a.txt", "-q", "Who signed the ledger?", "-b", "25"]
    plain, shown, none = invoke(*args), invoke(*args, "--show", "table"), invoke(*args, "--show", "none")
    assert plain.stdout == shown.stdout == none.stdout != ""
    assert plain.stderr == none.stderr == ""  # stderr is no terminal
    assert "of 25 tokens" in shown.stderr
    Path("in.jsonl").write_text('{"context": "Ines signed.", "query": "Who?"}\n')
    assert invoke("compress", "in.jsonl", "-b", "25", "--show", "table").exit_code == 2
    assert invoke("compress", "in.jsonl", "-b", "25", "--show", "none").exit_code == 0


@pytest.mark.slow
def test_on_a_terminal_the_view_replaces_the_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    ours, theirs = pty.openpty()
    command = [*PROGRAM, "compress", "a.txt", "-q", "Who signed the ledger?"]
    process = subprocess.Popen(
        [*command, "-b", "25", "--show", "text"], cwd=tmp_path, stdout=theirs, stderr=subprocess.PIPE
    )
    _, stderr = process.communicate(timeout=300)
    os.close(theirs)
    seen = os.read(ours, 1 << 16).decode()
    assert process.returncode == 0, stderr
    assert seen.count("The ledger was signed by Ines.") == 1
    assert "⋯" in seen


def test_what_runs_right_to_left_keeps_to_its_cell(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (
        "تغادر العبارة في التاسعة. 12 راكبا.\n\n" * 20 + "الصندوق تحت الدرج رقم 7. می\u200cرود 👩\u200d🔬\n"
    )
    Path("قارب.txt").write_text(text, encoding="utf-8")
    common = ("score", "قارب.txt", "-q", "أين الصندوق رقم 7؟", "--checkpoint", "stage2-nosubq")
    table = invoke(*common).stdout
    assert "\u2068قارب.txt\u2069:" in table
    explained = invoke(*common, "--explain", "1").stdout
    assert "\u2068الصندوق\u2069" in explained
    for shown in (table, explained):
        for line in shown.splitlines():
            opened = [
                line[: at + 1].count("\u2068") - line[: at + 1].count("\u2069") for at in range(len(line))
            ]
            assert not opened or (min(opened) >= 0 and opened[-1] == 0)


def test_joiners_are_shown_and_marks_of_order_are_not() -> None:
    assert safe("می\u200cرود 👩\u200d🔬") == "می\u200cرود 👩\u200d🔬"
    assert safe("a\u202eb\u2066c\u061cd") == "a b c d"
    assert isolated("plain") == "plain"
    assert shortened(f"{isolated('قارب')}, {isolated('الصندوق')}", 10) == "\u2068قارب\u2069, \u2068الص\u2069…"
