"""The kinds of numpy arrays that annotations name.

Written out: ``numpy.typing`` has the same, and takes a tenth of a second to import.
"""

from __future__ import annotations

from typing import Any

import numpy as np

FloatArray = np.ndarray[Any, np.dtype[np.float64]]


IntArray = np.ndarray[Any, np.dtype[np.int64]]


Int32Array = np.ndarray[Any, np.dtype[np.int32]]


LevelArray = np.ndarray[Any, np.dtype[np.int8]]
