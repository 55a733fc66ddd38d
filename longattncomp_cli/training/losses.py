"""Objectives: cross-entropy over chunks for log pooling, AttnComp's loss for mean pooling.

Shapes: C chunks that a question may see.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SINK_WEIGHT = 0.8
_EPSILON = 1e-6


def cross_entropy(scores_C: Tensor, sink: Tensor | None, relevant_C: Tensor) -> Tensor:
    """Each relevant chunk against all others and the sink; the sink against all where none is relevant.

    Relevant chunks do not compete with each other, so that the optimum keeps all of them.

    Args:
        scores_C: log scores.
        sink: the sink's log score; where ``None``, a question without relevant chunks costs nothing.
        relevant_C: booleans.
    """
    against = scores_C[~relevant_C]
    if sink is not None:
        against = torch.cat([against, sink[None]])
    if not relevant_C.any():
        return scores_C.sum() * 0 if sink is None else torch.logsumexp(against, 0) - sink
    positive = scores_C[relevant_C]
    return F.softplus(torch.logsumexp(against, 0) - positive).mean()


def attncomp_loss(mass_C: Tensor, sink: Tensor | None, relevant_C: Tensor, document_C: Tensor) -> Tensor:
    """Binary cross-entropy of every document's mass, plus 0.8 times that of the sink (arXiv:2509.17486).

    Args:
        mass_C: chunk masses; with the sink's they sum to 1.
        sink: the sink's mass.
        relevant_C: booleans.
        document_C: the document of each chunk: masses are summed over a document.
    """
    _, local_C = torch.unique(document_C, return_inverse=True)
    num_documents = int(local_C.max()) + 1
    mass_d = mass_C.new_zeros(num_documents).index_add(0, local_C, mass_C)
    relevant_d = mass_C.new_zeros(num_documents).index_add(0, local_C, relevant_C.float()).clamp(max=1)
    loss = F.binary_cross_entropy(mass_d.clamp(_EPSILON, 1 - _EPSILON), relevant_d, reduction="sum")
    if sink is None:
        return loss
    target = torch.zeros_like(sink) if relevant_C.any() else torch.ones_like(sink)
    return loss + SINK_WEIGHT * F.binary_cross_entropy(sink.clamp(_EPSILON, 1 - _EPSILON), target)
