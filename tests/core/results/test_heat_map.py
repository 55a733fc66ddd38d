"""The heat-map page holds the report and every character, runs nothing but its own script, and draws."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import orjson
import pytest

from longattncomp_cli.core.assembly.fitting import tokens_of_best
from longattncomp_cli.core.assembly.renderer import Renderer
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.results.compression import Scored
from longattncomp_cli.core.results.page.heat_map import heat_map_page, page_data
from longattncomp_cli.core.results.report import score_report
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.keep_rules import KeepRules
from longattncomp_cli.core.settings import CompressorSettings
from tests.support.cli import invoke

HOSTILE = (
    "The ledger was signed. </script><script>alert(1)</script> <!-- <img src=x onerror=alert(2)> & &amp; "
    "\u202egnp.exe\u202c and \u2028 \x1b[31m red\r\n\r\n🙂 e\u0301 東京 {{data}} {{title}} $& \\u003c\n\n"
)


@pytest.fixture(scope="module")
def scored(scorer, o200k) -> Scored:
    sources = (
        Source(HOSTILE + "Ropes were mended. " * 60, name="a<b>&\u202e.txt"),
        Source("def sign(ledger):\n    return ledger\n\n\n" * 30, name="src/b.py"),
    )
    compressor = Compressor(scorer, o200k, CompressorSettings(budget=150))
    return compressor.compress(Request(sources, "Who </title><b> signed the ledger?")).scored


@pytest.fixture(scope="module")
def page(scored: Scored) -> str:
    return heat_map_page(scored).decode()


def script_elements(page: str) -> list[tuple[str, str]]:
    """(attributes, content) of each script, found as a browser does: the first ``</script`` ends one."""
    return re.findall(r"<script([^>]*)>(.*?)</script", page, re.DOTALL | re.IGNORECASE)


def embedded(page: str) -> dict:
    attributes, content = script_elements(page)[0]
    assert 'id="data"' in attributes
    return orjson.loads(content)


def test_the_page_holds_the_report_and_every_character(scored: Scored, page: str) -> None:
    data = embedded(page)
    assert data["report"] == orjson.loads(orjson.dumps(score_report(scored)))
    for number, source in enumerate(scored.request.sources):
        own = [c["index"] for c in data["report"]["chunks"] if c["source"] == number]
        assert "".join(data["texts"][index] for index in own) == source.text
    assert data["budget"] == 150 >= data["num_tokens"] > 0


def test_a_cut_chunk_says_which_part_is_kept(scored: Scored, page: str) -> None:
    data = embedded(page)
    cut = [span for span in scored.selection.kept if span.is_cut]
    assert cut, "the budget of this test must cut a chunk"
    for span in cut:
        ((start, end),) = data["cuts"][str(span.chunk.index)]
        text = scored.request.sources[span.chunk.source].text
        assert data["texts"][span.chunk.index][start:end] == text[span.start : span.end]


def test_only_the_pages_own_script_and_style_may_run(page: str) -> None:
    scripts = script_elements(page)
    assert len(scripts) == 2
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'")
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    for content in (style, scripts[1][1]):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_nothing_is_fetched_and_nothing_of_the_text_is_markup(page: str) -> None:
    around = page.replace(script_elements(page)[0][1], "")
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", around) == []
    assert not re.search(r"<(link|img|iframe|object)\b|\bsrc=|@import|url\(", around)
    assert "alert(" not in around
    assert "<!--" not in page
    assert "</title><b>" not in page
    assert not set(script_elements(page)[0][1]) & set("<>&\u2028\u2029")


def test_the_same_input_gives_the_same_page(scored: Scored, page: str) -> None:
    assert heat_map_page(scored).decode() == page


class _Words:
    """Counts words, so that expected numbers can be read off."""

    name = "words"

    def count(self, text: str) -> int:
        return len(text.split())

    def count_each(self, texts: list[str]) -> list[int]:
        return [self.count(text) for text in texts]


def test_rank_tokens_add_up_chunks_and_the_separators_between_them() -> None:
    """Four chunks of 2 words, separator 1 word; order of rank: 0, 2, 1, 3."""
    text = "a b c d e f g h "
    chunks = tuple(Chunk(i, 0, 4 * i, 4 * i + 4, 2) for i in range(4))
    scores = ChunkScores(chunks, np.array([0.4, 0.2, 0.3, 0.1]), None)
    renderer = Renderer(Request((Source(text),), "q"), chunks, " | ", _Words())
    # 2; 2+2 and one separator; chunk 1 closes the gap: 2 more, one separator less; chunk 3 is a neighbour.
    assert list(tokens_of_best(scores.order, renderer)) == [2, 5, 6, 8]
    # "a b" and "f" must stay: 2 + 1 + the separator between them are paid first. Chunk 0 is there already;
    # the rest of chunk 2 is one word; chunk 1 closes the gap; chunk 3 is a neighbour.
    must = replace(renderer, required=((0, 0, 4), (0, 10, 11)))
    assert must.fixed_tokens == 4
    assert list(tokens_of_best(scores.order, must)) == [4, 5, 6, 8]


@pytest.mark.parametrize("budget", [None, 60])
def test_what_must_stay_is_shown_and_paid_first_at_every_budget(scorer, o200k, budget: int | None) -> None:
    text = (
        "The ledger was signed by Ines. "
        + "Nets were mended. " * 80
        + "\nThe lamp was lit.\n"
        + "Ropes. " * 99
    )
    rules = KeepRules(patterns=("lamp",))
    compressor = Compressor(scorer, o200k, CompressorSettings(budget=budget, keep=rules))
    scored = compressor.score(text, "Who signed the ledger?")
    data = page_data(scored)
    kept = [data["texts"][int(i)][start:end] for i, parts in data["must"].items() for start, end in parts]
    assert "".join(kept) == "The lamp was lit."
    assert data["fixed_tokens"] == o200k.count("The lamp was lit.")
    plain = page_data(Compressor(scorer, o200k, CompressorSettings(budget=budget)).score(text, "Who signed?"))
    assert (plain["must"], plain["fixed_tokens"]) == ({}, 0)
    assert data["rank_tokens"][0] > data["fixed_tokens"]
    # With everything kept nothing is paid for twice: the part and the rest of its chunk count as the chunk.
    assert data["rank_tokens"][-1] == pytest.approx(plain["rank_tokens"][-1], abs=2)
    if budget is not None:
        assert all(data["report"]["chunks"][int(index)]["kept"] for index in data["must"])


def test_both_commands_write_the_page_beside_their_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("The ledger was signed by Ines. " + "Nets were mended. " * 80)
    common = ["a.txt", "-q", "Who signed the ledger?", "-b", "40", "--html", "page.html"]
    plain = invoke("compress", *common[:-2])
    done = invoke("compress", *common)
    assert done.stdout == plain.stdout
    first = Path("page.html").read_bytes()
    again = invoke("score", *common)
    assert again.exit_code == 3
    assert "exists" in again.stderr
    assert invoke("score", *common, "--overwrite", "--json").exit_code == 0
    assert Path("page.html").read_bytes() == first
    twice = invoke("compress", *common, "-o", "page.html", "--overwrite")
    assert twice.exit_code == 2
    Path("a.jsonl").write_text('{"context": "a b", "query": "a"}\n')
    batch = invoke("compress", "a.jsonl", "-b", "9", "--html", "b.html")
    assert (batch.exit_code, Path("b.html").exists()) == (2, False)


class _Drawn(HTMLParser):
    """The text of every drawn chunk, and which are marked as kept."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[int, str] = {}
        self.kept: set[int] = set()
        self._open: list[str] = []
        self._chunk = -1

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "span":
            return
        given = dict(attrs)
        classes = (given.get("class") or "").split()
        self._open.append(classes[0] if classes else "")
        if "c" in classes:
            self._chunk = int(given["data-i"] or 0)
            self.texts[self._chunk] = ""
            if "kept" in classes:
                self.kept.add(self._chunk)

    def handle_endtag(self, tag: str) -> None:
        if tag == "span" and self._open and self._open.pop() == "c":
            self._chunk = -1

    def handle_data(self, data: str) -> None:
        if self._chunk >= 0:
            self.texts[self._chunk] += chr(int(data[2:], 16)) if self._open[-1] == "ctl" else data


def test_a_browser_draws_every_chunk(scored: Scored, page: str, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no browser on this machine")
    (tmp_path / "page.html").write_text(page, encoding="utf-8", newline="")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    done = subprocess.run(
        [*command, f"--user-data-dir={tmp_path / 'profile'}", (tmp_path / "page.html").as_uri()],
        capture_output=True,
        timeout=60,
    )
    drawn = _Drawn()
    drawn.feed(done.stdout.decode())
    expected = [text.replace("\r\n", "\n") for text in embedded(page)["texts"]]
    assert [drawn.texts[index] for index in sorted(drawn.texts)] == expected
    assert drawn.kept == {span.chunk.index for span in scored.selection.kept}
