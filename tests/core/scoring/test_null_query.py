"""A query without content, read beside the query: in one pass, in segments, in windows, from a cache."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from longattncomp_cli.core.attention.pooling import without_null
from longattncomp_cli.core.backbones.base import POSITIONS
from longattncomp_cli.core.backbones.cache.backbone import cached
from longattncomp_cli.core.backbones.cache.disk import StateFiles
from longattncomp_cli.core.checkpoint.config import config_from_json
from longattncomp_cli.core.checkpoint.store import load_checkpoint, save_checkpoint
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.loading import load_scorer
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.errors import CheckpointError
from tests.support.decoders import TEXT, decoder_scorer, make_decoder

QUERY, NULL = "Where is the spare key?", "N/A"
LONG = Request((Source(TEXT * 5), Source(TEXT[::-1], title="Backwards")), QUERY, instruction="Read.")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("llama")
    make_decoder("llama", made, max_position_embeddings=1024)
    return made


def scorer_of(folder: Path, **options: object) -> Scorer:
    return decoder_scorer(folder, chunk_tokens=24, null_query=NULL, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options", [{}, {"segment_tokens": 90}, {"encoding": "windowed"}], ids=["pass", "segments", "windowed"]
)
def test_its_mass_is_what_it_would_have_as_the_query(folder: Path, options: dict[str, object]) -> None:
    """So a scorer with it is one that scores both queries apart, each over the same states."""
    scorer = scorer_of(folder, **options)
    plain = decoder_scorer(folder, chunk_tokens=24, **options)  # type: ignore[arg-type]
    asked, null = (
        torch.from_numpy(plain.score(replace(LONG, query=query)).scores) for query in (QUERY, NULL)
    )
    found = scorer.score(LONG)
    torch.testing.assert_close(
        torch.from_numpy(found.scores), without_null(asked, null), rtol=1e-3, atol=1e-6
    )
    assert found.scores.sum() + found.sink == pytest.approx(1, abs=1e-5)


def test_segments_are_one_pass_where_the_context_fits_in_one(folder: Path) -> None:
    one, long, short = (scorer_of(folder, segment_tokens=n).score(LONG) for n in (0, 1_000, 100))
    assert one.scores.tolist() == long.scores.tolist()
    assert one.scores.tolist() != short.scores.tolist()


def test_a_query_may_be_longer_than_a_segment(folder: Path) -> None:
    assert len(scorer_of(folder, segment_tokens=64).score(replace(LONG, query=TEXT)).scores) > 4


@pytest.mark.parametrize("where", ["memory", "disk"])
@pytest.mark.parametrize("options", [{"segment_tokens": 400}, {"encoding": "windowed"}], ids=str)
def test_what_was_read_before_scores_the_same_bits(
    folder: Path, where: str, options: dict[str, object], tmp_path: Path
) -> None:
    scorer = scorer_of(folder, **options)
    wanted = scorer.score(LONG).scores.tolist()
    for _ in range(2):
        files = StateFiles(tmp_path, 2**28) if where == "disk" else None
        again = scorer.with_backbone(cached(scorer.backbone, memory_bytes=2**28, files=files))
        for _ in range(2):
            assert again.score(LONG).scores.tolist() == wanted


def test_a_windowed_query_stands_behind_a_full_window(folder: Path) -> None:
    scorer = scorer_of(folder, encoding="windowed")
    encoding = scorer.backbone.encode(scorer.tokenize(LONG), QUERY, "", (POSITIONS, 3), null_query=NULL)
    window = scorer.backbone.window_tokens
    assert float(encoding.query.states[POSITIONS].min()) >= window
    assert all(float(block.states[POSITIONS].max()) <= window for block in encoding.blocks)


def test_a_checkpoint_keeps_positions_null_query_and_segments(folder: Path, tmp_path: Path) -> None:
    scorer = scorer_of(folder, segment_tokens=100)
    save_checkpoint(scorer.checkpoint, tmp_path / "c", "")
    again = load_checkpoint(str(tmp_path / "c"))
    assert again.digest == scorer.checkpoint.digest
    assert (again.config.rotary, again.config.null_query, again.config.segment_tokens) == (True, NULL, 100)
    loaded = load_scorer(again, device="cpu", dtype="float32", chunk_tokens=24)
    assert loaded.score(LONG).scores.tolist() == scorer.score(LONG).scores.tolist()
    published = again.as_published().config
    assert (published.rotary, published.null_query, published.segment_tokens) == (False, "", 0)


def test_what_a_config_does_not_name_is_off() -> None:
    """As before there were such keys."""
    config = load_checkpoint("stage2-nosubq").config
    assert (config.rotary, config.null_query, config.segment_tokens) == (False, "", 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rotary": 1},
        {"null_query": None},
        {"segment_tokens": -1},
        {"segment_tokens": True},
        {"pooling": "log"},
        {"qk_norm": True},
        {"sink": "learned"},
        {"head_width": 15},
    ],
)
def test_values_that_do_not_go_together_are_refused(folder: Path, wrong: dict[str, object]) -> None:
    config = scorer_of(folder).checkpoint.config
    known = {
        "name": "x",
        "backbone": {"id": "x", "sha256": "", "kind": "decoder"},
        "layers": list(config.layers),
        "width": config.width,
        "head_width": config.head_width,
        "pooling": "mean",
        "rotary": True,
        "null_query": NULL,
        "format_version": 2,
    }
    assert config_from_json(dict(known)).rotary
    with pytest.raises(CheckpointError):
        config_from_json({**known, **wrong})
