"""Reports for the quarterly meeting."""

from .ageing import ageing
from .tables import render
from .valuation import valuation

__all__ = ["ageing", "render", "valuation"]
