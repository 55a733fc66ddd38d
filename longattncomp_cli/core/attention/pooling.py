"""From the mass of each head and query token to one score a chunk: the paper's mean, and log pooling (ours).

Shapes: C chunks, H heads, M query tokens."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_EMPTY_SCORE = -1e9
# The weight of neighbours among very many chunks; from 2 on they would outrank the chunk that they rise by.
_MOST_OF_NEIGHBOURS = 1.6
# Of its mass a chunk keeps this share at least.
_LEAST_EXCESS = 1e-3
_LEAST_SUM = 1e-30


@dataclass(frozen=True)
class LogMass:
    """How the attention of each head and query token is spread; ``exp`` of it sums to 1 over chunks and sink.

    Attributes:
        chunks_CHM: (C, H, M) log of the mass of each chunk; ``-inf`` where a chunk has no token.
        sink_HM: (H, M) log of the mass of the sink, or ``None``.
    """

    chunks_CHM: Tensor
    sink_HM: Tensor | None

    def split(self, num_query: int) -> tuple[LogMass, LogMass]:
        """The first query tokens, and the others."""
        first, rest = slice(num_query), slice(num_query, None)
        parts = (
            LogMass(self.chunks_CHM[..., own], None if self.sink_HM is None else self.sink_HM[..., own])
            for own in (first, rest)
        )
        return next(parts), next(parts)


def normalise(chunks_CHM: Tensor, sink_HM: Tensor | None) -> LogMass:
    """Divide by the softmax's normaliser, in log space."""
    total_HM = chunks_CHM.logsumexp(dim=0)
    if sink_HM is not None:
        total_HM = torch.logaddexp(total_HM, sink_HM)
        return LogMass(chunks_CHM - total_HM, sink_HM - total_HM)
    return LogMass(chunks_CHM - total_HM, None)


def pool_mean(mass: LogMass) -> tuple[Tensor, Tensor | None]:
    """The paper's pooling: the mean over heads and query tokens of the mass.

    Returns:
        (C,) chunk masses, and the sink's mass (scalar) or ``None``; together they sum to 1.
    """
    sink = None if mass.sink_HM is None else mass.sink_HM.exp().mean()
    return mass.chunks_CHM.exp().mean(dim=(1, 2)), sink


def without_null(mass_C: Tensor, null_C: Tensor) -> Tensor:
    """(C,) the mass without what a query of no content draws as well (ICR, arXiv:2410.02642).

    It sums to what it summed to. Chunks that draw no more than the null query come last, in their order.
    """
    excess_C = torch.maximum(mass_C - null_C, mass_C * _LEAST_EXCESS)
    return excess_C * (mass_C.sum() / excess_C.sum().clamp_min(_LEAST_SUM))


def pool_log_mass(mass: LogMass, weights_HM: Tensor, floor_H: Tensor) -> tuple[Tensor, Tensor | None]:
    """Ours: the weighted log mass, so that a chunk must answer to every query token.

    Arithmetic pooling is a mixture over query tokens, this one a conjunction, softened by the floor: a
    mass far below ``exp(floor)`` times an even share counts as that much.

    Args:
        mass: from :func:`normalise`.
        weights_HM: (H, M) the weight of each head and query token, from :meth:`CrossAttention.weights`.
        floor_H: the least log mass of each head, relative to an even share.

    Returns:
        (C,) scores and the sink's score: a softmax over both gives the pooled distribution.
    """
    num_chunks = len(mass.chunks_CHM)
    empty_C = torch.isneginf(mass.chunks_CHM).flatten(1).all(dim=1)
    rows_CHM = floored_log_mass(mass.chunks_CHM, floor_H, num_chunks)
    scores_C = torch.einsum("chm,hm->c", rows_CHM, weights_HM).masked_fill(empty_C, _EMPTY_SCORE)
    if mass.sink_HM is None:
        return scores_C, None
    return scores_C, (floored_log_mass(mass.sink_HM, floor_H, num_chunks) * weights_HM).sum()


def floored_log_mass(log_mass_HM: Tensor, floor_H: Tensor, num_chunks: int) -> Tensor:
    """(…, H, M) log masses, none far below the floor of its head times an even share."""
    # log(mass + exp(floor) / C): C chunks share the mass evenly at 1 / C.
    floor_H1 = (floor_H - torch.tensor(float(num_chunks)).log())[:, None]
    return torch.logaddexp(log_mass_HM.clamp_min(-1e4), floor_H1)


def log_gains(mass: LogMass, weights_HM: Tensor, floor_H: Tensor) -> Tensor:
    """(C, M) what each query token adds to each chunk's log score above the floor; never negative."""
    num_chunks = len(mass.chunks_CHM)
    gains_CM = mass.chunks_CHM.new_zeros((num_chunks, weights_HM.shape[1]))
    for head, weights_M in enumerate(weights_HM):
        floor = floor_H[head] - torch.tensor(float(num_chunks)).log()
        # log(mass + e^floor) − floor = log1p(exp(log mass − floor)): 0 where the chunk draws nothing.
        gains_CM += weights_M * (mass.chunks_CHM[:, head].clamp_min(-1e4) - floor).exp().log1p()
    return gains_CM


def smooth_over_neighbours(
    scores_C: Tensor,
    sink: Tensor | None,
    neighbour_weight: Tensor,
    passage_C: Tensor,
    owned_C: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Add to each chunk's score that of its neighbours: relevant passages are longer than chunks.

    Args:
        scores_C, sink: from :func:`pool_log_mass`; a missing or empty neighbour counts as the mean chunk, and
            so do the sink's.
        neighbour_weight: of the two neighbours' mean.
        passage_C: the passage that each chunk lies in, ascending; only its own chunks are its neighbours.
        owned_C: what of the scores is due to the heading lines over a chunk. A missing neighbour counts as a
            mean chunk under the same ones, or the middle of each section would rise over its ends.
    """
    # The neighbour of the best chunk has it once as a neighbour, and once more in the mean that stands for
    # the neighbour it lacks: 1 − w (1/2 + 1/2C) of what parts the two is left.
    neighbour_weight = neighbour_weight.clamp_max(_MOST_OF_NEIGHBOURS * len(scores_C) / (len(scores_C) + 1))
    empty_C = scores_C <= _EMPTY_SCORE
    mean = scores_C[~empty_C].mean() if not empty_C.all() else scores_C.new_zeros(())
    known_C = torch.where(empty_C, mean, scores_C)
    same_C = passage_C[1:] == passage_C[:-1]
    missing_C = mean.expand(len(known_C)) if owned_C is None else mean + owned_C
    before_C = torch.cat([missing_C[:1], torch.where(same_C, known_C[:-1], missing_C[1:])])
    after_C = torch.cat([torch.where(same_C, known_C[1:], missing_C[:-1]), missing_C[-1:]])
    # s'[c] = s[c] + w · (s[c − 1] + s[c + 1]) / 2; the sink's neighbours are two mean chunks.
    smoothed_C = torch.where(empty_C, scores_C, known_C + neighbour_weight * (before_C + after_C) / 2)
    return smoothed_C, None if sink is None else sink + neighbour_weight * mean


def softmax_with_sink(scores_C: Tensor, sink: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Turn scores into shares that sum to 1 over chunks and sink."""
    if sink is None:
        return scores_C.softmax(dim=0), None
    shares = torch.cat([scores_C, sink[None]]).softmax(dim=0)
    return shares[:-1], shares[-1]
