"""Stock keeping for the stores of a lighthouse service."""

from .models import Bin, Movement, Part, StockLine
from .store import Store

__all__ = ["Bin", "Movement", "Part", "Store", "StockLine"]
__version__ = "2.3.1"
