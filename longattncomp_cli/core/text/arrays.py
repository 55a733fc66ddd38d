"""The kinds of numpy arrays that annotations name."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


IntArray = npt.NDArray[np.int64]


Int32Array = npt.NDArray[np.int32]
