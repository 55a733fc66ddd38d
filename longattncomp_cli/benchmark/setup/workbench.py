"""What all methods share: backbone, chunks, tokenizer, budget rule and rendering."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from longattncomp_cli.benchmark.setup.settings import BenchSettings
from longattncomp_cli.core.assembly.renderer import Renderer
from longattncomp_cli.core.backbones.base import Backbone
from longattncomp_cli.core.backbones.cache.backbone import CachedBackbone
from longattncomp_cli.core.backbones.runtime import keep_freed_memory, resolve_dtype
from longattncomp_cli.core.budget.tokenizers import BackboneTokenizer, TargetTokenizer, load_tokenizer
from longattncomp_cli.core.checkpoint.store import Checkpoint, load_checkpoint
from longattncomp_cli.core.chunking.chunks import Chunk, ContextTokens
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.loading import load_backbone_of
from longattncomp_cli.core.scoring.options import ScoringOptions
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.settings import CompressorSettings

# Contexts of up to about 100k tokens are encoded once for all methods, each longer one for every method.
_MEMORY_BYTES = 2**30
# Layer 0 to 6 of the embedded encoder: its attention is read at the inputs of blocks 2 … 6.
ENCODER_LAYERS = tuple(range(7))

BackboneKey = tuple[str, int, str, bool, int]
"""Hash, window, encoding, chat template and segment: what two checkpoints must share to share states."""


@dataclass(frozen=True)
class ChunkedItem:
    """An item's context as all methods see it.

    Attributes:
        context: tokens and chunks of each source.
        chunks: of all sources, in order.
    """

    context: ContextTokens
    chunks: tuple[Chunk, ...]

    @property
    def num_tokens(self) -> int:
        """Backbone tokens of the context."""
        return self.context.num_tokens


def load_for(settings: BenchSettings, name: str) -> Checkpoint:
    """Load a checkpoint; with ``as_published`` without any step that its paper does not have."""
    checkpoint = load_checkpoint(name)
    return checkpoint.as_published() if settings.as_published else checkpoint


class Workbench:
    """Loads what is shared, once.

    Args:
        settings: see :class:`BenchSettings`.
        checkpoints: the first one's backbone and chunking are those of all methods.
        layers: the backbone's layers that some method reads, besides the checkpoints' own.
        is_sharing: whether a context is encoded once for all methods.
        backbone: of the first checkpoint, where it is loaded already.
    """

    def __init__(
        self,
        settings: BenchSettings,
        checkpoints: Sequence[Checkpoint],
        *,
        layers: Sequence[int] = (),
        is_sharing: bool = True,
        backbone: Backbone | None = None,
    ) -> None:
        """Load the first checkpoint's backbone and the tokenizer."""
        keep_freed_memory()
        self.checkpoints = tuple(checkpoints)
        self._is_sharing = is_sharing
        self._layers = set(layers)
        self._backbones: dict[BackboneKey, CachedBackbone] = {}
        self._loaded = backbone
        config = checkpoints[0].config
        self.settings = replace(
            settings,
            chunk_tokens=settings.chunk_tokens or config.chunk_tokens,
            snap=settings.snap or config.snap,
        )
        self.scorer = self.scorer_of(checkpoints[0])
        self.backbone = self._backbones[self._key(checkpoints[0])]
        self.tokenizer: TargetTokenizer = (
            BackboneTokenizer(lambda texts: [len(t.ids) for t in self.backbone.tokenize(texts)])
            if settings.tokenizer == "backbone"
            else load_tokenizer(settings.tokenizer)
        )
        self._compressor = self.compressor_of(checkpoints[0])

    def scorer_of(self, checkpoint: Checkpoint) -> Scorer:
        """The checkpoint on its backbone, which it shares with others that need the same."""
        key = self._key(checkpoint)
        if key not in self._backbones:
            config = checkpoint.config
            same = [c.config for c in self.checkpoints if self._key(c) == key]
            wanted = {layer for each in [*same, config] for layer in each.layers}
            if not self._backbones:
                wanted |= self._layers
            loaded, self._loaded = self._loaded, None
            inner = loaded or load_backbone_of(
                config,
                device=self.settings.device,
                dtype=self.settings.dtype,
                num_layers=max(wanted) or 1,
            )
            # In a full pass the query is read after its context: what it costs alone would not be known.
            shares = self._is_sharing and not inner.reads_whole_context
            memory_bytes = _MEMORY_BYTES if shares else 0
            self._backbones[key] = CachedBackbone(inner, memory_bytes=memory_bytes, layers=sorted(wanted))
        options = ScoringOptions.of(
            checkpoint.config, chunk_tokens=self.settings.chunk_tokens, snap=self.settings.snap
        )
        return Scorer(checkpoint, self._backbones[key], options)

    def compressor_of(self, checkpoint: Checkpoint) -> Compressor:
        """What ``compress`` runs with this checkpoint and the settings of this run."""
        settings = CompressorSettings(rule=self.settings.rule, separator=self.settings.separator)
        return Compressor(self.scorer_of(checkpoint), self.tokenizer, settings)

    def device_and_dtype(self) -> tuple[str, str]:
        """Where the first checkpoint's backbone runs, and in which precision."""
        place = self.backbone.device
        return str(place), str(resolve_dtype(self.settings.dtype, place)).removeprefix("torch.")

    @staticmethod
    def _key(checkpoint: Checkpoint) -> BackboneKey:
        config = checkpoint.config
        return (
            config.backbone.sha256,
            config.window_tokens,
            config.encoding,
            config.chat_template,
            config.segment_tokens,
        )

    @property
    def shared_seconds(self) -> float:
        """What remembered passes have cost, over all backbones; grows with every use."""
        return sum(backbone.saved_seconds for backbone in self._backbones.values())

    def chunk(self, request: Request, **changes: Any) -> ChunkedItem:
        """Cut a request's context into the chunks that all methods share.

        Args:
            request: whose context it is.
            changes: ``chunk_tokens`` and ``snap`` where they are not those of the run, to look closely.
        """
        context = self.scorer.with_options(**changes).tokenize(request)
        chunks = tuple(chunk for source in context.sources for chunk in source.chunks)
        return ChunkedItem(context, chunks)

    def renderer(self, request: Request, scores: ChunkScores) -> Renderer:
        """What renders and counts selections of these chunks, as ``compress`` does."""
        return self._compressor.pipeline.renderer(request, scores)

    def rng(self, *names: object) -> np.random.Generator:
        """Random numbers that follow from the seed and the names."""
        text = ":".join(map(str, (self.settings.seed, *names)))
        return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))
