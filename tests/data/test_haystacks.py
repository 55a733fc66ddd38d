import random
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from statistics import mean

import pytest

from longattncomp_cli.data.examples import Document, EvidenceSpan, Example, normal_text, render
from longattncomp_cli.data.haystack_report import describe, write_plot
from longattncomp_cli.data.haystacks import HaystackConfig, HaystackSet
from longattncomp_cli.data.splits import is_held_out, split_examples
from longattncomp_cli.errors import InputError, OutputError, ResourceError, UsageError

WORDS = ["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet", "jetty", "knoll"]


def count_tokens(text):
    return len(text.split())


def paragraph(rng, name, num_words=40):
    return " ".join([name, *rng.choices(WORDS, k=num_words - 1)])


def make_pool(size, seed=0, **lengths):
    rng = random.Random(seed)
    return [Document(f"pool {i}", paragraph(rng, f"pool-{i}", **lengths)) for i in range(size)]


def make_examples(count, num_relevant=2, num_distractors=8, seed=1):
    rng = random.Random(seed)
    examples = []
    for number in range(count):
        size = num_relevant + num_distractors
        documents = tuple(Document("", paragraph(rng, f"own-{number}-{i}")) for i in range(size))
        relevant = tuple(sorted(rng.sample(range(size), num_relevant)))
        evidence = tuple(EvidenceSpan(i, 0, documents[i].text.index(" ")) for i in relevant)
        examples.append(
            Example(f"e{number}", "where?", documents, relevant, dataset="made", evidence=evidence)
        )
    return examples


def compose(examples, pool=None, **config):
    config = {"min_tokens": 1_000, "max_tokens": 3_000, "num_documents": None} | config
    return HaystackSet(examples, pool or make_pool(300), count_tokens, HaystackConfig(**config))


def test_one_seed_gives_one_composition_in_any_order():
    examples = make_examples(12)
    first, second = compose(examples), compose(examples)
    assert [first[i] for i in range(12)] == [second[i] for i in reversed(range(12))][::-1]
    assert list(first) != list(compose(examples, seed=1))


def test_every_relevant_document_is_there_once_and_marked():
    examples = make_examples(40)
    for example, haystack in zip(examples, compose(examples, negative_share=0.0), strict=True):
        assert set(haystack.example.relevant_documents) == set(example.relevant_documents)
        assert len(haystack.example.relevant) == 2
        found = [
            haystack.example.documents[s.document].text[s.start : s.end] for s in haystack.example.evidence
        ]
        wanted = [example.documents[s.document].text[s.start : s.end] for s in example.evidence]
        assert sorted(found) == sorted(wanted)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_share_without_needle_is_exact(share):
    haystacks = list(compose(make_examples(40), negative_share=share))
    assert sum(not haystack.example.relevant for haystack in haystacks) == 40 * share


def test_examples_without_a_relevant_document_count_towards_the_share():
    examples = make_examples(40)
    for index in range(6):
        examples[index] = replace(examples[index], relevant=(), evidence=())
    haystacks = list(compose(examples, negative_share=0.25))
    assert sum(not haystack.example.relevant for haystack in haystacks) == 10
    assert all(not haystack.example.relevant for haystack in haystacks[:6])
    more = [replace(example, relevant=(), evidence=()) for example in examples]
    assert all(not haystack.example.relevant for haystack in compose(more, negative_share=0.25))


