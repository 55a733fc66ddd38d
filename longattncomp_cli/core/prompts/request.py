"""A request: the context, the query, and what is always kept; and how one is built."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from longattncomp_cli.core.files.json_lines import repaired_text
from longattncomp_cli.core.inputs.conversations.model import Conversation, Frame
from longattncomp_cli.core.inputs.conversations.reading import read_conversation
from longattncomp_cli.core.inputs.conversations.shapes import looks_like_conversation
from longattncomp_cli.core.inputs.messages import prompt_text
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.conversations import frame_of
from longattncomp_cli.core.prompts.leads import NamesAfter
from longattncomp_cli.core.prompts.parser import parse_prompt
from longattncomp_cli.core.text.spans import SourceSpan
from longattncomp_cli.errors import InputError

if TYPE_CHECKING:
    from longattncomp_cli.core.inputs.records import Record

T = TypeVar("T")


class SourcesMemo:
    """What was found out about some sources alone, for all requests on them.

    Args:
        sources: those of the requests that share it, the same objects.
    """

    def __init__(self, sources: tuple[Source, ...]) -> None:
        """Nothing is known yet."""
        self.sources = sources
        self._known: dict[tuple[Hashable, int], tuple[object, Any]] = {}

    def once(self, key: Hashable, make: Callable[[], T], of: object = None) -> T:
        """What ``make`` gave the first time that ``key`` was asked for; see :meth:`Request.once`."""
        place = (key, id(of))
        if place not in self._known:
            self._known[place] = of, make()  # ``of`` is held: its id is no other's
        known: T = self._known[place][1]
        return known


@dataclass(frozen=True)
class Request:
    """What one run of the scorer works on: the context, the query, and what is always kept.

    Attributes:
        sources: the context. Of a whole prompt: one source whose ``context_region`` is the context.
        query: what relevance is judged against.
        query_parser: how the query was found: ``given``, ``auto:<layout>`` or ``tail``.
        instruction: kept before the context, charged to the budget; ``""`` where there is none.
        budget: overrides the run's budget, as the user wrote it (``4000``, ``"16k"``, ``"12.5%"``).
        id: the record's id, or its line number.
        keep: ``(source, start, end)`` of what must be kept whatever its score; of a conversation the source
            is the index of a message.
        extra: fields of the record that pass through to the output.
        frame: what stands around the sources where they are texts of a conversation.
        num_repaired: lone surrogates of the record that became U+FFFD.
        memo: what is known of the sources from other requests; ``None`` where this is the only one.
        names_after: of a conversation, names that an agent at work is after, and where.
    """

    sources: tuple[Source, ...]
    query: str
    query_parser: str = "given"
    instruction: str = ""
    budget: str | int | None = None
    id: str | int | None = None
    keep: tuple[SourceSpan, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
    frame: Frame | None = None
    num_repaired: int = 0
    memo: SourcesMemo | None = field(default=None, repr=False, compare=False)
    names_after: NamesAfter | None = None

    @property
    def is_remembered(self) -> bool:
        """Whether other requests on the same sources may follow."""
        return self.memo is not None and self.memo.sources is self.sources

    def once(self, key: Hashable, make: Callable[[], T], of: object = None) -> T:
        """Something that follows from the sources alone, made once for all requests on them.

        Args:
            key: names it.
            make: makes it.
            of: what else it follows from, such as the chunks: the same object, not an equal one.
        """
        if self.memo is None or self.memo.sources is not self.sources:
            return make()
        return self.memo.once(key, make, of)

    @property
    def prefix(self) -> str:
        """The text that is kept before the context."""
        if not self.sources:
            return ""
        head = self.sources[0]
        before = head.text[: head.context_span.start]
        if self.instruction:
            return f"{self.instruction}\n\n{before}"
        return before

    @property
    def suffix(self) -> str:
        """The text that is kept after the context."""
        if not self.sources:
            return ""
        tail = self.sources[-1]
        return tail.text[tail.context_span.end :]


Context = str | Source | Sequence[str | Source | Mapping[str, Any]] | Mapping[str, Any]
"""What is compressed: one text, or several; a :class:`Source` carries a name and a title. Or a conversation:
a list of chat messages, or a request body that holds one."""
ParserName = Literal["given", "auto", "tail"]
DEFAULT_TAIL_TOKENS = 128


@dataclass(frozen=True, kw_only=True)
class RequestBuilder:
    """Completes what the user gave to a request.

    Attributes:
        parser: how the query of a whole prompt is found.
        tail_tokens: of the ``tail`` parser: backbone tokens at the end of the prompt that are the query.
        token_starts: where the backbone's tokens of a text begin.
    """

    parser: ParserName
    tail_tokens: int
    token_starts: Callable[[str], Sequence[int]]

    def from_prompt(self, prompt: Source, request_id: str | int | None = None) -> Request:
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
            (replace(prompt, context_region=parsed.context),),
            parsed.query,
            query_parser=parsed.parser,
            id=request_id,
        )

    def from_conversation(
        self, conversation: Conversation, query: str = "", request_id: str | int | None = None
    ) -> Request:
        """Make a request of a chat: its last user turn asks, unless a query is given.

        Raises:
            InputError: nobody asks anything.
        """
        sources, frame, asked = frame_of(conversation, query)
        return Request(sources, asked.query, query_parser=asked.parser, id=request_id, frame=frame)

    def from_record(self, record: Record, query: str) -> Request:
        """Complete a record: its own query, else ``query``, else the parser's.

        Raises:
            InputError: there is no query.
        """
        asked = record.query or query
        if record.conversation is not None:
            request = self.from_conversation(record.conversation, asked, record.id)
        elif record.is_prompt and not asked.strip():
            request = self.from_prompt(record.sources[0], record.id)
        elif asked.strip():
            request = Request(record.sources, asked, id=record.id)
        else:
            raise InputError(
                "the record has no query",
                hint="give it the field that --query-field names, or all of them one with -q",
                code="missing-query",
            )
        return replace(
            request,
            instruction=record.instruction,
            budget=record.budget,
            keep=record.keep,
            extra=record.extra,
            num_repaired=record.num_repaired,
        )

    def from_context(
        self,
        context: Context | Request,
        query: str = "",
        budget: str | int | None = None,
        *,
        instruction: str = "",
    ) -> Request:
        """Make a request of texts; without a query the only text is a whole prompt, which is split.

        A request comes back as it is, whatever the other arguments. Of a conversation the last user turn is
        the query where none is given.

        Raises:
            InputError: no query was found, or there is no text.
        """
        if isinstance(context, Request):
            return context
        if not isinstance(query, str):
            raise InputError(
                f"the query is of the type {type(query).__name__}, not a text",
                hint="pass a string",
                code="bad-field",
            )
        if looks_like_conversation(context):
            request = self.from_conversation(read_conversation(context, "the conversation"), query)
            return replace(request, instruction=instruction, budget=budget)
        texts: Iterable[Any] = [context]
        if isinstance(context, Iterable) and not isinstance(context, (str, bytes, Mapping)):
            texts = context
        given = [_as_source(text) for text in texts]
        sources = tuple(source for source, _ in given)
        if not sources:
            raise InputError(
                "the context is empty", hint="pass a text with words in it", code="empty-context"
            )
        query, num_repaired = repaired_text(query)
        num_repaired += sum(number for _, number in given)
        is_prompt = len(sources) == 1 and not query.strip()
        request = self.from_prompt(sources[0]) if is_prompt else Request(sources, query)
        return replace(request, instruction=instruction, budget=budget, num_repaired=num_repaired)


def _as_source(text: Any) -> tuple[Source, int]:
    """A text as a source, and how many lone surrogates in it became U+FFFD.

    Raises:
        InputError: it is something else.
    """
    if isinstance(text, (str, Source)):
        source = Source(text) if isinstance(text, str) else text
        repaired, num_repaired = repaired_text(source.text)
        return (replace(source, text=repaired) if num_repaired else source), num_repaired
    raise InputError(
        f"the context is, or holds, a {type(text).__name__}, neither a text nor a chat message",
        hint="pass strings, sources, or messages with 'role' and 'content'",
        code="bad-field",
    )
