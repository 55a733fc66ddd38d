"""Which examples are held out: fixed by a hash of the id or group, the same on every machine and run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from longattncomp_cli.data.examples import Example

HELD_OUT_SHARE = 0.05


def is_held_out(example: Example, share: float = HELD_OUT_SHARE) -> bool:
    """Whether an example is kept from training, to choose the checkpoint by.

    All questions of one group (a SQuAD article, a QMSum meeting) are on the same side; where an example
    has no group its id decides. A larger share holds out a superset.
    """
    return hash_share(f"{example.dataset}:{example.group or example.id}") < share


def split_examples(
    examples: Iterable[Example], share: float = HELD_OUT_SHARE
) -> tuple[list[Example], list[Example]]:
    """Return the examples to train on and those held out, each in the order given."""
    sides: tuple[list[Example], list[Example]] = ([], [])
    for example in examples:
        sides[is_held_out(example, share)].append(example)
    return sides


def hash_share(key: str) -> float:
    """A number in [0, 1) that is fixed by the key and looks uniform over keys."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
