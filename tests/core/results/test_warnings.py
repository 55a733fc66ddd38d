"""What is doubtful about a result is said, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from longattncomp_cli.core.assembly.kept_spans import KeptSpan
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.results.report import compression_record, score_report
from longattncomp_cli.core.results.warnings import find_warnings
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.select import Selection
from longattncomp_cli.core.settings import CompressorSettings


def case(*, sink: float | None, query: str = "q", parser: str = "given", kept: tuple[int, ...] = (0,)):
    sources = (Source("a" * 10, "src/store.py"), Source("b" * 10, "context[1]", title="Ice age"))
    chunks = (Chunk(0, 0, 0, 10, 1), Chunk(1, 1, 0, 10, 1))
    confidence = None if sink is None else 1 - sink
    scores = ChunkScores(chunks, np.array([0.5, 0.5]) * (1 - (sink or 0)), sink, confidence)
    selection = Selection(tuple(KeptSpan(chunks[i], 0, 10) for i in kept), "budget", 0.5)
    return Request(sources, query, query_parser=parser), scores, selection


def codes(**changes) -> list[str]:
    return [warning.code for warning in find_warnings(*case(**changes))]


def test_low_confidence_a_guessed_query_and_a_dropped_source_are_named() -> None:
    assert find_warnings(*case(sink=None)) == find_warnings(*case(sink=0.6)) == ()
    assert codes(sink=0.8) == ["low-confidence"]
    for parser in ("tail", "auto:last-paragraph", "auto:chatml+first-paragraph"):
        assert codes(sink=None, parser=parser) == ["guessed-query"]
    assert find_warnings(*case(sink=None, parser="auto:question-last")) == ()
    (warning,) = find_warnings(*case(sink=None, query="what about the ICE AGE then?"))
    assert warning.code == "dropped-source"
    assert "'Ice age'" in warning.message
    assert "100%" in warning.message
    assert find_warnings(*case(sink=None, query="what about ice ages?")) == ()
    assert find_warnings(*case(sink=None, query="see store.py", kept=(0,))) == ()
    assert codes(sink=None, query="see store.py", kept=(1,)) == ["dropped-source"]
    assert find_warnings(*case(sink=None, query="a store", kept=(1,))) == ()


def test_warnings_stand_in_the_record_and_only_where_there_are_any(scorer, o200k) -> None:
    compressor = Compressor(scorer, o200k, CompressorSettings(budget=12))
    sources = (
        Source("The ledger was signed by Ines. " * 9, title="Ledger"),
        Source("Rain fell. " * 40, "rain.txt"),
    )
    sure = compressor.compress(Request(sources, "Who signed the ledger?"))
    named = compressor.compress(Request(sources, "Who signed it, by rain.txt?", query_parser="tail"))
    codes = [warning["code"] for warning in compression_record(named, "c", "s")["selection"]["warnings"]]
    assert (
        codes[:1] == ["guessed-query"]
        if scorer.checkpoint.config.sink == "none"
        else "guessed-query" in codes
    )
    if scorer.checkpoint.config.sink == "none":
        assert "warnings" not in compression_record(sure, "c", "s")["selection"]
        assert "warnings" not in score_report(sure.scored)


def test_a_correction_that_is_left_out_is_said_with_its_line() -> None:
    fact, filler = "The toll at the weir is six groats.", "Ducks swim by. " * 20
    text = f"{fact}\n\n{filler}\n\nUpdate: the weir takes a toll of four groats.\n"
    edges = [0, text.index("Ducks"), text.index("Update"), len(text)]
    chunks = tuple(Chunk(i, 0, edges[i], edges[i + 1], 9) for i in range(3))
    scores = ChunkScores(chunks, np.array([0.6, 0.1, 0.3]), None)
    request = Request((Source(text),), "q")

    def warned(*kept: int) -> list[str]:
        spans = tuple(KeptSpan(chunks[i], chunks[i].start, chunks[i].end) for i in kept)
        selection = Selection(spans, "budget", 0.5)
        return [warning.message for warning in find_warnings(request, scores, selection)]

    (message,) = warned(0)
    assert "line 5" in message
    assert warned(0, 2) == warned(1) == warned(0, 1, 2) == []


def test_a_place_among_others_is_not_judged_and_that_is_said() -> None:
    request, scores, selection = case(sink=None, query="What does the third step do?")
    (warning,) = find_warnings(request, scores, selection)
    assert (warning.code, "'third'" in warning.message) == ("order-words", True)
    assert codes(sink=None, query="Is a third of it lost?") == []


def test_first_words_of_a_sentence_are_no_answer_and_that_is_said() -> None:
    text = "The keeper of the weir takes six groats from every cart.\nWalkers pay nothing."
    chunks = (Chunk(0, 0, 0, len(text), 20),)
    request = Request((Source(text),), "q")
    scores = ChunkScores(chunks, np.array([1.0]), None)

    def warned(end: int) -> list[str]:
        selection = Selection((KeptSpan(chunks[0], 0, end),), "budget", 0.5)
        return [warning.message for warning in find_warnings(request, scores, selection)]

    (message,) = warned(text.index(" of"))
    assert "2 words" in message
    assert "1 word " in warned(len("The"))[0]
    assert warned(text.index("\n")) == warned(len(text)) == warned(text.index(" every")) == []


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("堰的看守人向每辆车收六个格罗特。行人不付钱。", "。"),
        ("नदी का रखवाला हर गाड़ी से छह सिक्के लेता है। पैदल लोग कुछ नहीं देते।", "।"),
        ("የወንዙ ጠባቂ ይወስዳል። እግረኞች አይከፍሉም።", "።"),
        ("Գետի պահակը վերցնում է։ Անցորդները չեն վճարում։", "։"),
    ],
    ids=["Chinese", "Hindi", "Amharic", "Armenian"],
)
def test_a_sentence_of_any_script_is_no_fragment(text: str, ends: str) -> None:
    chunks = (Chunk(0, 0, 0, len(text), 20),)
    scores = ChunkScores(chunks, np.array([1.0]), None)

    def warned(end: int) -> bool:
        selection = Selection((KeptSpan(chunks[0], 0, end),), "budget", 0.5)
        return "fragment" in {
            each.code for each in find_warnings(Request((Source(text),), "q"), scores, selection)
        }

    assert warned(4)
    assert not warned(text.index(ends) + 1)
