"""A source, or a whole prompt that is taken apart, and a query become one request.

Enters: sources, or one text that holds instruction, context and query. Leaves: a
:class:`~longattncomp_cli.core.prompts.request.Request`, which says what to compress, for which query, within
which budget, and what is always kept.
"""
