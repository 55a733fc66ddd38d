"""What a reader takes for one character: a letter with its accents, a family of emoji, a flag, a syllable.

Unicode calls it an extended grapheme cluster (UAX #29); ``regex`` knows the rules. No cut lies inside of one.
"""

from __future__ import annotations

import re

import numpy as np
import regex

from longattncomp_cli.core.text.arrays import IntArray

# Characters outside of Latin script and its punctuation, and the rest of their line: what can be joined.
_FAR = re.compile("[^\x00-\u02ff\u2010-\u20cf][^\n]*")
# A cluster of several characters: the second one joins, or the first. Flags come first: in a long run of
# them ``\\X`` looks back to its beginning each time.
_CLUSTER = regex.compile(
    r"(?s)\p{GCB=RI}{2}[\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=SpacingMark}]*"
    r"|(?=[\p{GCB=Prepend}\p{GCB=L}]"
    r"|.[\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=SpacingMark}\p{GCB=RI}\p{GCB=V}\p{GCB=T}])\X"
)


def inside_clusters(text: str) -> IntArray:
    """The offsets that lie inside a cluster, ascending; none in most texts of Latin script."""
    found = [match.start() + 1 for match in re.finditer("\r\n", text)] if "\r" in text else []
    if not text.isascii():
        for line in _FAR.finditer(text):
            for cluster in _CLUSTER.finditer(text, max(0, line.start() - 1), line.end()):
                found.extend(range(cluster.start() + 1, cluster.end()))
    return np.array(sorted(found), dtype=np.int64)


def cluster_ends(text: str) -> IntArray:
    """The offsets at which a cluster ends, ascending; the last is the text's length."""
    is_end = np.ones(len(text) + 1, dtype=bool)
    is_end[0] = False
    is_end[inside_clusters(text)] = False
    return np.flatnonzero(is_end)