def test_no_duplicates_and_no_copies_of_relevant_text():
    examples = make_examples(30)
    leaks = []
    for example in examples:
        text = example.relevant_documents[0].text
        leaks += [
            Document("copy", text.upper()),
            Document("longer", f"Before. {text}  After."),
            Document("part", text[: len(text) // 2]),
        ]
    pool = make_pool(60) + leaks + make_pool(60)
    for example, haystack in zip(examples, compose(examples, pool, negative_share=0.5), strict=True):
        texts = [normal_text(document.text) for document in haystack.example.documents]
        assert len(texts) == len(set(texts))
        relevant = [normal_text(document.text) for document in example.relevant_documents]
        for distractor in haystack.example.distractors:
            text = normal_text(distractor.text)
            assert not any(text in other or other in text for other in relevant)


def test_random_documents_never_share_a_title_with_a_relevant_one():
    examples = [
        replace(e, documents=tuple(replace(d, title=f"own {i}") for d in e.documents))
        for i, e in enumerate(make_examples(10))
    ]
    pool = make_pool(200) + [Document(f"own {i}", f"another text {i}") for i in range(10)]
    for index, haystack in enumerate(compose(examples, pool)):
        own = {document.text for document in examples[index].documents}
        strangers = [d for d in haystack.example.documents if d.text not in own]
        assert f"own {index}" not in {document.title for document in strangers}


def test_own_distractors_come_first():
    examples = make_examples(10)
    for example, haystack in zip(examples, compose(examples, negative_share=0.0), strict=True):
        assert set(example.documents) <= set(haystack.example.documents)
    for example, haystack in zip(examples, compose(examples, max_hard_negatives=3), strict=True):
        assert len(set(example.distractors) & set(haystack.example.documents)) == 3


def test_lengths_are_met_and_spread():
    examples = make_examples(200)
    haystacks = list(compose(examples))
    for haystack in haystacks:
        assert haystack.num_tokens <= haystack.target_tokens
        # Every document has 40 words (and 2 of title): no more than one is missing.
        assert haystack.num_tokens > haystack.target_tokens - 42
        assert haystack.document_tokens == tuple(
            count_tokens(document.titled_text) for document in haystack.example.documents
        )
    targets = [haystack.target_tokens for haystack in haystacks]
    assert min(targets) < 1_100
    assert max(targets) > 2_700
    # Even on a logarithmic scale: half lie below the geometric mean, 1,732.
    assert 0.4 < mean(target < 1_732 for target in targets) < 0.6


@pytest.mark.parametrize("tokens", [2_000, 6_000])
def test_paragraphs_are_joined_to_reach_the_length_with_the_number_of_documents(tokens):
    haystacks = list(compose(make_examples(10), num_documents=20, min_tokens=tokens, max_tokens=tokens))
    for haystack in haystacks:
        assert len(haystack.example.documents) == 20
        assert tokens - 50 < haystack.num_tokens <= tokens + 1
        text, _ = render(haystack.example.documents)
        assert abs(count_tokens(text) - haystack.num_tokens) == 0


def test_a_short_length_takes_fewer_documents():
    for haystack in compose(make_examples(10), num_documents=100, min_tokens=800, max_tokens=800):
        assert 15 <= len(haystack.example.documents) <= 20


def test_a_small_pool_ends_quietly():
    for haystack in compose(make_examples(4), make_pool(3), min_tokens=5_000, max_tokens=5_000):
        assert len(haystack.example.documents) <= 13


@pytest.mark.parametrize("num_relevant", [1, 2, 4])
def test_depths_are_spread_evenly(num_relevant):
    report = describe(compose(make_examples(300, num_relevant), negative_share=0.1))
    assert len(report.depths) == 270 * num_relevant
    assert all(0 <= depth <= 1 for depth in report.depths)
    assert report.depth_thirds == pytest.approx((1 / 3, 1 / 3, 1 / 3), abs=0.05)
    fifths = Counter(int(depth * 5) for depth in report.depths)
    assert all(0.14 < fifths[i] / len(report.depths) < 0.26 for i in range(5))


def test_rendered_spans_hold_the_documents():
    documents = [Document("Tïtle", "one 🙂"), Document("", "two"), Document("T", "")]
    text, spans = render(documents)
    assert text == "Tïtle\none 🙂\n\ntwo\n\nT\n"
    assert [text[span.start : span.end] for span in spans] == ["one 🙂", "two", ""]


def test_report_describes_what_was_composed():
    haystacks = list(compose(make_examples(20)))
    report = describe(haystacks)
    figures = report.as_dict()
    assert figures["num_haystacks"] == 20
    assert figures["datasets"] == {"made": 20}
    assert figures["relevant_counts"] == {"0": 5, "2": 15}
    assert figures["negative_share"] == 0.25
    assert figures["tokens"]["max"] == max(haystack.num_tokens for haystack in haystacks)
    assert ("without a needle", "25.0%") in report.rows()
    assert describe([]).as_dict()["tokens"] == {"min": 0, "median": 0, "max": 0}


def test_plot_needs_matplotlib_and_says_so(tmp_path, monkeypatch):
    report = describe(compose(make_examples(4)))
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ResourceError, match="matplotlib") as caught:
        write_plot(report, tmp_path / "plot.png")
    assert "pip install" in caught.value.hint


def test_plot_is_written(tmp_path):
    pytest.importorskip("matplotlib")
    report = describe(compose(make_examples(4)))
    write_plot(report, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OutputError, match="cannot be written"):
        write_plot(report, tmp_path / "none" / "plot.png")


@pytest.mark.parametrize(
    "config",
    [{"num_documents": 0}, {"min_tokens": 0}, {"min_tokens": 9, "max_tokens": 8}, {"negative_share": 1.5}],
)
def test_impossible_forms_are_refused(config):
    with pytest.raises(UsageError):
        HaystackConfig(**config)


def test_examples_refuse_indices_that_point_nowhere():
    documents = (Document("", "abc"), Document("", "def"))
    for fields in (
        {"relevant": (2,)},
        {"relevant": (1, 0)},
        {"relevant": (0, 0)},
        {"relevant": (0,), "evidence": (EvidenceSpan(1, 0, 1),)},
        {"relevant": (0,), "evidence": (EvidenceSpan(0, 2, 4),)},
        {"relevant": (0,), "query": " "},
    ):
        with pytest.raises(InputError, match="example e"):
            Example(**({"id": "e", "query": "q", "documents": documents} | fields))


def test_held_out_examples_are_fixed_by_group_and_grow_with_the_share():
    examples = [replace(example, group=f"article {i % 100}") for i, example in enumerate(make_examples(400))]
    train, held_out = split_examples(examples, 0.2)
    assert len(train) + len(held_out) == 400
    assert not {example.group for example in train} & {example.group for example in held_out}
    assert 0.1 < len(held_out) / 400 < 0.3
    assert all(is_held_out(example, 0.4) for example in held_out)
    # Fixed for ever: a checkpoint's card refers to it.
    assert [is_held_out(example, 0.5) for example in examples[:8]] == [
        True,
        True,
        False,
        True,
        True,
        True,
        True,
        False,
    ]


def test_importing_the_package_imports_no_torch():
    names = ["examples", "readers", "haystacks", "haystack_report", "splits"]
    modules = ", ".join(f"longattncomp_cli.data.{name}" for name in names)
    code = f"import sys, {modules}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
