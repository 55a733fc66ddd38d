"""A few examples of each law of ``laws.py``; ``python -m tests.laws.run`` tries very many."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

from tests.laws.laws import PROPERTIES


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
