"""Scorers that read less often than the program does, for tests that ask many things of the same text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from torch import Tensor

from longattncomp_cli.core.backbones.base import BackboneOptions
from longattncomp_cli.core.backbones.cache.backbone import cached
from longattncomp_cli.core.backbones.cache.memory import ByteLRU
from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.core.scoring.scorer import Scorer


def remembering(scorer: Scorer, **room: Any) -> Scorer:
    """The same scores to the bit; states are kept in memory unless ``room`` says otherwise."""
    return scorer.with_backbone(cached(scorer.backbone, **(room or {"memory_bytes": 2**28})))


@cache
def share_installed_encoders() -> None:
    """From now on weights inside an installed package, which stay as they are, are loaded once a process.

    What such an encoder has read it gives again, to the bit: many tests ask of the same text.
    """
    from longattncomp_cli.core.backbones.encoder import backbone

    load = backbone.open_encoder

    @lru_cache(maxsize=4)
    def load_once(spec: BackboneSpec, place: Path, options: BackboneOptions) -> Any:
        encoder, tokenizer = load(spec, place, options)
        encoder.forward = _remembered(encoder.forward)
        return encoder, tokenizer

    def open_encoder(spec: BackboneSpec, place: Path, options: BackboneOptions) -> Any:
        return (load_once if "site-packages" in place.parts else load)(spec, place, options)

    backbone.open_encoder = open_encoder


def _remembered(forward: Callable[..., dict[int, Tensor]]) -> Callable[..., dict[int, Tensor]]:
    memory: ByteLRU[dict[int, Tensor]] = ByteLRU(2**27)

    def again(ids_T: Tensor, groups: Sequence[tuple[int, int]], layers: Sequence[int]) -> dict[int, Tensor]:
        key = f"{ids_T.tolist()} {groups} {layers}"
        found = memory.get(key)
        if found is None:
            found = forward(ids_T, groups, layers)
            memory.put(key, found, sum(states_TD.nbytes for states_TD in found.values()))
        return {layer: states_TD.clone() for layer, states_TD in found.items()}

    return again
