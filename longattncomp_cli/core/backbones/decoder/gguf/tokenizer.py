"""The tokenizer and chat template that a GGUF file carries.

Two kinds: byte-level BPE with a list of merges (``gpt2``), and SentencePiece's BPE (``llama``), which merges
whatever pair makes the token of the highest score. The latter's merges are all pairs of tokens that make a
token, in the order of its score.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers

from longattncomp_cli.core.backbones.decoder.gguf.header import GgufHeader
from longattncomp_cli.core.backbones.decoder.gguf.metadata import Metadata, damaged
from longattncomp_cli.core.backbones.decoder.gguf.split_patterns import DEFAULT_SPLITS, SPLIT_RULES
from longattncomp_cli.core.backbones.decoder.text import DecoderText, framed_text
from longattncomp_cli.errors import CheckpointError

_UNKNOWN, _CONTROL, _USER_DEFINED, _BYTE = 2, 3, 4, 6
_SPACE = "\u2581"
_LONGEST_MERGED = 256  # characters; no token that merges make is near it


def load_gguf_text(spec_id: str, header: GgufHeader, config: Any, *, chat_template: bool) -> DecoderText:
    """Build the tokenizer and the frame of prompts.

    Args:
        spec_id: the backbone's name, for messages.
        header: of the file.
        config: of the model.
        chat_template: whether prompts begin as the file's chat template does.

    Raises:
        CheckpointError: the tokenizer is of an unknown kind or does not fit the embedding, or there is no
            chat template where one is asked for.
    """
    meta = header.metadata
    tokens = meta.texts("tokenizer.ggml.tokens")
    if len(tokens) != config.vocab_size:
        raise damaged(
            header.path, f"its vocabulary has {len(tokens):,} tokens, its embedding {config.vocab_size:,}"
        )
    tokenizer = build_tokenizer(meta, tokens)
    settings: dict[str, Any] = {
        f"{name}_token": tokens[token_id]
        for name in ("bos", "eos", "pad")
        if (token_id := getattr(config, f"{name}_token_id")) is not None
    }
    if "tokenizer.chat_template" in meta:
        settings["chat_template"] = meta.text("tokenizer.chat_template")
    return framed_text(spec_id, tokenizer, config, settings, chat_template=chat_template)


def build_tokenizer(meta: Metadata, tokens: list[str]) -> Tokenizer:
    """Build the tokenizer.

    Raises:
        CheckpointError: it is of an unknown kind, or its parts do not fit each other.
    """
    kind = meta.text("tokenizer.ggml.model")
    if kind not in ("gpt2", "llama"):
        raise CheckpointError(
            f"{meta.path}: a tokenizer of the kind {kind[:40]!r} cannot be read",
            hint="supported: gpt2 and llama; or use the model's folder with its tokenizer.json",
        )
    types = meta.numbers("tokenizer.ggml.token_type", len(tokens))
    types = np.ones(len(tokens), dtype=np.int32) if types is None else types
    try:
        make = _byte_level if kind == "gpt2" else _sentencepiece
        tokenizer = make(meta, tokens, types)
    except CheckpointError:
        raise
    except Exception as error:  # tokenizers raises nothing more exact
        raise damaged(meta.path, f"its tokenizer is damaged ({error})") from error
    for token_type, special in ((_UNKNOWN, True), (_CONTROL, True), (_USER_DEFINED, False)):
        added = [
            AddedToken(tokens[token_id], normalized=False, special=special)
            for token_id in np.flatnonzero(types == token_type)
            if tokens[token_id]
        ]
        (tokenizer.add_special_tokens if special else tokenizer.add_tokens)(added)
    return tokenizer


def _byte_level(meta: Metadata, tokens: list[str], types: np.ndarray) -> Tokenizer:
    arch = meta.text("general.architecture")
    name = meta.text("tokenizer.ggml.pre", default="default")
    rule = SPLIT_RULES.get(DEFAULT_SPLITS.get(arch, "gpt-2") if name == "default" else name)
    if rule is None:
        raise CheckpointError(
            f"{meta.path}: a tokenizer that splits texts as {name[:40]!r} does cannot be read",
            hint=f"supported: {', '.join(SPLIT_RULES)}; or use the model's folder with its tokenizer.json",
        )
    merges = [_pair(merge) for merge in meta.texts("tokenizer.ggml.merges")]
    vocabulary = {token: token_id for token_id, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=rule.whole_first))
    normalizer = rule.normalizer()
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = rule.pre_tokenizer()
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _pair(merge: str) -> tuple[str, str]:
    left, _, right = merge.partition(" ")
    return left, right


def _sentencepiece(meta: Metadata, tokens: list[str], types: np.ndarray) -> Tokenizer:
    vocabulary = {token: token_id for token_id, token in enumerate(tokens)}
    unknown = meta.token_id("tokenizer.ggml.unknown_token_id", len(tokens))
    if unknown is None:
        found = np.flatnonzero(types == _UNKNOWN)
        unknown = int(found[0]) if len(found) else None
    tokenizer = Tokenizer(
        models.BPE(
            vocab=vocabulary,
            merges=_merges_by_score(meta, tokens, types, vocabulary),
            unk_token=None if unknown is None else tokens[unknown],
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    is_gemma = meta.text("general.architecture").startswith("gemma")
    spaces: list[normalizers.Normalizer] = [normalizers.Replace(" ", _SPACE)]
    prefixed = meta.flag("tokenizer.ggml.add_space_prefix", default=not is_gemma)
    if prefixed:
        spaces.insert(0, normalizers.Prepend(_SPACE))
    tokenizer.normalizer = normalizers.Sequence(spaces)
    steps = [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, *([decoders.Strip(" ", 1, 0)] if prefixed else [])])
    return tokenizer


def _merges_by_score(
    meta: Metadata, tokens: list[str], types: np.ndarray, vocabulary: dict[str, int]
) -> list[tuple[str, str]]:
    if "tokenizer.ggml.merges" in meta:
        return [_pair(merge) for merge in meta.texts("tokenizer.ggml.merges")]
    scores = meta.numbers("tokenizer.ggml.scores", len(tokens))
    if scores is None:
        raise damaged(meta.path, "its header has no field tokenizer.ggml.scores")
    if meta.text("general.architecture").startswith("gemma"):  # merged in the order of their ids
        scores = -np.arange(len(tokens))
    mergeable = ~np.isin(types, (_UNKNOWN, _CONTROL, _BYTE))
    ranked: list[tuple[float, int, int, str, str]] = []
    for token, score, usable in zip(tokens, scores.tolist(), mergeable.tolist(), strict=True):
        if not usable or len(token) > _LONGEST_MERGED:
            continue
        for cut in range(1, len(token)):
            left, right = token[:cut], token[cut:]
            if left in vocabulary and right in vocabulary:
                ranked.append((-score, -len(left), -len(right), left, right))
    ranked.sort(key=lambda entry: entry[:3])
    return [(left, right) for *_, left, right in ranked]
