"""Sources are cut into chunks of backbone tokens whose spans partition the context.

Enters: a request's sources and a tokenizer. Leaves:
:class:`~longattncomp_cli.core.chunking.chunks.ContextTokens`, every token with its chunk.
"""
