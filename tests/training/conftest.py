"""Runs draw no curves, as where the extra `train` is missing, but in the tests of drawings."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

DRAWING = "test_drawings"


@pytest.fixture(scope="module", autouse=True)
def _no_curves(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if not request.module.__name__.endswith(DRAWING):
            for module in ("matplotlib", "matplotlib.figure"):  # else one that was imported before is found
                patch.setitem(sys.modules, module, None)
        yield
