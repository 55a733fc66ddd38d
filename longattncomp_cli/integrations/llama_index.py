"""LlamaIndex: a node postprocessor. Needs ``pip install 'longattncomp[llama-index]'``."""

from __future__ import annotations

from typing import Any

from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle, TextNode

from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.latest import LatestSources
from longattncomp_cli.core.results.report import JsonObject, kept_parts

_KEY = "longattncomp"


class LongAttnPostprocessor(BaseNodePostprocessor):
    """Keeps, of all nodes together, what the query needs within one budget.

    Nodes keep order, retriever score and metadata; those of which nothing is kept are dropped.
    ``metadata["longattncomp"]`` tells which characters of the node's text were kept, and
    ``start_char_idx``/``end_char_idx`` go from the first to the last of them.
    """

    compressor: Compressor = Field(description="Loaded once, shared by all calls.", exclude=True)
    budget: int | str = Field(
        default="25%", description="Tokens of all nodes together: 4000, '16k', '12.5%'."
    )
    _latest: LatestSources = PrivateAttr(default_factory=LatestSources)

    @classmethod
    def class_name(cls) -> str:
        """How LlamaIndex calls it."""
        return "LongAttnPostprocessor"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if query_bundle is None:
            raise ValueError("LongAttnPostprocessor needs a query: pass query_bundle or query_str")
        texts = [node.node.get_content(MetadataMode.NONE) for node in nodes]
        if not any(text.strip() for text in texts):
            return []
        titles = [str(node.node.metadata.get("title") or "") for node in nodes]
        sources = [Source(text, title=title) for text, title in zip(texts, titles, strict=True)]
        request = self.compressor.requests.from_context(sources, query_bundle.query_str, self.budget)
        result = self.compressor.compress(self._latest.shared(request))
        return [
            NodeWithScore(
                node=_shortened(nodes[number].node, result.text_of(number), parts), score=nodes[number].score
            )
            for number, parts in kept_parts(result).items()
        ]


def _shortened(node: Any, text: str, parts: list[JsonObject]) -> Any:
    """A copy of the node with the kept text; what was kept is told, but not to the model."""
    short = node.model_copy(deep=True)
    short.set_content(text)
    short.metadata[_KEY] = {"spans": parts}
    short.excluded_llm_metadata_keys = [*short.excluded_llm_metadata_keys, _KEY]
    short.excluded_embed_metadata_keys = [*short.excluded_embed_metadata_keys, _KEY]
    if isinstance(short, TextNode) and short.start_char_idx is not None:
        begin = short.start_char_idx
        short.start_char_idx = begin + parts[0]["start"]
        short.end_char_idx = begin + parts[-1]["end"]
    return short
