"""What the user asked ``bench`` for, as typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# The flag of each file, and the field of a request that holds its paths.
_FILE_FIELDS = {
    "squad": "squad",
    "hotpotqa": "hotpotqa",
    "musique": "musique",
    "2wiki": "two_wiki",
    "qmsum": "qmsum",
    "chroma": "chroma",
    "xquad": "xquad",
    "data": "data",
    "code-debug": "code_debug",
    "longbench-v2": "longbench_v2",
    "python": "python",
    "haystack": "haystack",
    "paragraphs": "paragraphs",
}


@dataclass(frozen=True, kw_only=True)
class BenchRequest:
    """What the user asked for, as typed: one field an option, of its name; empty leaves it to the preset."""

    preset: str | None = None
    tasks: Sequence[str] | None = None
    method: Sequence[str] = ()
    budget: Sequence[str] = ()
    checkpoint: Sequence[str] = ()
    backbone: str | None = None
    layers: str | None = None
    encoding: str | None = None
    baseline: str = ""
    limit: int | None = None
    context_tokens: Sequence[str] = ()
    depths: Sequence[float] = ()
    held_out: float = 0.0
    squad: Sequence[Path] = ()
    hotpotqa: Sequence[Path] = ()
    musique: Sequence[Path] = ()
    two_wiki: Sequence[Path] = ()
    qmsum: Sequence[Path] = ()
    chroma: Sequence[Path] = ()
    xquad: Sequence[Path] = ()
    query_language: str = ""
    data: Sequence[Path] = ()
    code_debug: Sequence[Path] = ()
    longbench_v2: Sequence[Path] = ()
    python: Sequence[Path] = ()
    haystack: Sequence[Path] = ()
    paragraphs: Sequence[Path] = ()
    chunk_tokens: int | None = None
    snap: str | None = None
    select: str | None = None
    top_p: float | None = None
    as_published: bool = False
    separator: str | None = None
    tokenizer: str = "o200k_base"
    spec_model: Path | None = None
    llmlingua_model: Path | None = None
    device: str = "auto"
    dtype: str = "auto"
    seed: int = 0
    share_states: bool = True

    @property
    def files(self) -> dict[str, tuple[Path, ...]]:
        """The files and folders that were given, by flag."""
        given = {flag: tuple(getattr(self, name)) for flag, name in _FILE_FIELDS.items()}
        return {flag: paths for flag, paths in given.items() if paths}
