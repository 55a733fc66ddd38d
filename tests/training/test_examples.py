"""What a run trains on: made examples, limits, pools, sub-queries."""

from __future__ import annotations

import math
import random
from collections import Counter
from pathlib import Path

import pytest

from longattncomp_cli.data.examples import Document, Example, estimate_tokens
from longattncomp_cli.data.synthetic import key_examples, python_examples
from longattncomp_cli.errors import InputError, UsageError
from longattncomp_cli.training.config import preset
from longattncomp_cli.training.examples import limited, load_data, with_sub_queries
from longattncomp_cli.training.pools.haystack_pools import HaystackPlan
from longattncomp_cli.training.pools.plan import PoolConfig, PoolPlan

FUNCTION = '''
def name_{i}(left, right):
    """Add the {word} numbers of two columns and return their sum."""
    total = left + right
    for step in range(total):
        total += step * {i}
    return total
'''


def test_python_examples_ask_for_functions_without_their_docstrings(tmp_path: Path) -> None:
    words = ("odd", "even", "prime", "first", "last", "largest", "smallest")
    (tmp_path / "module.py").write_text("".join(FUNCTION.format(i=i, word=w) for i, w in enumerate(words)))
    (tmp_path / "test_module.py").write_text((tmp_path / "module.py").read_text())
    examples = list(python_examples(tmp_path))
    assert {example.group for example in examples} == {"module.py"}
    asked = [e for e in examples if "columns" in e.query]
    assert len(asked) == len(words)
    for index, example in enumerate(asked):
        assert words[index] in example.query
        text = example.relevant_documents[0].text
        assert f"name_{index}(" in text
        assert "columns" not in text
    for example in examples:
        if example not in asked:
            assert all(
                d.text.split("(")[0].removeprefix("def ") in example.query for d in example.relevant_documents
            )


def test_key_examples_mark_the_line_of_their_key() -> None:
    for example in key_examples(4):
        (span,) = example.evidence
        line = example.documents[span.document].text[span.start : span.end]
        assert line.endswith("\n")
        assert any(word.strip("?.") and word.strip("?.") in line for word in example.query.split())


def make(group: str, number: int, dataset: str = "squad") -> Example:
    documents = tuple(Document(group, f"{group} paragraph {i} says {i * 7}.") for i in range(6))
    return Example(
        f"{group}{number}", f"What says {number}?", documents, (number % 6,), dataset=dataset, group=group
    )


def test_a_limit_takes_from_many_groups() -> None:
    examples = [make(f"g{g}", n) for g in range(40) for n in range(40)]
    taken = limited(examples, 320)
    assert len(taken) == 320
    assert max(sum(e.group == f"g{g}" for e in taken) for g in range(40)) <= 16
    assert limited(examples[::-1], 320) == taken


def test_a_plan_asks_every_question_once_and_pools_hold_what_answers_them() -> None:
    examples = [make(f"g{g}", n) for g in range(5) for n in range(7)]
    config = PoolConfig(questions_per_pool=6, questions_per_group=2, min_tokens=50, max_tokens=90)
    plan = PoolPlan(examples, config, seed=1, epoch=0)
    assert sorted(i for batch in plan.batches for i in batch) == list(range(35))
    extra = [Document("", f"Filler {i}.") for i in range(30)]
    for number in range(len(plan)):
        pool = plan.pool(number, extra)
        assert len(pool.questions) <= 6
        texts = {document.text for document in pool.documents}
        assert len(texts) == len(pool.documents)
        assert all(q.example.relevant_documents[0].text in texts for q in pool.questions)
        assert plan.pool(number, extra) == pool
    assert PoolPlan(examples, config, seed=1, epoch=1).batches != plan.batches


def test_a_meetings_turns_keep_their_order() -> None:
    examples = [make("meeting", n, "qmsum") for n in range(5)]
    plan = PoolPlan(examples, PoolConfig(questions_per_pool=8, min_tokens=1, max_tokens=100), seed=0, epoch=0)
    assert [d.text for d in plan.pool(0, []).documents] == [d.text for d in examples[0].documents]


