"""Which encoders are read, and what each family was trained to see before a query and before a passage."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson

ROBERTA_TYPES = ("roberta", "xlm-roberta", "camembert")
"""Number their positions from after that of their padding."""
BERT_TYPES = ("bert", *ROBERTA_TYPES)
"""Read by :mod:`.bert`, as long as their blocks are plain."""
MODULE_TYPES = ("modernbert", "distilbert", "mpnet", "electra", "deberta-v2", "eurobert", "gte")
"""Read by the model's own class in transformers."""
ENCODER_TYPES = (*BERT_TYPES, *MODULE_TYPES)

_SEARCH = "Represent this sentence for searching relevant passages: "
# By name, the first that fits: from the models' cards.
_NAMED: tuple[tuple[str, str, str], ...] = (
    (r"\be5\b.*instruct", "Instruct: Given a question, retrieve passages that answer it\nQuery: ", ""),
    (r"\be5\b", "query: ", "passage: "),
    (r"\bbge-(small|base|large)-en\b|\bmxbai-embed-|\barctic-embed-(xs|s|m|l)(-v1|-long|$)", _SEARCH, ""),
    (r"\bbge-(small|base|large)-zh\b", "为这个句子生成表示以用于检索相关文章：", ""),
    (r"\barctic-embed-.*v2", "query: ", ""),
)
_SAYS = "config_sentence_transformers.json"


def is_plain_bert(config: dict[str, Any]) -> bool:
    """Whether a model's blocks are those of BERT: learned absolute positions, exact GELU."""
    return (
        config.get("model_type") in BERT_TYPES
        and config.get("hidden_act", "gelu") == "gelu"
        and config.get("position_embedding_type", "absolute") in ("absolute", None)
        and config.get("embedding_size", config.get("hidden_size")) == config.get("hidden_size")
    )


def first_position(config: dict[str, Any]) -> int:
    """The number of a window's first position."""
    if config.get("model_type") in (*ROBERTA_TYPES, "mpnet"):
        return int(config.get("pad_token_id", 1)) + 1
    return 0


def depth_of(config: dict[str, Any]) -> int:
    """How many blocks a model has; 0 where its config does not say."""
    return int(config.get("num_hidden_layers") or config.get("n_layers") or 0)


def trained_prefixes(names: tuple[str, ...], folder: Path | None) -> tuple[str, str]:
    """What stood before queries and before passages when the model was trained.

    What the files say counts (sentence-transformers' prompts, PyLate's markers), then the model's name.

    Args:
        names: of the model: its hub id, folder or file, and what its config calls it.
        folder: of its files.
    """
    said = _said(folder / _SAYS) if folder is not None else ("", "")
    if any(said):
        return said
    for name in names:
        for pattern, query, passage in _NAMED:
            if re.search(pattern, name.replace("_", "-").lower()):
                return query, passage
    return "", ""


def _said(path: Path) -> tuple[str, str]:
    try:
        settings = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return "", ""
    if not isinstance(settings, dict):
        return "", ""
    prompts = settings.get("prompts")
    found = {**(prompts if isinstance(prompts, dict) else {}), **settings}

    def first(*keys: str) -> str:
        return next((found[key] for key in keys if isinstance(found.get(key), str) and found[key]), "")

    query = first("query_prefix", "query", "search_query", "retrieval.query")
    passage = first("document_prefix", "passage", "document", "search_document", "retrieval.passage")
    return query, passage
