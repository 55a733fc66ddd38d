"""Make requests: of texts, of records, of whole prompts that are split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from longattncomp_cli.core.prompts.query import parse_prompt, prompt_text
from longattncomp_cli.core.records import Record
from longattncomp_cli.core.types import Request, Source
from longattncomp_cli.errors import InputError

Context = str | Source | Sequence[str | Source]
"""What is compressed: one text, or several; a :class:`Source` carries a name and a title."""
ParserName = Literal["given", "auto", "tail"]
DEFAULT_TAIL_TOKENS = 128


@dataclass(frozen=True, kw_only=True)
class RequestMaker:
    """Completes what the user gave to a request.

    Attributes:
        parser: how the query of a whole prompt is found.
        tail_tokens: of the ``tail`` parser: backbone tokens at the end of the prompt that are the query.
        token_starts: where the backbone's tokens of a text begin.
    """

    parser: ParserName
    tail_tokens: int
    token_starts: Callable[[str], Sequence[int]]

    def of_prompt(self, prompt: Source, request_id: str | int | None = None) -> Request:
        """Split a whole prompt into what is kept, context and query.

        Raises:
            InputError: no query was found, or nothing else was.
        """
        if self.parser == "given":
            raise InputError("no query was given", hint="add -q 'your question'", code="no-query")
        prompt = replace(prompt, text=prompt_text(prompt.text))
        parsed = parse_prompt(
            prompt.text, parser=self.parser, tail_tokens=self.tail_tokens, token_starts=self.token_starts
        )
        return Request(
            (replace(prompt, region=parsed.context),), parsed.query, query_parser=parsed.parser, id=request_id
        )

    def of_record(self, record: Record, query: str) -> Request:
        """Complete a record: its own query, else ``query``, else the parser's.

        Raises:
            InputError: there is no query.
        """
        asked = record.query or query
        if record.is_prompt and not asked.strip():
            request = self.of_prompt(record.sources[0], record.id)
        elif asked.strip():
            request = Request(record.sources, asked, id=record.id)
        else:
            raise InputError(
                "the record has no query", hint="add a 'query' field or --query", code="missing-query"
            )
        return replace(
            request,
            instruction=record.instruction,
            budget=record.budget,
            keep=record.keep,
            extra=record.extra,
        )

    def of_context(
        self,
        context: Context | Request,
        query: str = "",
        budget: str | int | None = None,
        *,
        instruction: str = "",
    ) -> Request:
        """Make a request of texts; without a query the only text is a whole prompt, which is split.

        A request comes back as it is, whatever the other arguments.

        Raises:
            InputError: no query was found, or there is no text.
        """
        if isinstance(context, Request):
            return context
        texts = [context] if isinstance(context, (str, Source)) else list(context)
        sources = tuple(Source(text) if isinstance(text, str) else text for text in texts)
        if not sources:
            raise InputError(
                "the context is empty", hint="pass a text with words in it", code="empty-context"
            )
        is_prompt = len(sources) == 1 and not query.strip()
        request = self.of_prompt(sources[0]) if is_prompt else Request(sources, query)
        return replace(request, instruction=instruction, budget=budget)
