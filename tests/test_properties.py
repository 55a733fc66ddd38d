"""A few examples of each law of ``fuzz/properties.py``; ``python tests/fuzz/run.py`` tries very many."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fuzz.properties import PROPERTIES
from hypothesis import HealthCheck, settings


@pytest.mark.parametrize("law", PROPERTIES, ids=lambda law: law.__name__)
def test_law(law: Callable[[], None]) -> None:
    quick = settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    quick(law)()
