"""Named settings; of the paper's, each value with the place that it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field

PAPER = "LongAttnComp (arXiv:2606.01336)"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """What a preset decides; flags win over it."""

    tasks: tuple[str, ...]
    """Tasks."""
    budgets: tuple[str, ...]
    """Token budgets."""
    methods: tuple[str, ...] = ()
    """Methods; all that can run where empty."""
    checkpoints: tuple[str, ...] = ()
    """Checkpoints; the default one where empty."""
    lengths: tuple[int, ...] = (20_000,)
    """Context lengths of made tasks."""
    limit: int = 20
    """Items of a task and length."""
    chunk_tokens: int | None = None
    """Size of a chunk; the checkpoint's own where ``None``."""
    snap: str | None = None
    """Where chunks end; the checkpoint's own where ``None``."""
    select: str = "budget"
    """Selection mode."""
    top_p: float = 0.95
    """Of the top-p mode."""
    separator: str = "\n[...]\n"
    """Between kept parts."""
    sources: dict[str, str] = field(default_factory=dict)
    """Where each value comes from."""


_LEARNED = ("longattncomp", "spec-prefill", "full", "oracle", "random")
_STAGES = ("stage1", "stage2-subq", "stage2-nosubq")
_COMMON_SOURCES = {
    "checkpoints": f"{PAPER}: Stage 1, Stage 2 subq and nosubq, here on the embedded backbone",
    "query": f"{PAPER}: accurate parsing, the benchmark's own question (a given query, not a parsed one)",
    "top_p": f"{PAPER}, Algorithm 1: p = 0.95",
}

PRESETS: dict[str, Preset] = {
    "quick": Preset(
        tasks=("niah_single_1", "niah_multikey_2", "niah_multivalue", "vt", "cwe", "fwe", "kv", "code-debug"),
        budgets=("12.5%", "25%"),
        lengths=(4_000,),
        limit=4,
        sources={
            "all": "ours: made from nothing but the seed and the standard library, minutes on two cores"
        },
    ),
    "paper-code-debug": Preset(
        tasks=("code-debug",),
        budgets=("16k",),
        methods=_LEARNED,
        checkpoints=_STAGES,
        lengths=(115_000,),
        limit=394,
        chunk_tokens=1_024,
        snap="none",
        separator="\n// omitted\n",
        sources={
            **_COMMON_SOURCES,
            "budgets": f"{PAPER}: 16k out of about 115k tokens",
            "chunk_tokens": f"{PAPER}: 1,024 (73.9 against 61.4 with 128)",
            "snap": f"{PAPER}: chunks of fixed size",
            "lengths": f"{PAPER}: contexts of about 115k tokens",
            "limit": "InfiniteBench (arXiv:2402.13718): all 394 items of code_debug",
            "separator": "Cross-Family Speculative Prefill (arXiv:2603.02631): // omitted",
            "select": "ours: the paper names no mode for Code-Debug; the budget is filled",
        },
    ),
    "paper-longbench-v2": Preset(
        tasks=("longbench-v2",),
        budgets=("16k",),
        methods=_LEARNED,
        checkpoints=_STAGES,
        limit=503,
        sources={
            **_COMMON_SOURCES,
            "select": f"{PAPER}: budget only (48.9 against 43.5 with top-p)",
            "limit": "LongBench v2 (arXiv:2412.15204): all 503 items",
            "budgets": "ours: the budget of Code-Debug; the paper's for LongBench v2 is not known to us",
            "chunk_tokens": "ours: the checkpoint's own; the paper's is not known to us",
        },
    ),
    "paper-ruler": Preset(
        tasks=(
            *(f"niah_single_{i}" for i in (1, 2, 3)),
            *(f"niah_multikey_{i}" for i in (1, 2, 3)),
            "niah_multivalue",
            "niah_multiquery",
            "vt",
            "cwe",
            "fwe",
            "qa_1",
            "qa_2",
        ),
        budgets=("16k",),
        methods=_LEARNED,
        checkpoints=("stage1",),
        lengths=(128_000,),
        limit=500,
        select="top-p",
        sources={
            **_COMMON_SOURCES,
            "checkpoints": f"{PAPER}: its RULER table is of Stage 1",
            "lengths": "RULER (arXiv:2404.06654): its longest; the paper's is not known to us",
            "limit": "RULER: 500 items of a task",
            "select": f"{PAPER}: cumulative mode (it can return about 2k of a 16k budget on easy needles)",
        },
    ),
}
