"""Ways to train a decoder's heads, by the names of ``decoder_layer.py --setting``."""

from __future__ import annotations

from dataclasses import dataclass, replace

ALL = ("squad", "hotpotqa", "musique", "2wikimultihopqa")


@dataclass(frozen=True)
class Setting:
    """How a layer is trained.

    Attributes:
        name: of ``--setting``, or of a stage before.
        heads: how many; those that come near the best one where ``None``.
        rank: of the change to each projection.
        keys: whether the keys' projections change as well.
        dropout: of the query's states.
        epochs, learning_rate: with cosine decay.
        data: the sets that are trained on.
        decomposed: whether the single-hop questions stand behind the question, where there are any.
        before: stages that come first.
    """

    name: str
    heads: int | None = None
    rank: int = 8
    keys: bool = False
    dropout: float = 0.3
    epochs: int = 12
    learning_rate: float = 3e-3
    data: tuple[str, ...] = ALL
    decomposed: bool = False
    before: tuple[Setting, ...] = ()


_STAGE_1 = Setting("stage 1", heads=16, keys=True, data=("squad", "hotpotqa"))
_STAGE_2 = Setting("stage-2-nosubq", heads=16, keys=True, learning_rate=1e-3, before=(_STAGE_1,))
_BASE = Setting("base")
SETTINGS = {
    setting.name: setting
    for setting in (
        _BASE,
        Setting("rank-32", rank=32),
        Setting("heads-16", heads=16),
        Setting("heads-16-rank-32", heads=16, rank=32),
        Setting("dropout-0.1", dropout=0.1),
        Setting("slow", learning_rate=1e-3),
        Setting("long", epochs=30),
        Setting("keys", keys=True),
        Setting("keys-rank-32", keys=True, rank=32),
        Setting("keys-16", keys=True, heads=16),
        Setting("keys-16-slow", keys=True, heads=16, learning_rate=1e-3),
        Setting("keys-16-rank-32", keys=True, heads=16, rank=32),
        Setting("keys-16-dropout-0.1", keys=True, heads=16, dropout=0.1),
        Setting("keys-24", keys=True, heads=24),
        Setting("found-squad", data=("squad",)),
        _STAGE_2,
        replace(_STAGE_2, name="stage-2-subq", decomposed=True),
    )
}
SETTINGS["quick"] = replace(_BASE, name="quick", epochs=1)
