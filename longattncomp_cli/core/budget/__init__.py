"""What a budget is, and the tokenizer that counts it.

Enters: what the user wrote (``4000``, ``16k``, ``12.5%``; ``o200k_base``, a path). Leaves: a number of tokens
or a share, and a :class:`~longattncomp_cli.core.budget.tokenizers.TargetTokenizer` that counts texts.
"""
