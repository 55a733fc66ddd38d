"""What ``config.json`` says. No torch."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields, replace
from typing import Any, Literal, get_args

from longattncomp_cli.core.backbones.spec import BackboneKind, BackboneSpec, EncodingName
from longattncomp_cli.core.checkpoint.logistic import LogisticModel, read_logistic
from longattncomp_cli.core.chunking.chunks import SnapLevel
from longattncomp_cli.errors import CheckpointError

FORMAT_VERSION = 2
MAX_HOPS = 3

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
    """Width of the backbone's states."""
    head_width: int
    """Width of a head's projections."""
    pooling: Pooling = "log"
    """Over heads and query tokens: ``mean`` (paper) or ``log`` (weighted geometric mean)."""
    sink: Sink = "none"
    """What absorbs the mass when nothing is relevant: nothing, the instruction's tokens, a trained key."""
    instruction: str = ""
    """Read as the sink where a request brings no instruction; neither printed nor counted."""
    window_tokens: int = 254
    """Tokens that the backbone reads at once, special tokens not counted."""
    chunk_tokens: int = 128
    """Default size of a chunk."""
    snap: SnapLevel = "auto"
    """Default place where a chunk may end."""
    encoding: EncodingName = "windowed"
    """How the backbone reads the context: independent windows, or one causal pass (decoders)."""
    segment_tokens: int = 0
    """Of ``full``: context tokens read at once before the query; 0: as many as there are positions for."""
    rotary: bool = False
    """Whether heads compare queries and keys turned by their positions, as a decoder itself does."""
    null_query: str = ""
    """A query without content, whose mass is taken out of the query's; ``""``: none."""
    qk_norm: bool = False
    """Whether queries and keys are normalised in each head (decoders that do so themselves)."""
    chat_template: bool = False
    """Whether a decoder's prompt begins as its chat template does."""
    hops: int = 1
    """Default number of hops: 2 also scores by what the best chunks speak of."""
    hop_rank: int = 0
    """Rank of the trained hop's relation, whose tensors' names begin with ``hop.``; 0: the hop is
    untrained."""
    exact_match_weight: float = 0.0
    """How much an identifier of the query counts that stands in a chunk as spelt, beside a token's weight."""
    length_normalised: bool = False
    """Whether scores are divided by the chunks' sizes: shares of attention grow with them."""
    propagation_decay: float | None = None
    """By how much a log score decays from a chunk to the next of its passage, in standard deviations of all;
    ``None``: scores are not propagated."""
    coverage: float = 0.0
    """The share of its weight that a word of the query loses once a better chunk answers it."""
    calibration: LogisticModel | None = None
    """Makes ``confidence`` a frequency; without one it is ``1 − sink``."""
    sufficiency: LogisticModel | None = None
    """For ``--select auto``: the probability that few chunks hold all that is needed; ``None``: not known."""
    training: dict[str, Any] | None = None
    """What it was trained on, or nothing."""
    format_version: int = FORMAT_VERSION
    """Version of this file's format."""

    def __post_init__(self) -> None:
        """Refuse values that no scorer could use."""
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in get_args(allowed):
                raise CheckpointError(
                    f"config.json: {name} {getattr(self, name)!r} is not one of {get_args(allowed)}"
                )
        for name, kind, what in _TYPES:
            if type(getattr(self, name)) not in kind:
                raise CheckpointError(f"config.json: {name} must be {what}")
        sizes = (self.width, self.head_width, self.window_tokens, self.chunk_tokens, self.hops)
        if not self.layers or any(type(v) is not int or v < 1 for v in sizes):
            raise CheckpointError(
                "config.json: layers, widths, token counts and hops must be positive integers"
            )
        if self.hops > MAX_HOPS:
            raise CheckpointError(f"config.json: hops {self.hops} is more than {MAX_HOPS}")
        if type(self.segment_tokens) is not int or self.segment_tokens < 0:
            raise CheckpointError("config.json: segment_tokens is a number of tokens, or 0")
        if self.rotary and (self.qk_norm or self.sink == "learned" or self.backbone.kind != "decoder"):
            raise CheckpointError(
                "config.json: rotary positions are for decoders, without qk_norm and a learned sink"
            )
        if self.rotary and self.head_width % 2:
            raise CheckpointError("config.json: rotary positions turn pairs: head_width must be even")
        if self.null_query and self.pooling != "mean":
            raise CheckpointError("config.json: a null query needs mean pooling")
        if type(self.hop_rank) is not int or not 0 <= self.hop_rank <= self.width:
            raise CheckpointError("config.json: hop_rank is a number from 0 to width")
        if len(self.layers) * self.width * self.head_width > _MOST_NUMBERS:
            raise CheckpointError("config.json: layers × width × head_width is larger than any real scorer")
        decay = 0.0 if self.propagation_decay is None else self.propagation_decay
        steps = (self.exact_match_weight, decay, self.coverage)
        if any(type(v) not in (int, float) or not 0 <= v < 1e3 for v in steps) or self.coverage > 1:
            raise CheckpointError(
                "config.json: exact_match_weight and propagation_decay must not be negative, coverage a "
                "share from 0 to 1"
            )
        if any(type(layer) is not int or layer < 0 for layer in self.layers):
            raise CheckpointError(f"config.json: layers {list(self.layers)} are not layer numbers")
        for name in ("calibration", "sufficiency"):
            model = getattr(self, name)
            unknown = [] if model is None else model.unknown(len(self.layers))
            if unknown:
                raise CheckpointError(f"config.json: {name}: this checkpoint gives no features {unknown}")

    def as_published(self) -> CheckpointConfig:
        """The scoring of LongAttnComp (arXiv:2606.01336), without any step of ours.

        The mean over heads and query tokens, summed over the tokens of a chunk; the instruction in the
        softmax; chunks of a fixed number of tokens; one pass.
        """
        return replace(
            self,
            pooling="mean",
            sink="instruction",
            rotary=False,
            null_query="",
            segment_tokens=0,
            snap="none",
            hops=1,
            hop_rank=0,
            exact_match_weight=0.0,
            length_normalised=False,
            propagation_decay=None,
            coverage=0.0,
            calibration=None,
            sufficiency=None,
        )


