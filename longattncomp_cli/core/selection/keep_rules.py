"""What must stay whatever its score: lines with a match, line numbers, both ends, given spans."""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from longattncomp_cli.core.budget.tokenizers import TargetTokenizer
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.selection.keep_patterns import (
    SEARCH_SECONDS,
    SearchedText,
    compiled,
    names_cr_itself,
    shown,
)
from longattncomp_cli.core.text.boundaries import sentence_starts, word_starts
from longattncomp_cli.core.text.spans import SourceSpan, Span
from longattncomp_cli.errors import InputError, UsageError

_LONG_LINE_CHARS = 1_000
"""Of a longer line only the sentences that match are kept."""
_CHARS_A_TOKEN = 64

_LINES = re.compile(r"(?:(?P<name>.*\D):|)(?P<first>\d{1,12})?(?P<colon>:)?(?P<last>\d{1,12})?")


@dataclass(frozen=True, kw_only=True)
class LineRange:
    """``[NAME:]first:last``: lines from 1, both included, of every source or of those that NAME names."""

    first: int
    last: int | None
    name: str = ""

    def __str__(self) -> str:
        """As it may be typed."""
        last = "" if self.last is None else str(self.last)
        return f"{self.name + ':' if self.name else ''}{self.first}:{last}"

    def concerns(self, source: Source) -> bool:
        """Whether it is about this source: its name is NAME, or ends with it."""
        return not self.name or source.name == self.name or source.name.endswith("/" + self.name)


@dataclass(frozen=True, kw_only=True)
class KeepRules:
    """What the user wants kept."""

    patterns: tuple[str, ...] = ()
    """Every line with a match is kept; of a very long line, every sentence."""
    lines: tuple[LineRange, ...] = ()
    """Line numbers."""
    head_tokens: int = 0
    """The first tokens of the context."""
    tail_tokens: int = 0
    """The last tokens of the context."""

    def __post_init__(self) -> None:
        """Refuse patterns that cannot be read."""
        for pattern in self.patterns:
            compiled(pattern)

    def matches(self, text: str) -> list[Span]:
        """What the patterns match in a text.

        Raises:
            UsageError: they search for too long.
        """
        if not self.patterns:
            return []
        deadline = time.monotonic() + SEARCH_SECONDS
        searched = SearchedText(Source(text), as_it_is=False)
        return [Span(*found) for pattern in self.patterns for found in searched.find(pattern, deadline)]


def parse_lines(written: str) -> LineRange:
    """Read ``3:10``, ``3:``, ``:10``, ``7`` or ``src/app.py:3:10``.

    Raises:
        UsageError: it is none of these.
    """
    match = _LINES.fullmatch(written.strip())
    first = match and match["first"]
    last = match and match["last"]
    if not match or not (first or last) or (not match["colon"] and first and last):
        raise UsageError(
            f"--keep-lines {written!r} is not a range of lines",
            hint="use 3:10, 3:, :10, 7, or NAME:3:10 for one of several files",
            code="bad-lines",
        )
    low = int(first) if first else 1
    high = int(last) if last else (None if match["colon"] else low)
    if low < 1 or (high is not None and high < low):
        raise UsageError(
            f"--keep-lines {written!r} holds no line", hint="lines count from 1", code="bad-lines"
        )
    return LineRange(first=low, last=high, name=match["name"] or "")


@dataclass(frozen=True)
class Required:
    """What the rules hold of one request.

    Attributes:
        spans: all characters that must be kept, as ranges that may overlap.
        unmatched: the rules that hold nothing of it, each as a sentence.
    """

    spans: tuple[SourceSpan, ...]
    unmatched: tuple[str, ...] = ()


def find_required(request: Request, rules: KeepRules, tokenizer: TargetTokenizer) -> Required:
    """What the rules hold of a request, and which of them hold nothing.

    Raises:
        UsageError: the patterns search for too long.
        InputError: a span of the record lies outside its source.
    """
    unmatched: list[str] = []
    found = [*_given(request), *_matches(request, rules.patterns, unmatched)]
    for each in rules.lines:
        found += _lines(request, each, unmatched)
    found += _ends(request, rules.head_tokens, tokenizer, from_end=False)
    found += _ends(request, rules.tail_tokens, tokenizer, from_end=True)
    clipped = []
    for number, start, end in found:
        context = request.sources[number].context_span
        low, high = max(start, context.start), min(end, context.end)
        if low < high:
            clipped.append(SourceSpan(number, low, high))
    return Required(tuple(sorted(set(clipped))), tuple(unmatched))


