"""Where tiktoken's vocabularies are found: its cache, an installed ``litellm`` wheel, or the network.

The wheel bundles them; it is located, never imported."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BLOBS = "https://openaipublic.blob.core.windows.net/encodings"


# Encoding → (vocabulary address, sha256), as tiktoken_ext.openai_public defines them.
_VOCABULARIES = {
    "o200k_base": (
        f"{_BLOBS}/o200k_base.tiktoken",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    ),
    "cl100k_base": (
        f"{_BLOBS}/cl100k_base.tiktoken",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
    "p50k_base": (
        f"{_BLOBS}/p50k_base.tiktoken",
        "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
    ),
}


_SAME_VOCABULARY = {"o200k_harmony": "o200k_base", "p50k_edit": "p50k_base"}


_BUNDLES = (("litellm", "litellm_core_utils/tokenizers"),)


def find_bundled_vocabulary(encoding_name: str) -> Path | None:
    """The folder of an installed wheel that holds the encoding's vocabulary with the right hash."""
    known = _VOCABULARIES.get(_SAME_VOCABULARY.get(encoding_name, encoding_name))
    if known is None:
        return None
    address, sha256 = known
    file_name = hashlib.sha1(address.encode()).hexdigest()
    for package, inside in _BUNDLES:
        found = importlib.util.find_spec(package)
        for root in (found.submodule_search_locations or []) if found else []:
            path = Path(root) / inside / file_name
            if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
                return path.parent
    return None


def known_vocabularies() -> list[str]:
    """The encodings whose place on this machine :func:`vocabulary_place` knows."""
    return list(_VOCABULARIES)


def vocabulary_place(encoding_name: str) -> str | None:
    """Where an encoding's vocabulary is: ``cache``, ``package``, or ``None`` where it would be downloaded."""
    if is_cached(encoding_name):
        return "cache"
    return None if find_bundled_vocabulary(encoding_name) is None else "package"


def is_cached(name: str) -> bool:
    """Whether tiktoken's cache holds the encoding's vocabulary."""
    known = _VOCABULARIES.get(_SAME_VOCABULARY.get(name, name))
    configured = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    folder = Path(configured) if configured else Path(tempfile.gettempdir()) / "data-gym-cache"
    return known is not None and (folder / hashlib.sha1(known[0].encode()).hexdigest()).is_file()


@contextmanager
def cache_folder(folder: Path | None) -> Iterator[None]:
    """Let tiktoken read from ``folder`` for a moment."""
    if folder is None:
        yield
        return
    before = os.environ.get("TIKTOKEN_CACHE_DIR")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["TIKTOKEN_CACHE_DIR"]
        else:
            os.environ["TIKTOKEN_CACHE_DIR"] = before
