"""Shared fixtures: the real default scorer and its tokenizer, loaded once."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest

pytest_plugins = ["tests.support.cli"]

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:  # processes of one machine share its cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is imported and collected stays: it is not searched for garbage, neither now nor between tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The heads that tests find stay out of the user's cache folder."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def scorer():
    from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
    from longattncomp_cli.core.checkpoint.store import load_checkpoint
    from longattncomp_cli.core.scoring.loading import load_scorer
    from tests.support.scorers import share_installed_encoders

    share_installed_encoders()
    return load_scorer(load_checkpoint(DEFAULT_CHECKPOINT), device="cpu")


@pytest.fixture(scope="session")
def o200k():
    from longattncomp_cli.core.budget.tokenizers import load_tokenizer

    return load_tokenizer("o200k_base")