def _given(request: Request) -> Iterator[SourceSpan]:
    for source, start, end in request.keep:
        length = len(request.sources[source].text)
        if end > length:
            raise InputError(
                f"field 'keep': {start}:{end} ends beyond source {source}, which has {length} characters",
                hint="count characters from 0, end excluded",
                code="bad-field",
            )
        yield SourceSpan(source, start, end)


def _matches(request: Request, patterns: tuple[str, ...], unmatched: list[str]) -> Iterator[SourceSpan]:
    """The lines with a match; patterns without one are added to ``unmatched``."""
    if not patterns:
        return
    deadline = time.monotonic() + SEARCH_SECONDS
    silent = dict.fromkeys(patterns)
    for number, source in enumerate(request.sources):
        lines = [0, *source.line_starts]
        texts: dict[bool, SearchedText] = {}
        for pattern in patterns:
            names_cr = names_cr_itself(pattern)
            if names_cr not in texts:
                texts[names_cr] = SearchedText(source, as_it_is=names_cr)
            covered = 0
            for start, end in texts[names_cr].find(pattern, deadline):
                silent.pop(pattern, None)
                if end > start >= covered:
                    first, covered = _whole_lines(source.text, lines, start, end)
                    yield SourceSpan(number, first, covered)
    unmatched += [f"--keep {shown(pattern)} matches no line" for pattern in silent]


def _whole_lines(text: str, lines: list[int], start: int, end: int) -> tuple[int, int]:
    """The lines of a match without the last line end; of long lines the sentences of the match."""
    first = lines[bisect_right(lines, start) - 1]
    after = bisect_right(lines, max(start, end - 1))
    last = lines[after] if after < len(lines) else len(text)
    if last - first > _LONG_LINE_CHARS + (end - start):
        sentences = [0, *sentence_starts(text[first:last]).tolist(), last - first]
        low = first + sentences[bisect_right(sentences, start - first) - 1]
        after = bisect_right(sentences, max(start, end - 1) - first)
        first, last = low, first + sentences[min(after, len(sentences) - 1)]
    return first, max(end, first + len(text[first:last].rstrip()))


def _lines(request: Request, wanted: LineRange, unmatched: list[str]) -> Iterator[SourceSpan]:
    """The lines of the sources that are meant; added to ``unmatched`` where there are none."""
    concerned = [number for number, source in enumerate(request.sources) if wanted.concerns(source)]
    reached = [number for number in concerned if wanted.first <= request.sources[number].num_lines]
    for number in reached:
        yield SourceSpan(number, *_line_span(request.sources[number], wanted))
    if not concerned:
        unmatched.append(f"--keep-lines {wanted}: no input is called {wanted.name!r}")
    elif not reached:
        most = max(request.sources[number].num_lines for number in concerned)
        unmatched.append(f"--keep-lines {wanted}: the text ends with line {most:,}")


def _line_span(source: Source, wanted: LineRange) -> tuple[int, int]:
    start = source.offset_of_line(wanted.first)
    end = len(source.text) if wanted.last is None else source.offset_of_line(wanted.last + 1)
    return start, start + len(source.text[start:end].rstrip("\r\n"))


def _ends(
    request: Request, num_tokens: int, tokenizer: TargetTokenizer, *, from_end: bool
) -> Iterator[SourceSpan]:
    """The first or last ``num_tokens`` tokens of the context, to the last whole word."""
    sources = list(enumerate(request.sources))
    left = num_tokens
    for number, source in reversed(sources) if from_end else sources:
        if left <= 0:
            return
        context = source.context_span
        span, used = _end_of_text(source.text, context, left, tokenizer, from_end=from_end)
        yield SourceSpan(number, span.start, span.end)
        if span != context:
            return
        left -= used


def _end_of_text(
    text: str, context: Span, num_tokens: int, tokenizer: TargetTokenizer, *, from_end: bool
) -> tuple[Span, int]:
    reach = min(context.num_chars, num_tokens * _CHARS_A_TOKEN)
    window = (
        Span(context.end - reach, context.end) if from_end else Span(context.start, context.start + reach)
    )
    starts = (word_starts(text[window.start : window.end]) + window.start).tolist()
    edges = [window.start, *starts, window.end]
    if from_end:
        edges = edges[::-1]
    low, high, used = 0, len(edges) - 1, 0
    while low < high:
        middle = (low + high + 1) // 2
        count = tokenizer.count(text[slice(*sorted((edges[0], edges[middle])))])
        if count <= num_tokens:
            low, used = middle, count
        else:
            high = middle - 1
    return Span(*sorted((edges[0], edges[low]))), used
