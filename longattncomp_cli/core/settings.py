"""What decides what is kept, besides checkpoint and tokenizer: one value a run."""

from __future__ import annotations

from dataclasses import dataclass, field

from longattncomp_cli.core.assembly.renderer import DEFAULT_SEPARATOR
from longattncomp_cli.core.prompts.request import DEFAULT_TAIL_TOKENS, ParserName
from longattncomp_cli.core.selection.keep_rules import KeepRules
from longattncomp_cli.core.selection.select import SelectionRule


@dataclass(frozen=True, kw_only=True)
class CompressorSettings:
    """Everything besides checkpoint and tokenizer that decides what is kept."""

    rule: SelectionRule = field(default_factory=SelectionRule)
    """When selection stops."""
    budget: str | int | None = None
    """As the user writes it; a record's own wins."""
    separator: str = DEFAULT_SEPARATOR
    """Between kept spans that were not neighbours."""
    headers: bool = False
    """Print each source's name before its first kept span."""
    cut_marks: bool = True
    """Mark where a definition, record or turn is incomplete."""
    query_parser: ParserName = "auto"
    """How the query of a whole prompt is found."""
    tail_tokens: int = DEFAULT_TAIL_TOKENS
    """Backbone tokens at the end of the prompt that are the query, for the parser ``tail``."""
    keep: KeepRules = field(default_factory=KeepRules)
    """What must stay whatever its score."""
    as_text: bool = False
    """Print a conversation as one text instead of its JSON."""
