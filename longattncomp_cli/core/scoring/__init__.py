"""From a request to one score a chunk. Knows no budget.

Enters: a :class:`~longattncomp_cli.core.prompts.request.Request` and a checkpoint on its backbone. Leaves:
:class:`~longattncomp_cli.core.scoring.scores.ChunkScores`: chunks, one score each, and a confidence.
"""