_CHOICES: dict[str, Any] = {"pooling": Pooling, "sink": Sink, "encoding": EncodingName, "snap": SnapLevel}
_TYPES: tuple[tuple[str, tuple[type, ...], str], ...] = (
    ("name", (str,), "text"),
    ("instruction", (str,), "text"),
    ("null_query", (str,), "text"),
    ("rotary", (bool,), "true or false"),
    ("qk_norm", (bool,), "true or false"),
    ("chat_template", (bool,), "true or false"),
    ("length_normalised", (bool,), "true or false"),
    ("training", (dict, type(None)), "an object or null"),
)


def config_from_json(raw: Any) -> CheckpointConfig:
    """Read what ``config.json`` holds.

    Raises:
        CheckpointError: it is of another format, lacks a field, has an unknown one, or a value of no use.
    """
    version = raw.get("format_version") if isinstance(raw, dict) else None
    if type(version) is not int or version != FORMAT_VERSION:
        raise CheckpointError(f"format_version {version!r}; this version reads {FORMAT_VERSION}")
    values = dict(raw)
    unknown = set(values) - {field.name for field in fields(CheckpointConfig)}
    if unknown:
        raise CheckpointError(f"unknown fields {sorted(unknown)}")
    missing = {field.name for field in fields(CheckpointConfig) if field.default is MISSING} - set(values)
    if missing:
        raise CheckpointError(f"missing fields {sorted(missing)}")
    if not isinstance(values["layers"], list):
        raise CheckpointError("config.json: layers must be a list of layer numbers")
    values["layers"] = tuple(values["layers"])
    values["backbone"] = _backbone_from_json(values["backbone"])
    for name in ("calibration", "sufficiency"):
        values[name] = _model_from_json(name, values.get(name))
    return CheckpointConfig(**values)


def _backbone_from_json(value: Any) -> BackboneSpec:
    allowed = {field.name for field in fields(BackboneSpec)}
    if not isinstance(value, dict) or not {"id", "sha256"} <= set(value) <= allowed:
        raise CheckpointError(
            "config.json: backbone must have id and sha256, and may have package, package_path, kind, "
            "query_prefix, context_prefix and norms_sha256"
        )
    if any(type(part) is not str for part in value.values()):
        raise CheckpointError("config.json: what backbone has must be text")
    spec = BackboneSpec(**value)
    if spec.kind not in get_args(BackboneKind):
        raise CheckpointError(
            f"config.json: backbone: kind {spec.kind!r} is not one of {get_args(BackboneKind)}"
        )
    return spec


def _model_from_json(name: str, value: Any) -> LogisticModel | None:
    try:
        return read_logistic(value)
    except ValueError as error:
        raise CheckpointError(f"config.json: {name}: {error}") from error
