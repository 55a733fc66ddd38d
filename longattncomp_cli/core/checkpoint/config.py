"""What ``config.json`` says. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from longattncomp_cli.core.backbones.spec import BackboneSpec, EncodingName
from longattncomp_cli.core.checkpoint.logistic import LogisticModel, read_logistic
from longattncomp_cli.core.chunking.chunks import SnapLevel
from longattncomp_cli.errors import CheckpointError

FORMAT_VERSION = 1

# One of the two projections; the paper's has 8 million numbers.
_MOST_NUMBERS = 1 << 28

Pooling = Literal["mean", "log"]
Sink = Literal["none", "instruction", "learned"]


@dataclass(frozen=True, kw_only=True)
class CheckpointConfig:
    """What ``config.json`` says."""

    name: str
    """What reports call it."""
    backbone: BackboneSpec
    """The frozen transformer it was made for."""
    layers: tuple[int, ...]
    """For each head, the backbone layer whose states it reads; 0 is the token embedding."""
    width: int
    """Of the backbone's states."""
    head_width: int
    """Of a head's projections."""
    pooling: Pooling = "log"
    """Over heads and query tokens: ``mean`` (paper) or ``log`` (weighted geometric mean)."""
    sink: Sink = "none"
    """What absorbs the mass when nothing is relevant: nothing, the instruction's tokens, a trained key."""
    window_tokens: int = 254
    """Tokens that the backbone reads at once, special tokens not counted."""
    chunk_tokens: int = 128
    """Default size of a chunk."""
    snap: SnapLevel = "auto"
    """Default place where a chunk may end."""
    encoding: EncodingName = "windowed"
    """How the backbone reads the context: independent windows, or one causal pass (decoders)."""
    head_norm: bool = False
    """Whether queries and keys are normalised in each head (decoders that do so themselves)."""
    chat_template: bool = False
    """Whether a decoder's prompt begins as its chat template does."""
    hops: int = 1
    """Default number of hops: 2 asks on with what the best chunks speak of."""
    hop_rank: int = 0
    """Of the trained hop's layer, whose tensors' names begin with ``hop.``; 0: the hop is untrained."""
    names: float = 0.0
    """How much a name of the query counts that stands in a chunk as spelt, beside a token's weight."""
    per_token: bool = False
    """Whether scores are divided by the chunks' sizes: shares of attention grow with them."""
    reach: float | None = None
    """How far a log score falls from a chunk to the one it goes on in, in standard deviations of all;
    ``None``: it does not reach on."""
    coverage: float = 0.0
    """The share of its weight that a word of the query loses once a better chunk answers it."""
    calibration: LogisticModel | None = None
    """Makes ``confidence`` a frequency; without one it is ``1 − sink``."""
    enough: LogisticModel | None = None
    """For ``--select auto``: the probability that few chunks hold all that is needed; ``None``: not known."""
    training: dict[str, Any] | None = None
    """What it was trained on, or nothing."""
    format_version: int = FORMAT_VERSION
    """Of this file."""

    def __post_init__(self) -> None:
        """Refuse values that no scorer could use."""
        for name, allowed in (("pooling", Pooling), ("sink", Sink), ("encoding", EncodingName)):
            if getattr(self, name) not in get_args(allowed):
                raise CheckpointError(
                    f"config.json: {name} {getattr(self, name)!r} is not one of {get_args(allowed)}"
                )
        sizes = (self.width, self.head_width, self.window_tokens, self.chunk_tokens, self.hops)
        if not self.layers or any(type(v) is not int or v < 1 for v in sizes):
            raise CheckpointError(
                "config.json: layers, widths, token counts and hops must be positive integers"
            )
        if type(self.hop_rank) is not int or not 0 <= self.hop_rank <= self.width:
            raise CheckpointError("config.json: hop_rank is a number from 0 to width")
        if len(self.layers) * self.width * self.head_width > _MOST_NUMBERS:
            raise CheckpointError("config.json: layers × width × head_width is larger than any real scorer")
        if type(self.per_token) is not bool:
            raise CheckpointError("config.json: per_token is true or false")
        steps = (self.names, 0.0 if self.reach is None else self.reach, self.coverage)
        if any(type(v) not in (int, float) or not 0 <= v < 1e3 for v in steps) or self.coverage > 1:
            raise CheckpointError(
                "config.json: names and reach must not be negative, coverage a share from 0 to 1"
            )
        if any(type(layer) is not int or layer < 0 for layer in self.layers):
            raise CheckpointError(f"config.json: layers {list(self.layers)} are not layer numbers")
        for name, read in (("calibration", read_logistic), ("enough", read_logistic)):
            self._check_model(name, read)

    def _check_model(self, name: str, read: Callable[[Any], Any]) -> None:
        """Convert a fitted model from what JSON knows, and refuse one that this scorer cannot feed."""
        try:
            model = read(getattr(self, name))
        except ValueError as error:
            raise CheckpointError(f"config.json: {name}: {error}") from error
        unknown = model.unknown(len(self.layers)) if isinstance(model, LogisticModel) else []
        if unknown:
            raise CheckpointError(f"config.json: {name}: this checkpoint gives no signs {unknown}")
        object.__setattr__(self, name, model)