def random_examples(rng: random.Random) -> list[Example]:
    """Data sets of several forms, whose documents have one word to some thousands."""

    def document() -> Document:
        words = rng.choices(
            ("ferry", "salt", "naïve", "東京", "🙂", "of"), k=round(math.exp(rng.uniform(0, 7)))
        )
        return Document(rng.choice(("", "Riga", "A title of five words")), " ".join(words))

    examples = []
    for group in range(rng.randint(1, 12)):
        dataset = rng.choice(("squad", "hotpotqa", "qmsum"))
        shared = tuple(document() for _ in range(rng.randint(1, 30)))
        for number in range(rng.randint(1, 6)):
            own = shared if dataset != "hotpotqa" else tuple(document() for _ in range(10))
            relevant = tuple(sorted(rng.sample(range(len(own)), rng.randint(0, min(3, len(own))))))
            name = f"{group}-{number}"
            examples.append(Example(name, "What?", own, relevant, dataset=dataset, group=f"g{group}"))
    return examples


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("haystacks", [False, True])
def test_no_pool_is_longer_than_max_tokens_and_each_holds_what_answers(seed: int, haystacks: bool) -> None:
    rng = random.Random(f"pools:{seed}")
    examples = random_examples(rng)
    documents = list(dict.fromkeys(d for e in examples for d in e.documents))
    max_tokens = rng.choice((60, 300, 1_000, 5_000))
    config = PoolConfig(
        questions_per_pool=rng.randint(1, 16),
        questions_per_group=rng.randint(1, 4),
        min_tokens=rng.randint(max_tokens // 2, max_tokens),
        max_tokens=max_tokens,
        hard_negatives=rng.choice((0, 5, 32)),
        haystacks=haystacks,
        negative_share=0.0,
    )
    if haystacks:
        plan: PoolPlan = HaystackPlan(examples, config, seed, 0, documents)
    else:
        plan = PoolPlan(examples, config, seed, epoch=0)
    for number in range(len(plan)):
        pool = plan.pool(number, documents)
        assert sum(map(estimate_tokens, pool.documents)) <= max_tokens
        assert 1 <= len(pool.questions) <= config.questions_per_pool
        held = set(pool.documents)
        for question in pool.questions:
            assert held.issuperset(question.example.relevant_documents)
    # Each question is asked once, but those whose relevant documents are too long for any pool.
    asked = sorted(index for batch in plan.batches for index in batch)
    gold = [sum(map(estimate_tokens, e.relevant_documents)) for e in examples]
    assert asked == [i for i, size in enumerate(gold) if size <= max_tokens]
    assert list(plan.left_out) == [i for i, size in enumerate(gold) if size > max_tokens]


def test_hard_negatives_that_do_not_all_fit_come_from_every_example() -> None:
    def own(name: str) -> tuple[Document, ...]:
        return tuple(Document(f"{name}{i}", f"{name} paragraph {i}. " * 5) for i in range(40))

    examples = [Example(name, "What?", own(name), (0,), dataset="data") for name in "abcd"]
    config = PoolConfig(questions_per_pool=4, questions_per_group=1, min_tokens=600, max_tokens=600)
    pool = PoolPlan(examples, config, seed=0, epoch=0).pool(0, [])
    counts = Counter(document.title[0] for document in pool.documents)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert min(counts.values()) > 2


def test_max_tokens_alone_can_be_lowered() -> None:
    examples = [make("g", n) for n in range(30)]
    config = preset("embedded", 1, max_tokens=30).pools
    assert config.min_tokens > config.max_tokens
    plan = PoolPlan(examples, config, seed=0, epoch=0)
    assert {sum(map(estimate_tokens, plan.pool(n, []).documents)) for n in range(len(plan))} <= set(range(31))
    with pytest.raises(UsageError, match="max_tokens"):
        PoolConfig(max_tokens=0)


def test_a_pool_that_no_document_fits_into_is_refused() -> None:
    example = Example("1", "What?", (Document("", "word " * 99),), ())
    config = PoolConfig(min_tokens=1, max_tokens=3)
    with pytest.raises(InputError, match="no document fits"):
        PoolPlan([example], config, seed=0, epoch=0).pool(0, [])
    with pytest.raises(InputError, match="no document fits"):
        HaystackPlan([example], config, 0, 0, []).pool(0, [])


def test_sub_queries_follow_the_query() -> None:
    documents = (Document("", "a"),)
    example = Example("1", "Whose?", documents, (0,), sub_queries=("Who?", "What?"))
    assert with_sub_queries(example).query == "Whose?\nWho?\nWhat?"
    assert with_sub_queries(Example("2", "Whose?", documents, (0,))).query == "Whose?"


def test_no_data_and_impossible_values_are_refused() -> None:
    with pytest.raises(UsageError, match="no training data"):
        load_data({}, limits={}, held_out_share=0.1, validation_questions=4)
    with pytest.raises(UsageError, match="epochs"):
        preset("smoke", 1, epochs=0)
    with pytest.raises(UsageError, match="dropout"):
        preset("smoke", 1, dropout=1.5)
