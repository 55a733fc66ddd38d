"""Haystacks that several questions share: some are answered in them, of others the evidence is left out.

A context is encoded once and asked a dozen questions, so that a confidence can be fitted in minutes. The
kinds of question differ, and so do the lengths; evidence is whole paragraphs, turns, definitions or pairs.

Labels: ``answerable``; ``removed``, its paragraphs are left out; ``hard``, left out too, but paragraphs of
the same article or those that the data set calls distractors are there; ``impossible``, SQuAD v2.0's
questions without an answer, beside paragraphs of the article; ``foreign``, a question of another kind.
"""

from __future__ import annotations

import math
import random
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

from longattncomp_cli.benchmark.tasks.made.lookups import FUNCTION_SEPARATOR, docstring_examples
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.data.examples import Document, Example, normal_text, render
from longattncomp_cli.data.haystacks import CountTokens, HaystackConfig, HaystackSet
from longattncomp_cli.data.python_source import Module, read_modules, standard_library
from longattncomp_cli.data.readers import (
    read_2wiki,
    read_hotpotqa,
    read_musique,
    read_paragraphs,
    read_qmsum,
    read_squad,
)
from longattncomp_cli.data.readers.qmsum import TURN_SEPARATOR
from longattncomp_cli.data.splits import hash_share, is_held_out

_PER_TOKENS = 1_500
_MOST_PRESENT = 5
_NUM_REMOVED = 3
_NUM_FOREIGN = 2
_HARD = 12
_KEY_FORMS = (
    "What is the value of the key {}?",
    "Which value belongs to {}?",
    "Find {} and say what it maps to.",
)
_NEEDLE_FORMS = (
    "What is the special magic number for {} mentioned in the provided text?",
    "Which number belongs to {}?",
    "Say the magic number of {}.",
)
_NAME_FORMS = (
    "Which of these functions has a deliberate error?\n{}",
    "Where is {} defined, and what does it return?",
    "What does the function {} do?",
    "Find the bug in {}.",
)

LANGUAGES = ("ar", "de", "en", "es", "hi", "ru", "zh")
_REPORTED_SHARE = 0.5
"""Of XQuAD's articles, by ``--held-out`` of ``bench``: what is reported on them is not fitted on."""

Lengths = tuple[int, int]
"""Tokens of the shortest and of the longest context."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What haystacks are made of.

    Attributes:
        data_dir: folder of the data sets, one folder each.
        split: ``dev``, or ``train``: the held-out part of the training files.
        held_out_share: of ``train``, what was not trained on.
        limit: contexts of a kind.
        seed: of everything random.
        count_tokens: how long a text is.
    """

    data_dir: Path
    split: str
    held_out_share: float
    limit: int
    seed: int
    count_tokens: CountTokens

    @property
    def is_dev(self) -> bool:
        """Whether the figures are the final ones; choices are made on the held-out part of train."""
        return self.split == "dev"

    def rng(self, task: str) -> random.Random:
        """The task's own random numbers."""
        return random.Random(f"{task}:{self.split}:{self.seed}")


@dataclass(frozen=True)
class Question:
    """One question to a context; ``evidence`` is empty unless the label is ``answerable``."""

    query: str
    label: str
    evidence: tuple[Span, ...] = ()


@dataclass(frozen=True)
class SharedHaystack:
    """A text and what it is asked."""

    kind: str
    text: str
    questions: tuple[Question, ...]


def shared_haystacks(setting: Setting, kinds: Sequence[str], lengths: Lengths) -> Iterator[SharedHaystack]:
    """Yield ``setting.limit`` contexts of each kind, with questions of other kinds added to each."""
    made = {kind: list(KINDS[kind](setting, lengths)) for kind in kinds}
    rng = setting.rng("foreign")
    for kind, haystacks in made.items():
        others = [h for other in kinds for h in made[other] if other != kind]
        for haystack in haystacks:
            taken = rng.sample(others, min(_NUM_FOREIGN, len(others)))
            queries = [rng.choice(other.questions).query for other in taken]
            foreign = tuple(Question(query, "foreign") for query in queries)
            yield replace(haystack, questions=haystack.questions + foreign)


def distinct(documents: Iterable[Document]) -> list[Document]:
    """Each document once, in order."""
    return list(dict.fromkeys(documents))


def own_pool(setting: Setting, examples: Sequence[Example]) -> list[Document]:
    """All documents of the examples on the split's side."""
    groups = {
        example.group: example.documents
        for example in examples
        if setting.is_dev or is_held_out(example, setting.held_out_share)
    }
    return distinct(document for documents in groups.values() for document in documents)


@lru_cache(maxsize=2)
def modules_of(split: str) -> tuple[Module, ...]:
    """The standard library's modules, one half for each split."""
    modules = read_modules(standard_library())
    return tuple(m for m in modules if (hash_share(f"module:{m.name}") < 0.5) == (split == "dev"))


