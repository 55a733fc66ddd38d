"""Which chunks fit the budget, by which rule, and how the one that does not fit is cut. Knows no torch.

Enters: scores, a rule, a budget and a renderer that counts. Leaves: a
:class:`~longattncomp_cli.core.selection.select.Selection`, the spans to keep.
"""
