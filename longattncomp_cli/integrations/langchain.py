"""LangChain: a document compressor. Needs ``pip install 'longattncomp[langchain]'``."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import ConfigDict, PrivateAttr

from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.latest import LatestSources
from longattncomp_cli.core.results.report import kept_parts


class LongAttnCompressor(BaseDocumentCompressor):
    """Keeps, of all documents together, what the query needs within one budget.

    Documents stay in their order; those of which nothing is kept are dropped. ``metadata["longattncomp"]``
    tells which characters of the original ``page_content`` were kept, with score and rank.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    compressor: Compressor
    """Loaded once, shared by all calls."""
    budget: int | str = "25%"
    """Tokens of all documents together, such as ``4000``, ``"16k"`` or ``"12.5%"``."""
    _latest: LatestSources = PrivateAttr(default_factory=LatestSources)

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        """See :class:`BaseDocumentCompressor`."""
        if not any(document.page_content.strip() for document in documents):
            return []
        sources = [
            Source(document.page_content, title=str(document.metadata.get("title") or ""))
            for document in documents
        ]
        request = self.compressor.requests.from_context(sources, query, self.budget)
        result = self.compressor.compress(self._latest.shared(request))
        return [
            Document(
                page_content=result.text_of(number),
                metadata={**documents[number].metadata, "longattncomp": {"spans": parts}},
                id=documents[number].id,
            )
            for number, parts in kept_parts(result).items()
        ]
