"""What the shell offers for a value when Tab is pressed."""

from __future__ import annotations


def complete_checkpoint(incomplete: str) -> list[str]:
    """Names of shipped checkpoints."""
    from longattncomp_cli.core.checkpoint.shipped import shipped_checkpoints

    return [name for name in shipped_checkpoints() if name.startswith(incomplete)]


def complete_tokenizer(incomplete: str) -> list[str]:
    """Names of tiktoken encodings, and ``backbone``."""
    import tiktoken

    names = ["backbone", *tiktoken.list_encoding_names()]
    return [name for name in names if name.startswith(incomplete)]
