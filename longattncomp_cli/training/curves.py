"""A run's curves as a PNG, drawn without a plotting library: two panels of polylines."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

_WIDTH, _HEIGHT, _MARGIN = 900, 360, 20
_COLORS = ((31, 119, 180), (214, 39, 40), (44, 160, 44), (148, 103, 189), (140, 86, 75), (227, 119, 194))


def write_curves(path: Path, panels: Sequence[Sequence[Sequence[tuple[float, float]]]]) -> None:
    """Draw panels side by side.

    Args:
        path: of the PNG.
        panels: each a list of curves, each curve a list of (x, y).
    """
    canvas = np.full((_HEIGHT, _WIDTH * len(panels), 3), 255, dtype=np.uint8)
    for number, curves in enumerate(panels):
        _draw(canvas[:, number * _WIDTH : (number + 1) * _WIDTH], [np.array(c) for c in curves if len(c)])
    path.write_bytes(encode_png(canvas))


def _draw(panel: npt.NDArray[np.uint8], curves: Sequence[npt.NDArray[np.float64]]) -> None:
    bottom, right = _HEIGHT - _MARGIN, _WIDTH - _MARGIN
    panel[_MARGIN : bottom + 1, (_MARGIN, right)] = 180
    panel[(_MARGIN, bottom), _MARGIN : right + 1] = 180
    if not curves:
        return
    points = np.concatenate(curves)
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    for number, curve in enumerate(curves):
        x = _MARGIN + (curve[:, 0] - low[0]) / span[0] * (right - _MARGIN)
        y = bottom - (curve[:, 1] - low[1]) / span[1] * (bottom - _MARGIN)
        columns = np.arange(round(x.min()), round(x.max()) + 1)
        rows = np.interp(columns, x, y).round().astype(int)
        for offset in (0, 1):
            panel[np.clip(rows + offset, 0, _HEIGHT - 1), columns] = _COLORS[number % len(_COLORS)]


def encode_png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """(rows, columns, 3) → the bytes of a PNG."""
    rows, columns, _ = pixels.shape
    raw = b"".join(b"\0" + pixels[row].tobytes() for row in range(rows))
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
