"""Make the heat-map page of one scored text: its data, embedded in a template without any address in it.

The page holds the score report as it is, the text of every chunk, and what the ranking's first chunks
cost, so that a reader can try other budgets. It is the same bytes for the same input.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from longattncomp_cli.core.assembly.fitting import tokens_of_best
from longattncomp_cli.core.assembly.kept_spans import KeptSpan
from longattncomp_cli.core.files import json_lines
from longattncomp_cli.core.results.compression import Scored
from longattncomp_cli.core.results.report import rounded, score_report
from longattncomp_cli.core.text.graphemes import cluster_ends

_FOLDER = Path(__file__).parent
# What could end the element that holds the data, or open a comment in it; and JavaScript's own line ends.
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_SLOT = re.compile(r"\{\{(\w+)\}\}")
_TITLE_CHARS = 80
_JOINERS = "\u200c\u200d"


def heat_map_page(scored: Scored) -> bytes:
    """The page of one scored text, with its selection marked where one was made."""
    style, script = _asset("page.css"), _asset("text.js") + _asset("panel.js")
    query = scored.request.query[:_TITLE_CHARS]
    length = _TITLE_CHARS if len(query) < _TITLE_CHARS else int(cluster_ends(query)[-2:][0])
    title = "".join(char if char.isprintable() or char in _JOINERS else " " for char in query[:length])
    parts = {
        "title": html.escape(title),
        "policy": f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'",
        "style": style,
        "script": script,
        "data": _embeddable(page_data(scored)),
    }
    return _SLOT.sub(lambda slot: parts[slot[1]], _asset("page.html")).encode("utf-8", "replace")


def page_data(scored: Scored) -> dict[str, Any]:
    """Everything that the page shows.

    Returns:
        ``report``: of :func:`~longattncomp_cli.core.results.report.score_report`; ``texts``: of each chunk;
        ``cuts``: chunk → the parts of it that are kept, in characters from its start, where that is not all;
        ``must``: chunk → the parts of it that a rule keeps whatever the budget;
        ``rank_tokens``: the tokens of the best 1, 2, … chunks, added up; and the run's own numbers.
    """
    request, renderer, selection = scored.request, scored.renderer, scored.selection
    chunks = scored.scores.chunks
    kept = () if selection is None else selection.kept
    return {
        "report": score_report(scored),
        "sources": [source.name for source in request.sources],
        "texts": [request.sources[c.source].text[c.start : c.end] for c in chunks],
        "before": request.prefix,
        "after": request.suffix,
        "cuts": _parts(span for span in kept if span.is_cut),
        "must": _parts(renderer.required_spans),
        "rank_tokens": list(tokens_of_best(scored.scores.order, renderer)),
        "budget": scored.budget,
        "num_tokens": None if selection is None else renderer.count(kept),
        "original_tokens": renderer.original_tokens,
        "fixed_tokens": renderer.fixed_tokens,
        "tokenizer": renderer.tokenizer.name,
        "stop": None if selection is None else selection.stop,
        "retained_mass": None if selection is None else rounded(selection.retained_mass),
    }


def _parts(spans: Iterable[KeptSpan]) -> dict[str, list[list[int]]]:
    parts: dict[str, list[list[int]]] = {}
    for span in spans:
        part = [span.start - span.chunk.start, span.end - span.chunk.start]
        parts.setdefault(str(span.chunk.index), []).append(part)
    return parts


def _embeddable(value: dict[str, Any]) -> str:
    text = json_lines.dumps(value).decode("utf-8", "replace").rstrip("\n")
    return re.sub("[<>&\u2028\u2029]", lambda char: _UNSAFE[char[0]], text)


@lru_cache(maxsize=4)
def _asset(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _digest(content: str) -> str:
    """How a content security policy names the only style and script that may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
