"""A hash is kept between runs, and never for another content."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import orjson
import pytest

from longattncomp_cli.core.files import known_hashes
from longattncomp_cli.core.files.known_hashes import known_sha256
from longattncomp_cli.core.files.user_cache import user_cache_folder

CONTENT = b"weights " * 200_000


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(known_hashes, "_FRESH_SECONDS", 0)
    path = tmp_path / "weights.bin"
    path.write_bytes(CONTENT)
    return path


def kept() -> dict[str, list[object]]:
    return orjson.loads((user_cache_folder() / "hashes.json").read_bytes())


def test_it_is_the_hash_and_is_kept(weights: Path) -> None:
    expected = hashlib.sha256(CONTENT).hexdigest()
    assert known_sha256(weights) == expected
    assert kept()[str(weights)][-1] == expected
    assert known_sha256(weights) == expected


def test_a_file_of_the_same_size_and_time_with_other_content_is_hashed_again(weights: Path) -> None:
    known_sha256(weights)
    status = weights.stat()
    time.sleep(0.01)
    weights.write_bytes(CONTENT[::-1])
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert known_sha256(weights) == hashlib.sha256(CONTENT[::-1]).hexdigest()


def test_a_file_written_a_moment_ago_is_not_kept(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_hashes, "_FRESH_SECONDS", 3600)
    known_sha256(weights)
    assert not (user_cache_folder() / "hashes.json").exists()


@pytest.mark.parametrize("damage", [b"", b"[1]", b'{"a": 3}', b"\xff"])
def test_a_damaged_file_of_hashes_does_no_harm(weights: Path, damage: bytes) -> None:
    place = user_cache_folder() / "hashes.json"
    place.parent.mkdir(parents=True)
    place.write_bytes(damage)
    assert known_sha256(weights) == hashlib.sha256(CONTENT).hexdigest()


def test_a_folder_that_cannot_be_written_does_no_harm(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert known_sha256(weights) == hashlib.sha256(CONTENT).hexdigest()
