"""Laws of a machine without a network: the hub is not asked again and again, files that are here serve."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from longattncomp_cli.core.backbones.files import model_file
from longattncomp_cli.core.budget.tokenizers import load_tokenizer
from longattncomp_cli.core.files import hub
from longattncomp_cli.errors import ResourceError


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What each download was told about ``local_files_only``; no name is known and no proxy set."""
    told: list[bool] = []

    def download(*_: str, local_files_only: bool, **__: Any) -> str:
        told.append(local_files_only)
        raise OSError("not here")

    def unknown(*_: object) -> None:
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    monkeypatch.setattr(hub.socket, "getaddrinfo", unknown)
    monkeypatch.setattr(hub, "getproxies", dict)
    return told


def test_without_a_network_only_this_machine_is_searched(asked: list[bool]) -> None:
    with pytest.raises(ResourceError, match="no hub id that can be fetched"):
        load_tokenizer("organisation/model")
    with pytest.raises(ResourceError, match="could not be downloaded"):
        model_file("organisation/model", "config.json")
    assert asked == [True, True]


def test_a_proxy_may_know_the_name(asked: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "getproxies", lambda: {"https": "http://proxy:3128"})
    with pytest.raises(ResourceError):
        model_file("organisation/model", "config.json")
    assert asked == [False]
