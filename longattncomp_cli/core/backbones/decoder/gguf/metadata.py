"""The fields of a GGUF header, each checked when it is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from longattncomp_cli.errors import CheckpointError

Value = bool | int | float | str | list[str] | np.ndarray
_LARGEST = 2**31 - 1
_NO_TOKEN = (-1, 2**32 - 1)  # -1, signed or not


def damaged(path: Path, what: str) -> CheckpointError:
    """The error of a file that is not what it should be."""
    return CheckpointError(
        f"{path}: {what}", hint="download the file again, or use another one", code="bad-gguf"
    )


@dataclass(frozen=True)
class Metadata:
    """Fields by key.

    Attributes:
        path: the file, for messages.
        fields: as they stand there: numbers, strings, lists of strings, arrays of numbers.
    """

    path: Path
    fields: Mapping[str, Value]

    def __contains__(self, key: str) -> bool:
        return key in self.fields

    def integer(self, key: str, *, default: int | None = None) -> int:
        """A size or a count: from 1 to 2³¹ − 1. One value a layer counts as one if all are the same.

        Raises:
            CheckpointError: it is missing and has no default, or is something else.
        """
        value = self._single(key)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LARGEST:
            raise self._absurd(key, value)
        return value

    def number(self, key: str, *, default: float | None = None) -> float:
        """A finite number above 0.

        Raises:
            CheckpointError: it is missing and has no default, or is something else.
        """
        value = self._single(key)
        if value is None and default is not None:
            return default
        if isinstance(value, bool | str) or value is None or not math.isfinite(value) or value <= 0:
            raise self._absurd(key, value)
        return float(value)

    def text(self, key: str, *, default: str | None = None) -> str:
        """A string.

        Raises:
            CheckpointError: it is missing and has no default, or is something else.
        """
        value = self.fields.get(key, default)
        if not isinstance(value, str):
            raise self._absurd(key, value)
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Yes or no.

        Raises:
            CheckpointError: it is something else.
        """
        value = self.fields.get(key, default)
        if not isinstance(value, bool):
            raise self._absurd(key, value)
        return value

    def texts(self, key: str) -> list[str]:
        """A list of strings.

        Raises:
            CheckpointError: it is missing or something else.
        """
        value = self.fields.get(key)
        if not isinstance(value, list):
            raise self._absurd(key, value)
        return value

    def numbers(self, key: str, count: int) -> np.ndarray | None:
        """(count,) an array of numbers, or ``None`` where it is missing.

        Raises:
            CheckpointError: it is something else, or has another length.
        """
        value = self.fields.get(key)
        if value is None:
            return None
        if not isinstance(value, np.ndarray) or len(value) != count:
            raise self._absurd(key, value)
        return value

    def token_id(self, key: str, num_tokens: int) -> int | None:
        """The id of a special token, or ``None`` where there is none.

        Raises:
            CheckpointError: it is no id of the vocabulary.
        """
        value = self.fields.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._absurd(key, value)
        if value in _NO_TOKEN:
            return None
        if not 0 <= value < num_tokens:
            raise self._absurd(key, value)
        return value

    def _single(self, key: str) -> bool | int | float | str | None:
        value = self.fields.get(key)
        if isinstance(value, np.ndarray) and len(value) and (value == value[0]).all():
            return value[0].item()  # type: ignore[no-any-return]
        if isinstance(value, list | np.ndarray):
            raise self._absurd(key, value)
        return value

    def _absurd(self, key: str, value: object) -> CheckpointError:
        if value is None:
            return damaged(self.path, f"its header has no field {key}")
        many = isinstance(value, list | np.ndarray)
        shown = f"{len(value)} values" if many else repr(value)[:40]  # type: ignore[arg-type]
        return damaged(self.path, f"its header says {key} = {shown}, which makes no sense")
