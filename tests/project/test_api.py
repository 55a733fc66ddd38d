"""The Python API: quick to import, the same results as the command line, adapters that lose nothing."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import longattncomp_cli
from longattncomp_cli import Compressor, InputError, Source, UsageError
from tests.support.cli import invoke

FACT = "The ledger was signed by Ines Albrecht."
TEXT = "Ropes were mended. " * 40 + "\n\n" + FACT + "\n\n" + "Nets were counted. " * 40
QUERY = "Who signed the ledger?"


@pytest.fixture(scope="module")
def compressor() -> Compressor:
    return Compressor.load(device="cpu")


def test_importing_the_package_and_its_class_imports_no_torch() -> None:
    code = (
        "import sys, longattncomp_cli; assert 'numpy' not in sys.modules;"
        "from longattncomp_cli import Compressor, Source; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_published_method_is_the_same_in_python_and_in_the_shell(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    result = Compressor.load(device="cpu", as_published=True, chunk_tokens=64).compress(TEXT, QUERY, "25%")
    args = ["compress", str(tmp_path / "text.txt"), "-q", QUERY, "-b", "25%", "--chunk-tokens", "64"]
    shell = invoke(*args, "--as-published", "--quiet")
    assert shell.stdout.rstrip("\n") == result.text.rstrip("\n")
    assert FACT in result.text


def test_every_public_name_is_there_and_no_other() -> None:
    for name in longattncomp_cli.__all__:
        assert getattr(longattncomp_cli, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Decompressor'"):
        _ = longattncomp_cli.Decompressor


def test_it_keeps_what_the_command_keeps(
    compressor: Compressor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text(TEXT)
    done = invoke("compress", "a.txt", "-q", QUERY, "-b", "30", "--device", "cpu")
    assert compressor.compress(TEXT, QUERY, 30).text == done.stdout


def test_a_compression_tells_what_it_kept(compressor: Compressor, o200k) -> None:
    result = compressor.compress(["Salt is dear. " * 50, Source(TEXT, title="Ledgers")], QUERY, budget="2%")
    assert result.num_tokens == o200k.count(result.text) <= result.budget
    assert result.budget == int(0.02 * result.renderer.original_tokens)
    for span in result.spans:
        assert span.text == ["Salt is dear. " * 50, TEXT][span.source][span.start : span.end]
        assert span.text in result.text_of(span.source)
    assert FACT in result.text_of(1)
    assert result.text_of(0) == ""


def test_chunks_come_best_first_and_are_all_of_the_text(compressor: Compressor) -> None:
    chunks = compressor.score(TEXT, QUERY).chunks
    assert [chunk.rank for chunk in chunks] == list(range(1, len(chunks) + 1))
    assert FACT in chunks[0].text
    assert "".join(chunk.text for chunk in sorted(chunks, key=lambda chunk: chunk.start)) == TEXT


def test_without_a_query_the_text_is_a_whole_prompt(compressor: Compressor) -> None:
    result = compressor.compress(f"Answer from the text.\n\n{TEXT}\n\nQuestion: {QUERY}", budget=60)
    assert result.text.endswith(f"Question: {QUERY}")
    assert FACT in result.text


def test_an_instruction_is_kept_and_charged(compressor: Compressor) -> None:
    result = compressor.compress(TEXT, QUERY, 40, instruction="Be brief.")
    assert result.text.startswith("Be brief.\n\n")
    assert result.num_tokens <= 40


def test_wrong_calls_say_what_is_wrong(compressor: Compressor) -> None:
    with pytest.raises(UsageError, match="no budget"):
        compressor.compress(TEXT, QUERY)
    with pytest.raises(InputError, match="empty"):
        compressor.compress([], QUERY, 10)
    with pytest.raises(InputError, match="query"):
        compressor.compress(["a", "b"], "", 10)


@pytest.mark.parametrize(
    ("context", "query", "found"),
    [
        (None, QUERY, "NoneType"),
        (5, QUERY, "int"),
        (TEXT.encode(), QUERY, "bytes"),
        ([TEXT, 5], QUERY, "int"),
        ({"text": TEXT}, QUERY, "dict"),
        (TEXT, None, "query is of the type NoneType"),
    ],
)
def test_what_is_no_text_is_told(compressor: Compressor, context: object, query: object, found: str) -> None:
    for call in (compressor.compress, compressor.score):
        with pytest.raises(InputError, match=found) as caught:
            call(context, query, 30)  # type: ignore[operator]
        assert caught.value.hint


@pytest.mark.parametrize(
    "wrong", [{"dtype": "int3"}, {"snap": "page"}, {"encoding": "half"}, {"chunk_tokens": 0}, {"hops": 9}]
)
def test_what_no_scorer_takes_is_told_when_it_is_loaded(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=str(next(iter(wrong.values())))) as caught:
        Compressor.load(device="cpu", **wrong)  # type: ignore[arg-type]
    assert caught.value.hint


def test_half_a_character_is_repaired_and_told(compressor: Compressor) -> None:
    result = compressor.compress(["x\ud83d " + TEXT, Source("\udc00")], QUERY + "\ud800", 20_000)
    assert result.text.startswith("x\ufffd Ropes")
    (warning,) = [each for each in result.warnings if each.code == "lone-surrogates"]
    assert warning.message.startswith("3 halves")


def test_threads_share_a_compressor_and_a_context(compressor: Compressor) -> None:
    """Two at a time give what one after the other gives."""
    texts = [TEXT, "Nets hang in the loft. " * 12 + FACT.replace("Ines", "Tove")]
    queries = [QUERY, "Where are the nets?"]
    read = [compressor.read(text) for text in texts]
    alone = [[compressor.compress(text, query, 40).text for query in queries] for text in texts]
    with ThreadPoolExecutor(2) as pool:
        for ask in (lambda i, q: compressor.compress(texts[i], q, 40), lambda i, q: read[i].compress(q, 40)):
            asked = [[pool.submit(ask, i, query) for query in queries] for i in range(2)]
            assert [[each.result().text for each in row] for row in asked] == alone


def test_langchain_documents_keep_metadata_and_offsets(compressor: Compressor) -> None:
    pytest.importorskip("langchain_core")
    from langchain_core.documents import Document

    from longattncomp_cli.integrations.langchain import LongAttnCompressor

    documents = [
        Document(page_content="Salt is dear. " * 40, metadata={"source": "salt"}),
        Document(page_content=TEXT, metadata={"source": "log", "page": 7}, id="d2"),
    ]
    documents_of = LongAttnCompressor(compressor=compressor, budget=14).compress_documents
    (kept,) = documents_of(documents, QUERY)
    assert [documents_of(documents, QUERY) for _ in range(2)] == [[kept]] * 2
    assert FACT in kept.page_content
    assert (kept.id, kept.metadata["source"], kept.metadata["page"]) == ("d2", "log", 7)
    spans = kept.metadata["longattncomp"]["spans"]
    assert "".join(TEXT[span["start"] : span["end"]] for span in spans) == kept.page_content
    assert documents[1].page_content == TEXT
    assert "longattncomp" not in documents[1].metadata
    assert LongAttnCompressor(compressor=compressor).compress_documents([], QUERY) == []


def test_llama_index_nodes_keep_metadata_score_and_offsets(compressor: Compressor) -> None:
    pytest.importorskip("llama_index.core")
    from llama_index.core.schema import MetadataMode, NodeWithScore, TextNode

    from longattncomp_cli.integrations.llama_index import LongAttnPostprocessor

    node = TextNode(text=TEXT, metadata={"file": "log"}, start_char_idx=100, end_char_idx=100 + len(TEXT))
    nodes = [NodeWithScore(node=TextNode(text="Salt is dear. " * 40), score=0.9)]
    nodes.append(NodeWithScore(node=node, score=0.3))
    processor = LongAttnPostprocessor(compressor=compressor, budget=14)
    (kept,) = processor.postprocess_nodes(nodes, query_str=QUERY)
    text = kept.node.get_content(MetadataMode.NONE)
    assert FACT in text
    assert (kept.score, kept.node.metadata["file"], kept.node.node_id) == (0.3, "log", node.node_id)
    assert TEXT[kept.node.start_char_idx - 100 : kept.node.end_char_idx - 100] == text
    assert "spans" not in kept.node.get_content(MetadataMode.LLM)
    assert node.text == TEXT
    with pytest.raises(ValueError, match="query"):
        processor.postprocess_nodes(nodes)
