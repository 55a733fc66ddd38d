"""LongAttnComp: keep the parts of a long context which a query needs, within a token budget.

Implements arXiv:2606.01336. The command line is ``longattncomp``; the same steps are importable
from :mod:`longattncomp_cli.core`.
"""

__version__ = "0.1.0"
