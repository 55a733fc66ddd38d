"""One reader a data set; each takes the official file, plain, ``.gz`` or ``.zst``, and yields examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from longattncomp_cli.data.examples import Example
from longattncomp_cli.data.readers.multihop import read_2wiki, read_hotpotqa, read_paragraphs
from longattncomp_cli.data.readers.musique import read_musique
from longattncomp_cli.data.readers.native import read_native
from longattncomp_cli.data.readers.qmsum import read_qmsum
from longattncomp_cli.data.readers.squad import read_squad

READERS: dict[str, Callable[[Path], Iterator[Example]]] = {
    "squad": read_squad,
    "hotpotqa": read_hotpotqa,
    "musique": read_musique,
    "2wikimultihopqa": read_2wiki,
    "qmsum": read_qmsum,
    "data": read_native,
}
"""By the name that examples carry as their ``dataset``."""

__all__ = [
    "READERS",
    "read_2wiki",
    "read_hotpotqa",
    "read_musique",
    "read_native",
    "read_paragraphs",
    "read_qmsum",
    "read_squad",
]
