"""What a decoder reads around the user's texts: its tokenizer, its first token, and its chat template.

The first position of a causal model draws attention whatever stands there (an attention sink). So a token
of ours always stands there: the family's own first token, or where it has none its end-of-text token. It
and all other tokens of the frame are read and never scored: no mass falls on them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from tokenizers import Tokenizer

from longattncomp_cli.core.backbones.tokenize import split_at_lines, tokenize_long_texts
from longattncomp_cli.core.chunking.chunks import Tokens
from longattncomp_cli.errors import CheckpointError

_BETWEEN = "\n\n"
_PLACEHOLDER = "\u241f"


@dataclass(frozen=True)
class DecoderText:
    """A decoder's tokenizer and frame.

    Attributes:
        tokenizer: without truncation, padding or special tokens.
        opening: ids read before everything else; the first is the attention sink.
        between: separator ids between instruction, sources and query.
    """

    tokenizer: Tokenizer
    opening: tuple[int, ...]
    between: tuple[int, ...]

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokenise texts of any length, special tokens in them read as plain text where possible."""
        return tokenize_long_texts(self.tokenizer, texts, split_at_lines)


def load_decoder_text(
    spec_id: str, fetch: Callable[[str], Path | None], config: Any, *, chat_template: bool
) -> DecoderText:
    """Read ``tokenizer.json`` and what the model says about its special tokens.

    Raises:
        CheckpointError: there is no fast tokenizer, or no chat template where one is asked for.
    """
    path = fetch("tokenizer.json")
    if path is None:
        raise CheckpointError(
            f"backbone {spec_id}: no tokenizer.json", hint="save the model with its fast tokenizer"
        )
    tokenizer = Tokenizer.from_file(str(path))
    said = fetch("tokenizer_config.json")
    settings = orjson.loads(said.read_bytes()) if said else {}
    own_template = fetch("chat_template.jinja")
    if own_template:
        settings["chat_template"] = own_template.read_text(encoding="utf-8")
    return framed_text(spec_id, tokenizer, config, settings, chat_template=chat_template)


def framed_text(
    spec_id: str, tokenizer: Tokenizer, config: Any, settings: dict[str, Any], *, chat_template: bool
) -> DecoderText:
    """Put a tokenizer and the frame of prompts together.

    Args:
        spec_id: the backbone's name, for messages.
        tokenizer: of the model.
        config: of the model.
        settings: what ``tokenizer_config.json`` says: special tokens and the chat template.
        chat_template: whether prompts begin as the chat template does.

    Raises:
        CheckpointError: there is no chat template, and one is asked for.
    """
    tokenizer.no_truncation()
    tokenizer.no_padding()
    first = _first_token(tokenizer, config, settings)
    opening = [] if first is None else [first]
    if chat_template:
        rendered = _before_user_text(spec_id, settings)
        ids = tokenizer.encode(rendered, add_special_tokens=False).ids
        opening = ids if ids[:1] == opening else opening + ids
    if not opening:
        opening = [0]
    return DecoderText(
        tokenizer, tuple(opening), tuple(tokenizer.encode(_BETWEEN, add_special_tokens=False).ids)
    )


def _first_token(tokenizer: Tokenizer, config: Any, settings: dict[str, Any]) -> int | None:
    """The first token: what the tokenizer itself puts first, else the model's BOS, else its end of text."""
    framed = tokenizer.encode("", add_special_tokens=True).ids
    if framed:
        return int(framed[0])
    for name in ("bos_token", "eos_token", "pad_token"):
        token = settings.get(name)
        content = token.get("content") if isinstance(token, dict) else token
        found = tokenizer.token_to_id(content) if isinstance(content, str) else None
        if found is not None:
            return int(found)
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        value = getattr(config, name, None)
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, int) and 0 <= value < size:
            return value
    return None


def _before_user_text(spec_id: str, settings: dict[str, Any]) -> str:
    """What the chat template puts before the text of a user's first message."""
    template = settings.get("chat_template")
    if isinstance(template, list):
        named = {entry["name"]: entry["template"] for entry in template}
        template = named.get("default")
    if not isinstance(template, str):
        raise CheckpointError(
            f"backbone {spec_id} has no chat template", hint="use it without --chat-template"
        )
    from transformers.utils.chat_template_utils import render_jinja_template

    special = {
        key: value.get("content") if isinstance(value, dict) else value
        for key, value in settings.items()
        if key.endswith("_token") and value is not None
    }
    messages = [{"role": "user", "content": _PLACEHOLDER}]
    render: Any = render_jinja_template
    rendered, _ = render([messages], chat_template=template, **special)
    before, found, _ = rendered[0].partition(_PLACEHOLDER)
    if not found:
        raise CheckpointError(f"backbone {spec_id}: its chat template drops the user's text")
    return str(before)
