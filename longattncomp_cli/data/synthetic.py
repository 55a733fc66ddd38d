"""Examples made without labels: questions about the functions of Python files, and keys in key–value lists.

Exact identifiers are what natural questions never train: a function is found by its name among boilerplate,
or by its docstring (which is taken out of the text), a key by its characters.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from longattncomp_cli.data.examples import Document, EvidenceSpan, Example
from longattncomp_cli.data.python_source import Function, Module

_MIN_FUNCTIONS, _MAX_FUNCTIONS = 6, 60
_MIN_CHARS, _MAX_CHARS = 120, 2_500
_MIN_SUMMARY_CHARS, _MAX_SUMMARY_CHARS = 20, 300
_NAMES_ASKED = 4
_ABOUT = ("{}", "Which function does this: {}", "Where in the code is this done? {}", "Find the code for: {}")
_NAMED = (
    "Which of these functions has an error? {}",
    "One function of this project was changed to hold an obvious error. Read the options and answer with a "
    "letter.\n{}\nRepeat the code of the options, look through it, and name the function that has the error: "
    "A, B, C or D.",
    "{}",
    "Explain what these functions do: {}",
)
_KEYED = (
    "What is the value of {}?",
    "Find the value that belongs to the key {}.",
    "{}",
    "Which line holds {}?",
)
_WORD_LIST = (
    "alpha amber atlas basil cedar cobalt coral delta ember fable garnet hazel iris jade kelp lotus "
    "maple nectar onyx opal pearl quartz raven sable tulip umber velvet willow xenon yarrow zinc "
    "order user index cache node token field total state table shard event queue limit price record "
    "value count ratio "
)
_WORDS = _WORD_LIST.split()
_LINES_A_DOCUMENT = 3
_DOCUMENTS_A_LIST = 100
_KEYS_A_LIST = 8


def python_examples(folder: Path) -> Iterator[Example]:
    """Questions about the functions of each Python file below a folder; test files are left out."""
    for path in sorted(folder.rglob("*.py")):
        if any(part in ("test", "tests") for part in path.parts) or path.name.startswith("test_"):
            continue
        functions = _functions(path)
        if len(functions) < _MIN_FUNCTIONS:
            continue
        group = path.relative_to(folder).as_posix()
        yield from _file_examples(functions[:_MAX_FUNCTIONS], group, random.Random(f"python:0:{group}"))


def _file_examples(functions: Sequence[Function], group: str, rng: random.Random) -> Iterator[Example]:
    documents = tuple(Document("", function.code) for function in functions)
    for index, function in enumerate(functions):
        if _MIN_SUMMARY_CHARS < len(function.summary) < _MAX_SUMMARY_CHARS:
            query = rng.choice(_ABOUT).format(function.summary)
            yield Example(f"{group}:{index}", query, documents, (index,), dataset="python", group=group)
    for number in range(max(1, len(functions) // _NAMES_ASKED)):
        asked = sorted(rng.sample(range(len(functions)), rng.randint(1, _NAMES_ASKED)))
        listed = " ".join(f"{letter}. {functions[i].name}" for letter, i in zip("ABCD", asked, strict=False))
        names = listed if len(asked) > 1 else functions[asked[0]].name
        query = rng.choice(_NAMED).format(names)
        yield Example(f"{group}:names{number}", query, documents, tuple(asked), dataset="python", group=group)


def _functions(path: Path) -> list[Function]:
    """The functions of a file that are neither tiny nor huge, one of each name; none if it is not Python."""
    try:
        module = Module(path.name, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return []
    distinct: dict[str, Function] = {}
    for function in module.functions() if module.is_valid else ():
        if not function.name.startswith("__") and _MIN_CHARS <= len(function.code) <= _MAX_CHARS:
            distinct.setdefault(function.name, function)
    return list(distinct.values())


def key_examples(num_lists: int) -> Iterator[Example]:
    """Questions for one key of a list of random keys and values, in four styles of key."""
    for number in range(num_lists):
        rng = random.Random(f"keys:0:{number}")
        style = number % 4
        rows = [
            (_key(rng, style), _key(rng, rng.randrange(4)))
            for _ in range(_LINES_A_DOCUMENT * _DOCUMENTS_A_LIST)
        ]
        joint = rng.choice((": ", " = ", "\t", '": "'))
        lines = [f"{key}{joint}{value}\n" for key, value in rows]
        documents = tuple(
            Document("", "".join(lines[i : i + _LINES_A_DOCUMENT]))
            for i in range(0, len(lines), _LINES_A_DOCUMENT)
        )
        for row in rng.sample(range(len(rows)), _KEYS_A_LIST):
            index, inside = divmod(row, _LINES_A_DOCUMENT)
            start = sum(map(len, lines[row - inside : row]))
            yield Example(
                id=f"keys{number}:{row}",
                query=rng.choice(_KEYED).format(rows[row][0]),
                documents=documents,
                relevant=(index,),
                dataset="keys",
                evidence=(EvidenceSpan(index, start, start + len(lines[row])),),
                group=f"keys{number}",
            )


def _key(rng: random.Random, style: int) -> str:
    if style == 0:
        return str(uuid.UUID(int=rng.getrandbits(128)))
    if style == 1:
        return "_".join(rng.sample(_WORDS, 3)) + str(rng.randrange(1000))
    if style == 2:
        return f"{rng.choice('ABCDEFGHKLMNPRSTXYZ')}{rng.choice('QRSTUVWX')}-{rng.randrange(10_000, 99_999)}"
    return "".join(part.capitalize() for part in rng.sample(_WORDS, 2)) + str(rng.randrange(100))
