"""How prompts are laid out: where the context ends and the question stands, and what only instructs.

Enters: the text of a prompt or turn. Leaves: a :class:`~.layout.Split`, by a benchmark's own layout or by a
general one.
"""
