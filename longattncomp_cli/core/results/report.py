"""The JSON shapes of the outputs. Same input, same bytes: no times, no machine names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longattncomp_cli.core.files.json_lines import Written
from longattncomp_cli.core.files.json_places import members
from longattncomp_cli.core.inputs.conversations.shapes import place_of_messages
from longattncomp_cli.core.results.compression import Compression, Scored
from longattncomp_cli.errors import LongAttnCompError

if TYPE_CHECKING:
    from longattncomp_cli.core.prompts.request import Request
    from longattncomp_cli.core.scoring.explain.chunk import Explanation
    from longattncomp_cli.core.scoring.explain.hop import HopExplanation

JsonObject = dict[str, Any]
_REPORTED_WORDS = 12
"""Of each explained query word, and of the second hop."""


def score_report(scored: Scored) -> JsonObject:
    """One record's chunk scores, in source order; with ``kept`` where a selection was made.

    A chunk that was left out whole because it repeats what is kept has ``"copy": true``.
    """
    request, scores = scored.request, scored.scores
    kept = None if scored.selection is None else {span.chunk.index for span in scored.selection.kept}
    copies = frozenset() if scored.selection is None else frozenset(scored.selection.copies)
    num_tokens = scored.renderer.tokens_per_chunk
    ranks = scores.ranks.tolist()
    chunks = []
    for chunk in scores.chunks:
        source = request.sources[chunk.source]
        start, end = source.file_span(chunk.start, chunk.end)
        entry = {
            "index": chunk.index,
            "source": chunk.source,
            "start": start,
            "end": end,
            "line_start": source.line_of(chunk.start),
            "line_end": source.line_of(max(chunk.start, chunk.end - 1)),
            "num_tokens": num_tokens[chunk.index],
            "score": rounded(scores.scores[chunk.index]),
            "rank": ranks[chunk.index],
        }
        if kept is not None:
            entry["kept"] = chunk.index in kept
            if (chunk.source, chunk.start, chunk.end) in copies:
                entry["copy"] = True
        chunks.append(entry)
    report: JsonObject = {"id": request.id, "query": request.query}
    if scores.confidence is not None:
        report["confidence"] = rounded(scores.confidence)
    if scores.sink is not None:
        report["sink"] = rounded(scores.sink)
    report |= _warnings(scored)
    if any(source.name for source in request.sources):
        report["sources"] = [source.name for source in request.sources]
    if request.frame is not None:
        said = [request.frame.conversation.texts[slot.number] for slot in request.frame.slots]
        report["turns"] = [
            {"message": each.message, "role": each.role, **({"tool": each.tool} if each.tool else {})}
            for each in said
        ]
    if any(source.view is not None for source in request.sources):
        report["read_as"] = [None if source.view is None else source.view.what for source in request.sources]
    report["chunks"] = chunks
    return report


def compression_record(
    compression: Compression, checkpoint: str, settings: str
) -> JsonObject | list[JsonObject]:
    """One line of ``compress`` over records: of a list of messages, or of a batch's line, again such a one.

    See :func:`as_written` for the bytes of what did not change.

    A field of the input whose name the output needs for another value is kept as ``input_NAME``.
    """
    request = compression.request
    selection = selection_report(compression, checkpoint, settings)
    conversation = compression.conversation
    if isinstance(conversation, list) or len(place_of_messages(conversation)) > 1:
        same: JsonObject | list[JsonObject] = conversation
        return same
    ours: JsonObject = {"id": request.id}
    extra = conversation
    if conversation is None:
        ours["compressed"] = compression.text
        # Of a chat that is printed as a text, the messages are the input.
        left_out = (*place_of_messages(request.extra), "")[0] if request.frame is not None else ""
        extra = {key: value for key, value in request.extra.items() if key != left_out}
    ours["selection"] = selection
    lost = {f"input_{k}": v for k, v in extra.items() if k in ours and v not in (None, ours[k])}
    return {**extra, **lost, **ours}


def as_written(
    line: JsonObject | list[JsonObject], compression: Compression, record_line: str
) -> JsonObject | Written:
    """The same line with the bytes that the record had: numbers, escapes and order as they were written.

    Args:
        line: of :func:`compression_record`.
        compression: the result.
        record_line: of the record; ``""`` where it could not be read without a repair.
    """
    conversation = compression.conversation
    if line is conversation or isinstance(line, list):
        return Written(compression.text)
    came, text = conversation, compression.text
    if conversation is None:
        came, text = compression.request.extra, record_line
    written = members(text) if text else {}
    return {
        key: Written(written[key]) if key in written and came.get(key) is value else value
        for key, value in line.items()
    }


def selection_report(compression: Compression, checkpoint: str, settings: str) -> JsonObject:
    """What was kept and why.

    ``copies_left_out`` counts the places that were left out because they repeat what is kept word for word;
    ``copies``, absent where there are none, says where each is, in source order.

    Args:
        compression: the result.
        checkpoint: its name.
        settings: the fingerprint of everything that decides the output, which ``--resume`` compares.
    """
    request, scores, selection = compression.request, compression.scores, compression.selection
    ranks = scores.ranks
    report: JsonObject = {
        "budget": compression.budget,
        "num_tokens": compression.num_tokens,
        "original_tokens": compression.renderer.original_tokens,
        "kept_ratio": round(compression.kept_ratio, 4),
        "tokenizer": compression.renderer.tokenizer.name,
        "mode": compression.mode,
        "stop": selection.stop,
        "retained_mass": rounded(selection.retained_mass),
    }
    if scores.confidence is not None:
        report["confidence"] = rounded(scores.confidence)
    report |= _warnings(compression)
    report["query"] = request.query
    report["query_parser"] = request.query_parser
    if request.frame is None and request.sources[0].context_region is not None:
        region = request.sources[0].context_region
        report["context_span"] = {"start": region.start, "end": region.end}
    report["chunks_kept"] = len({span.chunk.index for span in selection.kept})
    report["chunks_total"] = len(scores.chunks)
    report["copies_left_out"] = len(selection.copies)
    if selection.copies:
        report["copies"] = [_place(request, number, start, end) for number, start, end in selection.copies]
    report["checkpoint"] = checkpoint
    report["settings"] = settings
    report["spans"] = [
        {
            **_place(request, span.chunk.source, span.start, span.end),
            "score": rounded(scores.scores[span.chunk.index]),
            "rank": int(ranks[span.chunk.index]),
            **({"reason": span.reason} if span.reason else {}),
        }
        for span in selection.kept
    ]
    return report


def _place(request: Request, source: int, start: int, end: int) -> JsonObject:
    """Where a span lies, of what was folded in the text as it came.

    Of a conversation in which message, and where its string stands (a JSON pointer).
    """
    start, end = request.sources[source].file_span(start, end)
    if request.frame is None:
        return {"source": source, "start": start, "end": end}
    slot = request.frame.slots[source]
    said = request.frame.conversation.texts[slot.number]
    path = "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in said.place)
    return {"source": said.message, "path": path, "start": start + slot.start, "end": end + slot.start}


def _warnings(result: Scored | Compression) -> JsonObject:
    """The ``warnings`` field, absent where there are none."""
    warnings = [{"code": each.code, "message": each.message} for each in result.warnings]
    return {"warnings": warnings} if warnings else {}


def kept_parts(compression: Compression) -> dict[int, list[JsonObject]]:
    """For each source of which anything was kept: its spans, in order."""
    parts: dict[int, list[JsonObject]] = {}
    for span in compression.spans:
        parts.setdefault(span.source, []).append(
            {"start": span.start, "end": span.end, "score": rounded(span.score), "rank": span.rank}
        )
    return parts


def explain_report(explanation: Explanation) -> JsonObject:
    """The explanation as JSON, numbers rounded as in the score report."""
    return {
        "chunk": explanation.chunk,
        "unit": explanation.unit,
        "own": rounded(explanation.score),
        "baseline": rounded(explanation.baseline),
        "hop": None if explanation.hop is None else _hop_report(explanation.hop),
        "names": [{"text": name, "adds": rounded(adds)} for name, adds in explanation.exact],
        "query_words": [
            {
                "text": word.text,
                "start": word.start,
                "end": word.end,
                "weight": rounded(word.weight),
                "mass": rounded(word.mass),
                "adds": rounded(word.adds),
                "words": [
                    {"text": part.text, "start": part.start, "end": part.end, "share": rounded(part.share)}
                    for part in word.words[:_REPORTED_WORDS]
                ],
            }
            for word in explanation.words
        ],
    }


def _hop_report(hop: HopExplanation) -> JsonObject:
    return {
        "raised": rounded(hop.boost),
        "most": rounded(hop.max_boost),
        "rank": hop.rank,
        "asks": hop.is_seed,
        "words": [
            {"chunk": word.chunk, "start": word.start, "end": word.end, "share": rounded(word.share)}
            for word in hop.words[:_REPORTED_WORDS]
        ],
    }


def error_record(record_id: str | int | None, error: LongAttnCompError) -> JsonObject:
    """The line that stands in the place of a record that failed."""
    message = f"{error.message}; {error.hint}" if error.hint else error.message
    return {"id": record_id, "error": {"code": error.code, "message": message}}


def rounded(value: float) -> float:
    """Six significant digits: what the arithmetic is good for."""
    return float(f"{value:.6g}")