def _definitions(module: Module) -> list[tuple[str, Span]]:
    return [(node.name, module.span_of(node)) for node in module.nodes]


def _drawn(setting: Setting, kind: str, lengths: Lengths) -> list[int]:
    rng = setting.rng(f"lengths:{kind}")
    low, high = (math.log(length) for length in lengths)
    return [round(math.exp(rng.uniform(low, high))) for _ in range(setting.limit)]


def _num_present(num_tokens: int) -> int:
    return min(_MOST_PRESENT, max(1, num_tokens // _PER_TOKENS))


def _composed(
    setting: Setting,
    kind: str,
    lengths: Lengths,
    examples: Sequence[Example],
    pool: Sequence[Document],
    separator: str = "\n\n",
) -> Iterator[SharedHaystack]:
    """Contexts of paragraphs or functions."""
    usable = [e for e in examples if setting.is_dev or is_held_out(e, setting.held_out_share)]
    answerable = [example for example in usable if example.relevant]
    impossible = [example for example in usable if not example.relevant]
    for number, num_tokens in enumerate(_drawn(setting, kind, lengths)):
        rng = setting.rng(f"{kind}:{number}")
        hard = rng.choice((0, 0, _HARD))
        present = rng.sample(answerable, _num_present(num_tokens))
        removed = rng.sample(answerable, _NUM_REMOVED)
        tempting = rng.sample(answerable, _NUM_REMOVED if num_tokens > 2 * _PER_TOKENS else 1)
        unheard = rng.sample(impossible, min(len(impossible), len(tempting)))
        hidden = {normal_text(d.text) for e in (*removed, *tempting) for d in e.relevant_documents}
        present = [e for e in present if hidden.isdisjoint(normal_text(d.text) for d in e.relevant_documents)]
        example = _joined_example(rng, present, [*tempting, *unheard], hidden, hard)
        config = HaystackConfig(
            num_documents=None,
            min_tokens=num_tokens,
            max_tokens=num_tokens,
            negative_share=0.0,
            max_hard_negatives=None,
            seed=setting.seed,
        )
        others = [document for document in pool if normal_text(document.text) not in hidden]
        composed = HaystackSet([example], others, setting.count_tokens, config)[0].example
        text, spans = render(composed.documents, separator)
        place = {normal_text(d.text): s for d, s in zip(composed.documents, spans, strict=True)}
        questions = []
        for asked in present:
            found = [place[normal_text(document.text)] for document in asked.relevant_documents]
            questions.append(Question(asked.query, "answerable", tuple((s.start, s.end) for s in found)))
        whole = normal_text(text)
        for label, side in (("removed", removed), ("hard", tempting), ("impossible", unheard)):
            is_out = [all(normal_text(d.text) not in whole for d in e.relevant_documents) for e in side]
            questions += [Question(e.query, label) for e, out in zip(side, is_out, strict=True) if out]
        yield SharedHaystack(kind, text, tuple(questions))


def _joined_example(
    rng: random.Random,
    present: Sequence[Example],
    tempting: Sequence[Example],
    hidden: set[str],
    hard: int,
) -> Example:
    """One example whose needles are all that is needed, and whose distractors are those to tempt."""
    needles = distinct(document for example in present for document in example.relevant_documents)
    wanted = {normal_text(document.text) for document in needles}
    near: list[Document] = []
    for example in tempting:
        near += rng.sample(example.distractors, min(_HARD // 2, len(example.distractors)))
    for example in present:
        near += rng.sample(example.distractors, min(hard, len(example.distractors)))
    near = [d for d in distinct(near) if normal_text(d.text) not in hidden | wanted]
    return Example("shared", "?", (*needles, *near), tuple(range(len(needles))))


def _squad(setting: Setting, lengths: Lengths) -> Iterator[SharedHaystack]:
    name = "dev-v2.0.json.gz" if setting.is_dev else "train-v1.1.json.gz"
    examples = list(read_squad(setting.data_dir / "squad" / name))
    return _composed(setting, "squad", lengths, examples, own_pool(setting, examples))


def _hotpotqa(setting: Setting, lengths: Lengths) -> Iterator[SharedHaystack]:
    folder = setting.data_dir / "hotpotqa"
    examples = list(read_hotpotqa(folder / ("dev.json.gz" if setting.is_dev else "train.json.gz")))
    pool = list(read_paragraphs(folder / "paragraph_pool.jsonl.gz"))
    return _composed(setting, "hotpotqa", lengths, examples, pool)


def xquad_half(data_dir: Path, language: str, *, is_reported: bool) -> list[Example]:
    """XQuAD's questions of the articles that are reported, or of the others, on which choices are made."""
    examples = read_squad(data_dir / "xquad" / f"dev.{language}.json.gz")
    return [example for example in examples if is_held_out(example, _REPORTED_SHARE) == is_reported]


def _xquad(setting: Setting, lengths: Lengths, *, language: str) -> Iterator[SharedHaystack]:
    """Paragraphs in one language; half of the questions are in another. One half of the articles a split."""
    halves = {each: xquad_half(setting.data_dir, each, is_reported=setting.is_dev) for each in LANGUAGES}
    asked = {other: {e.id: e.query for e in half} for other, half in halves.items()}
    rng = setting.rng(f"xquad.{language}:queries")
    examples = []
    for example in halves[language]:
        other = rng.choice(LANGUAGES) if rng.random() < 0.5 else language
        examples.append(replace(example, query=asked[other][example.id]))
    # The split is that of the articles: none is held out a second time.
    whole = replace(setting, held_out_share=1.0)
    return _composed(whole, f"xquad.{language}", lengths, examples, own_pool(whole, examples))


def _musique(setting: Setting, lengths: Lengths) -> Iterator[SharedHaystack]:
    folder = setting.data_dir / "musique"
    examples = list(read_musique(folder / ("dev.jsonl.gz" if setting.is_dev else "train.jsonl.gz")))
    pool = distinct(document for example in examples for document in example.documents)
    if not setting.is_dev:
        examples += read_musique(folder / "gold_only.jsonl.gz")
    return _composed(setting, "musique", lengths, examples, pool)


def _wiki2(setting: Setting, lengths: Lengths) -> Iterator[SharedHaystack]:
    folder = setting.data_dir / "2wikimultihopqa"
    examples = list(read_2wiki(folder / ("dev.json.gz" if setting.is_dev else "train.json.gz")))
    pool = list(read_paragraphs(folder / "paragraph_pool.jsonl.gz"))
    return _composed(setting, "2wiki", lengths, examples, pool)


def _code(setting: Setting, lengths: Lengths) -> Iterator[SharedHaystack]:
    pool, examples = docstring_examples(modules_of(setting.split))
    examples.sort(key=lambda example: example.id)
    # The split is that of the modules: none is held out a second time.
    whole = replace(setting, held_out_share=1.0)
    return _composed(whole, "code-nl", lengths, examples, pool, FUNCTION_SEPARATOR)


def _qmsum(setting: Setting, lengths: Lengths) -> Iterator[SharedHaystack]:
    """Meetings without the turns that half of their questions need."""
    path = setting.data_dir / "qmsum" / ("val.jsonl.gz" if setting.is_dev else "train.jsonl.gz")
    usable = [e for e in read_qmsum(path) if e.evidence]
    usable = [e for e in usable if setting.is_dev or is_held_out(e, setting.held_out_share)]
    meetings: dict[str, list[Example]] = {}
    for example in usable:
        meetings.setdefault(example.group, []).append(example)
    rng = setting.rng("qmsum")
    names = sorted(meetings)
    for group in rng.sample(names, min(setting.limit, len(names))):
        asked = rng.sample(meetings[group], len(meetings[group]))
        half = max(1, len(asked) // 2)
        gone = {index for example in asked[:half] for index in example.relevant}
        kept = [index for index in range(len(asked[0].documents)) if index not in gone]
        text, spans = render([asked[0].documents[index] for index in kept], TURN_SEPARATOR)
        place = dict(zip(kept, spans, strict=True))
        questions = [Question(example.query, "hard") for example in asked[:half]]
        for example in asked[half:]:
            if gone.isdisjoint(example.relevant):
                parts = [(place[s.document].start, s.start, s.end) for s in example.evidence]
                evidence = tuple((at + start, at + end) for at, start, end in parts)
                questions.append(Question(example.query, "answerable", evidence))
        far = [e for name in names if name != group for e in meetings[name]]
        questions += [Question(e.query, "removed") for e in rng.sample(far, min(1, len(far)))]
        yield SharedHaystack("qmsum", text, tuple(questions))


def _names(setting: Setting, lengths: Lengths) -> Iterator[SharedHaystack]:
    """Modules, and questions that name one to four of their functions, or of others."""
    modules = modules_of(setting.split)
    for number, num_tokens in enumerate(_drawn(setting, "names", lengths)):
        rng = setting.rng(f"names:{number}")
        text, spans, length = "", [], 0
        outside: list[str] = []
        for module in rng.sample(modules, len(modules)):
            size = setting.count_tokens(module.source)
            if length + size > num_tokens * 1.2 or length > 0.8 * num_tokens:
                outside += [name for name, _ in _definitions(module)]
                if len(outside) > 200:  # enough to draw from
                    break
                continue
            header = f"# {module.name}\n"
            at = len(text) + len(header)
            spans += [(name, (at + start, at + end)) for name, (start, end) in _definitions(module)]
            text += header + module.source + "\n\n"
            length += size
        tally: dict[str, int] = {}
        for name, _ in spans:
            tally[name] = tally.get(name, 0) + 1
        fit = [(n, s) for n, s in spans if tally[n] == 1 and len(n) >= 4 and not n.startswith("__")]
        missing = sorted({name for name in outside if len(name) >= 4 and name not in text})
        questions = []
        for form, label in [(f, lab) for f in _NAME_FORMS for lab in ("answerable", "removed")]:
            pool = fit if label == "answerable" else [(name, (0, 0)) for name in missing]
            chosen = rng.sample(pool, min(len(pool), 4 if form is _NAME_FORMS[0] else 1))
            if chosen:
                lines = [f"{letter}. {name}" for letter, (name, _) in zip("ABCD", chosen, strict=False)]
                named = "\n".join(lines) if form is _NAME_FORMS[0] else chosen[0][0]
                evidence = tuple(span for _, span in chosen) if label == "answerable" else ()
                questions.append(Question(form.format(named), label, evidence))
        if fit:
            yield SharedHaystack("names", text, tuple(questions))


def _keys(setting: Setting, lengths: Lengths) -> Iterator[SharedHaystack]:
    """Lists of keys and values; the evidence is one pair."""
    for number, num_tokens in enumerate(_drawn(setting, "keys", lengths)):
        rng = setting.rng(f"keys:{number}")
        size = rng.choice((8, 12, 36))

        def new(rng: random.Random = rng, size: int = size) -> str:
            return str(uuid.UUID(int=rng.getrandbits(128), version=4))[:size]

        pairs: list[str] = []
        length = 0
        while length < num_tokens:
            pairs.append(f'"{new()}": "{new()}"')
            length += setting.count_tokens(pairs[-1] + ",\n")
        text = "{\n" + ",\n".join(pairs) + "\n}"
        questions = []
        for pair in rng.sample(pairs, min(_MOST_PRESENT, len(pairs))):
            key, start = pair.split(":")[0], text.index(pair)
            query = rng.choice(_KEY_FORMS).format(key)
            questions.append(Question(query, "answerable", ((start, start + len(pair)),)))
        for _ in range(_MOST_PRESENT):
            questions.append(Question(rng.choice(_KEY_FORMS).format(f'"{new()}"'), "removed"))
        yield SharedHaystack("keys", text, tuple(questions))


def _needles(setting: Setting, lengths: Lengths) -> Iterator[SharedHaystack]:
    """RULER's sentences with a number, in prose; asked for the ones there, and for others."""
    name = "dev-v2.0.json.gz" if setting.is_dev else "train-v1.1.json.gz"
    pool = own_pool(setting, list(read_squad(setting.data_dir / "squad" / name)))
    words = sorted(
        {w for d in pool[:400] for w in d.text.split() if w.isascii() and w.isalpha() and w.islower()}
    )
    words = [word for word in words if 4 <= len(word) <= 9]
    for number, num_tokens in enumerate(_drawn(setting, "needles", lengths)):
        rng = setting.rng(f"needles:{number}")
        names = [f"{a}-{b}" for a, b in zip(rng.sample(words, 10), rng.sample(words, 10), strict=True)]
        present, absent = names[: _num_present(num_tokens)], names[5:9]
        parts: list[str] = []
        length = 0
        while length < num_tokens:
            parts.append(rng.choice(pool).text)
            length += setting.count_tokens(parts[-1])
        needles = [
            f"One of the special magic numbers for {n} is: {rng.randrange(10**6, 10**7)}." for n in present
        ]
        for needle in needles:
            place = rng.randrange(len(parts))
            parts[place] = f"{parts[place]} {needle}"
        text = "\n\n".join(parts)
        questions = []
        for wanted, needle in zip(present, needles, strict=True):
            start = text.index(needle)
            query = rng.choice(_NEEDLE_FORMS).format(wanted)
            questions.append(Question(query, "answerable", ((start, start + len(needle)),)))
        questions += [Question(rng.choice(_NEEDLE_FORMS).format(wanted), "hard") for wanted in absent]
        yield SharedHaystack("needles", text, tuple(questions))


KINDS: dict[str, Callable[[Setting, Lengths], Iterator[SharedHaystack]]] = {
    "squad": _squad,
    "hotpotqa": _hotpotqa,
    "musique": _musique,
    "2wiki": _wiki2,
    "qmsum": _qmsum,
    "code-nl": _code,
    "names": _names,
    "keys": _keys,
    "needles": _needles,
}
ENGLISH_KINDS = tuple(KINDS)
KINDS |= {f"xquad.{language}": partial(_xquad, language=language) for language in LANGUAGES}
