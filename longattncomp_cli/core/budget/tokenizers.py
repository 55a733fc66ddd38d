"""The tokenizer of the target model: it counts the budget. Never a silent change of unit.

tiktoken vocabularies are looked for in tiktoken's own cache, then inside an installed ``litellm`` wheel
(which bundles them; it is located, never imported), then downloaded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import tiktoken
from tokenizers import Tokenizer

from longattncomp_cli.core.budget.compact import read_compact, write_compact
from longattncomp_cli.core.budget.vocabularies import cache_folder, find_bundled_vocabulary, is_cached
from longattncomp_cli.core.files.hub import is_cut_off
from longattncomp_cli.errors import ResourceError

DEFAULT_TOKENIZER = "o200k_base"


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
        return sum(map(self._count, _safe_parts(text)))

    def count_each(self, texts: Sequence[str]) -> list[int]:
        """See :class:`TargetTokenizer`."""
        return [self.count(text) for text in texts]

    def _count(self, text: str) -> int:
        try:  # an array: as a list of numbers the tokens of a long text take nine times as much memory
            return len(self.encoding.encode_to_numpy(text, disallowed_special=()))
        except UnicodeEncodeError:  # a lone surrogate
            return len(self.encoding.encode_ordinary(text))


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


@cache
def _load_encoding(name: str) -> tiktoken.Encoding:
    """An encoding, made once a process: of a known vocabulary too it takes near half a second."""
    known = read_compact(name)
    if known is not None:
        return known
    encoding = _load_from_tiktoken(name)
    write_compact(encoding)
    return encoding


def _load_from_tiktoken(name: str) -> tiktoken.Encoding:
    bundled = None if is_cached(name) else find_bundled_vocabulary(name)
    try:
        with cache_folder(bundled):
            return tiktoken.get_encoding(name)
    except Exception as error:  # requests raises a dozen unrelated classes for "no network"
        raise ResourceError(
            f"the vocabulary of {name} is not on this machine and could not be downloaded",
            hint="pip install 'longattncomp[offline]', set TIKTOKEN_CACHE_DIR to a folder that holds it, "
            "or count with --tokenizer backbone",
            code="no-vocabulary",
        ) from error


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
        file = hf_hub_download(name, "tokenizer.json", local_files_only=is_cut_off())
        return _fast(name, Path(file))
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
