"""Pools of a backbone that reads whole contexts: each in one causal pass, its queries behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.backbones.base import Backbone, LayerStates, SegmentStates
from longattncomp_cli.core.backbones.cache.memory import ByteLRU
from longattncomp_cli.core.backbones.decoder.backbone import DecoderBackbone
from longattncomp_cli.core.backbones.decoder.pass_memory import PassMemory
from longattncomp_cli.core.checkpoint.config import Pooling
from longattncomp_cli.core.chunking.chunks import ContextTokens
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.data.examples import Document
from longattncomp_cli.errors import InputError
from longattncomp_cli.training.pools.feature_files import DocumentFeatures
from longattncomp_cli.training.pools.features import FeatureStore
from longattncomp_cli.training.pools.plan import PoolConfig
from longattncomp_cli.training.pools.pool import Pool
from longattncomp_cli.training.pools.scorer import PoolScorer
from longattncomp_cli.training.pools.states import cloned


def reads_whole_pools(store: FeatureStore) -> bool:
    """Whether the backbone must encode a pool in one pass."""
    return store.backbone.reads_whole_context


def remembering_pools(backbone: Backbone) -> Backbone:
    """The same backbone; one that reads whole contexts remembers the pool that was encoded last."""
    if isinstance(backbone, DecoderBackbone) and backbone.reads_whole_context:
        return backbone.with_memory(PassMemory(ByteLRU(2**62)))
    return backbone


@dataclass(frozen=True)
class WholePoolScorer(PoolScorer):
    """Encodes each pool in one causal pass, and its queries behind it."""

    _latest: list[ContextTokens] = field(default_factory=list)

    @property
    def _decoder(self) -> DecoderBackbone:
        backbone = self.store.backbone
        assert isinstance(backbone, DecoderBackbone)
        return backbone

    def num_tokens(self, document: Document) -> int:
        """How long a document is in the pass, with the separator behind it."""
        return super().num_tokens(document) + len(self._decoder.model.text.between)

    def longest_pool(self, queries: Sequence[str]) -> int:
        """A segment, or the positions but for the first tokens, instruction and longest query."""
        model, segment_tokens = self._decoder.model, self._decoder.full_pass.segment_tokens
        longest = max((len(tokens.ids) for tokens in model.text.tokenize(queries)), default=0)
        (instruction,) = model.text.tokenize([self.store.instruction])
        opening = len(model.text.opening) + len(instruction.ids) + len(model.text.between)
        return min(segment_tokens, model.max_positions - opening - longest)

    def features(self, pool: Pool) -> list[DocumentFeatures]:
        """Run the backbone over the pool; its keys and values stay until the next pool."""
        backbone = self._decoder
        backbone.full_pass.memory.passes.clear()
        sources = tuple(Source(document.text, title=document.title) for document in pool.documents)
        self._latest[:] = [self.store.scorer.tokenize(Request(sources, query=""))]
        return list(self.store.encode(pool.documents))

    def instruction_states(self) -> LayerStates:
        """Those before the pool that was encoded last."""
        return self._instruction_in(self._latest[0])

    def query(self, text: str) -> SegmentStates:
        """Encode a query behind the pool that was encoded last."""
        store = self.store
        return cloned(
            store.backbone.encode(self._latest[0], text, store.instruction, store.asked_layers).query
        )


def fitting_pools(pools: PoolConfig, scorer: PoolScorer, queries: Sequence[str]) -> PoolConfig:
    """The same pools, none longer than the backbone reads in one pass.

    Raises:
        InputError: it can read none of the queries behind a pool.
    """
    longest = scorer.longest_pool(queries)
    if longest is None or longest >= pools.max_tokens:
        return pools
    if longest < 1:
        raise InputError(
            "a query alone is longer than the backbone's positions",
            hint="use --encoding windowed, or leave that query out",
            code="too-long",
        )
    return replace(pools, max_tokens=longest)


def pool_scorer(
    attention: CrossAttention,
    store: FeatureStore,
    *,
    pooling: Pooling = "log",
    whole_documents: bool = True,
    null_query: str = "",
) -> PoolScorer:
    """The scorer that fits the way in which the store's backbone encodes; see :class:`PoolScorer`."""
    kind = WholePoolScorer if reads_whole_pools(store) else PoolScorer
    return kind(attention, store, pooling, whole_documents, null_query)
