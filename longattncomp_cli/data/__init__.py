"""Examples with known evidence: readers of the official data sets, made ones, haystacks, splits and metrics.

Enters: files in the official formats, or our own. Leaves: :class:`~longattncomp_cli.data.examples.Example`,
and haystacks that hold them. Nothing here imports torch.
"""
