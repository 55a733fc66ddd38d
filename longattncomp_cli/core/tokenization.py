"""The tokenizer of the target model: it counts the budget. Never a silent change of unit.

tiktoken vocabularies are looked for in tiktoken's own cache, then inside an installed ``litellm`` wheel
(which bundles them; it is located, never imported), then downloaded.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import tiktoken
from tokenizers import Tokenizer

from longattncomp_cli.errors import ResourceError

DEFAULT_TOKENIZER = "o200k_base"

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


# tiktoken's patterns overflow its stack on longer runs of white space: those are counted in parts.
_MAX_BLANK_CHARS = 100_000
_BLANKS = re.compile(rf"\s{{{_MAX_BLANK_CHARS}}}")


class TargetTokenizer(Protocol):
    """What counts the budget."""

    @property
    def name(self) -> str:
        """What reports call it."""

    def count(self, text: str) -> int:
        """The number of tokens of ``text``, special tokens not added."""

    def count_each(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text alone."""


@dataclass(frozen=True)
class TiktokenTokenizer:
    """A tiktoken encoding; special tokens in the text are counted as the plain text they are."""

    name: str
    encoding: tiktoken.Encoding

    def count(self, text: str) -> int:
        """See :class:`TargetTokenizer`."""
        return sum(len(self.encoding.encode_ordinary(part)) for part in _safe_parts(text))

    def count_each(self, texts: Sequence[str]) -> list[int]:
        """See :class:`TargetTokenizer`."""
        return [self.count(text) for text in texts]


@dataclass(frozen=True)
class FastTokenizer:
    """A Hugging Face ``tokenizer.json``."""

    name: str
    tokenizer: Tokenizer

    def count(self, text: str) -> int:
        """See :class:`TargetTokenizer`."""
        return len(self.tokenizer.encode(text, add_special_tokens=False))

    def count_each(self, texts: Sequence[str]) -> list[int]:
        """See :class:`TargetTokenizer`."""
        return [
            len(encoding) for encoding in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        ]


@dataclass(frozen=True)
class BackboneTokenizer:
    """The scorer's own tokenizer, ``--tokenizer backbone``."""

    tokenize: Callable[[Sequence[str]], list[int]]
    name: str = "backbone"

    def count(self, text: str) -> int:
        """See :class:`TargetTokenizer`."""
        return self.tokenize([text])[0]

    def count_each(self, texts: Sequence[str]) -> list[int]:
        """See :class:`TargetTokenizer`."""
        return self.tokenize(texts)


def _safe_parts(text: str) -> list[str]:
    """The text, cut inside overlong runs of white space only."""
    cuts = [0, *(match.end() for match in _BLANKS.finditer(text)), len(text)]
    return [text[start:end] for start, end in pairwise(cuts)]


def load_tokenizer(name: str) -> TargetTokenizer:
    """Load a tokenizer by tiktoken encoding, OpenAI model name, local path or hub id (not ``backbone``).

    Raises:
        ResourceError: it is not on this machine and could not be downloaded, or no such thing exists.
    """
    if name in tiktoken.list_encoding_names():
        return TiktokenTokenizer(name, _load_encoding(name))
    if os.path.exists(name):  # noqa: PTH110 (False, not an error, for what cannot be a path)
        return _from_path(name, Path(name))
    try:
        encoding_name = tiktoken.encoding_name_for_model(name)
    except KeyError:
        return _from_hub(name)
    return TiktokenTokenizer(encoding_name, _load_encoding(encoding_name))


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
    if _is_cached(encoding_name):
        return "cache"
    return None if find_bundled_vocabulary(encoding_name) is None else "package"


def _load_encoding(name: str) -> tiktoken.Encoding:
    bundled = None if _is_cached(name) else find_bundled_vocabulary(name)
    try:
        with _cache_folder(bundled):
            return tiktoken.get_encoding(name)
    except Exception as error:  # requests raises a dozen unrelated classes for "no network"
        raise ResourceError(
            f"the vocabulary of {name} is not on this machine and could not be downloaded",
            hint="pip install 'longattncomp[offline]', set TIKTOKEN_CACHE_DIR to a folder that holds it, "
            "or count with --tokenizer backbone",
            code="no-vocabulary",
        ) from error


def _is_cached(name: str) -> bool:
    known = _VOCABULARIES.get(_SAME_VOCABULARY.get(name, name))
    configured = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    folder = Path(configured) if configured else Path(tempfile.gettempdir()) / "data-gym-cache"
    return known is not None and (folder / hashlib.sha1(known[0].encode()).hexdigest()).is_file()


@contextmanager
def _cache_folder(folder: Path | None) -> Iterator[None]:
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


def _from_path(name: str, path: Path) -> TargetTokenizer:
    file = path / "tokenizer.json" if path.is_dir() else path
    try:
        return _fast(name, file)
    except Exception as error:  # the tokenizers library raises bare Exception
        raise ResourceError(
            f"{file} is not a Hugging Face tokenizer.json", hint="name a tokenizer.json or its folder"
        ) from error


def _from_hub(name: str) -> TargetTokenizer:
    from huggingface_hub import hf_hub_download

    try:
        return _fast(name, Path(hf_hub_download(name, "tokenizer.json")))
    except Exception as error:  # hub, network and parsing errors share no base class
        encodings = ", ".join(tiktoken.list_encoding_names()[-3:])
        raise ResourceError(
            f"tokenizer {name!r} is no tiktoken name, no path, and no hub id that can be fetched",
            hint=f"tiktoken encodings: {encodings}; or a folder with tokenizer.json; or --tokenizer backbone",
            code="no-tokenizer",
        ) from error


def _fast(name: str, file: Path) -> FastTokenizer:
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return FastTokenizer(name, tokenizer)
