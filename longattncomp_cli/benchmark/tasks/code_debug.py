"""``code-debug``: InfiniteBench's released file (arXiv:2402.13718), and a generator of the same kind of task.

The generator puts modules of a Python source tree into one context, changes one function so that it is
plainly wrong, and asks which of four functions it is. Evidence is the four functions, with their spans from
the syntax tree: who cannot see them all has to guess.
"""

from __future__ import annotations

import ast
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from longattncomp_cli.benchmark.tasks.base import PromptTemplate, Task, TaskSetting
from longattncomp_cli.benchmark.tasks.grading import code_debug
from longattncomp_cli.benchmark.tasks.item import Item, item_of_text
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.data.python_source import FunctionNode, Module, read_modules, standard_library
from longattncomp_cli.data.readers.json_records import Record, read_records
from longattncomp_cli.errors import UsageError

LETTERS = "ABCD"
_MIN_LINES, _MAX_LINES = 6, 80
_MOST_DRAWS = 50
_TEMPLATE = (
    "There is ONLY ONE function in the large project that is deliberately made to include an obvious error. "
    "Please find the function that contains the most obvious errors. I will give you four options to narrow "
    "your scope. You can inspect the options and think. Eventually, tell me the answer using one single "
    "letter (A, B, C, or D).\n\n{context}\n\nWhich funtion has deliberate error?\n{options}\n\nYou should "
    "first find the functions in the options. Repeat their content, inspect through code, and at last give "
    "me your answer for the function that has the deliberate and obvious error in A, B, C, or D."
)
_OPPOSITE: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", ">="),
    ast.Gt: (">", "<="),
    ast.LtE: ("<=", ">"),
    ast.GtE: (">=", "<"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}


@dataclass(frozen=True)
class Edit:
    """A change of characters ``start:end`` that breaks a function."""

    start: int
    end: int
    text: str
    kind: str


@dataclass(frozen=True)
class _Placed:
    """A definition in the context."""

    module: int
    name: str
    span: Span
    node: FunctionNode


def code_items(setting: TaskSetting) -> list[Item]:
    """The released file where one is given, else made from ``--python`` or the standard library."""
    if setting.files.get("code-debug"):
        records = [r for path in setting.files["code-debug"] for r in read_records(path)]
        setting.rng("code-debug").shuffle(records)
        return [released_item(record) for record in records[: setting.limit]]
    folders = setting.files.get("python") or (standard_library(),)
    modules = [module for folder in folders for module in read_modules(folder)]
    return [
        made_item(modules, f"code-debug-{length}-{number}", length, setting)
        for length in setting.lengths
        for number in range(setting.limit)
    ]


def released_item(record: Record) -> Item:
    """One line of ``code_debug.jsonl``; the evidence is where the options are defined, if that is found."""
    options = record.texts("options")
    answer = record.value.get("answer")
    name = answer[0] if isinstance(answer, list) and answer else answer
    if len(options) != len(LETTERS) or name not in options:
        raise record.error(f"field 'answer' is {answer!r}, not one of the {len(options)} 'options'")
    context = record.text("context")
    item_id = record.identifier("id", default=record.where)
    evidence = [span for option in options for span in _defined(context, option)]
    return _item(item_id, context, options, options.index(str(name)), evidence, 0)


def _defined(context: str, name: str) -> Iterator[Span]:
    """Where functions of this name are defined: from ``def`` until a line that is indented no deeper."""
    last = name.rsplit(".", 1)[-1]
    at = 0
    for line in context.splitlines(keepends=True):
        text = line.lstrip()
        indent = len(line) - len(text)
        if text.startswith((f"def {last}(", f"async def {last}(")):
            end = at + len(line)
            for following in context[end:].splitlines(keepends=True):
                blank = not following.strip()
                closing = following.lstrip().startswith(")")
                if not blank and not closing and len(following) - len(following.lstrip()) <= indent:
                    break
                end += len(following)
            yield Span(at, at + len(context[at:end].rstrip()))
        at += len(line)


def made_item(modules: Sequence[Module], item_id: str, length: int, setting: TaskSetting) -> Item:
    """Compose a context, break one of four functions, ask."""
    rng = setting.rng(item_id)
    for _ in range(_MOST_DRAWS):
        chosen, definitions = _composed(modules, length, rng, setting.count_tokens)
        fit = _askable(chosen, definitions)
        rng.shuffle(fit)
        edits = ((p, e) for p in fit if (e := find_edit(chosen[p.module], p.node, rng)) is not None)
        broken, edit = next(edits, (None, None))
        if broken is not None and edit is not None and len(fit) >= len(LETTERS):
            break
    else:
        raise UsageError(
            f"no modules of about {length:,} tokens with four functions to ask about were found",
            hint="use a larger --context-tokens, or --python FOLDER with smaller modules",
            code="no-items",
        )
    options = [broken, *[placed for placed in fit if placed is not broken][: len(LETTERS) - 1]]
    rng.shuffle(options)
    module = chosen[broken.module]
    chosen[broken.module] = Module(
        module.name, module.source[: edit.start] + edit.text + module.source[edit.end :]
    )
    text, starts = _joined(chosen)
    evidence = []
    for option in options:
        # The spans are read from the tree of the changed module, so they are right behind the edit too.
        spans = [
            chosen[option.module].span_of(n) for n in chosen[option.module].nodes if n.name == option.name
        ]
        evidence += [Span(starts[option.module] + start, starts[option.module] + end) for start, end in spans]
    names = [option.name for option in options]
    return _item(item_id, text, names, options.index(broken), evidence, length)


def _askable(chosen: Sequence[Module], definitions: Sequence[_Placed]) -> list[_Placed]:
    """Functions of a usual length whose name is there once."""
    tally = Counter(placed.name for placed in definitions)
    return [
        placed
        for placed in definitions
        if tally[placed.name] == 1
        and len(placed.name) >= 4
        and _MIN_LINES <= chosen[placed.module].source[slice(*placed.span)].count("\n") <= _MAX_LINES
    ]


def _composed(
    modules: Sequence[Module], length: int, rng: random.Random, count_tokens: Callable[[str], int]
) -> tuple[list[Module], list[_Placed]]:
    """Modules in random order up to a length, none of them cut, and all that they define."""
    chosen: list[Module] = []
    used = 0
    for module in rng.sample(list(modules), len(modules)):
        size = count_tokens(_headed(module))
        if chosen and used + size > length:
            if used >= 0.9 * length:
                break
            continue
        chosen.append(module)
        used += size
    placed = [
        _Placed(number, node.name, module.span_of(node), node)
        for number, module in enumerate(chosen)
        for node in module.nodes
    ]
    return chosen, placed


def _headed(module: Module) -> str:
    return f"# {module.name}\n{module.source}\n\n"


def _joined(modules: Sequence[Module]) -> tuple[str, list[int]]:
    """The text of all modules, and where each one's source begins."""
    parts: list[str] = []
    starts: list[int] = []
    at = 0
    for module in modules:
        starts.append(at + len(f"# {module.name}\n"))
        parts.append(_headed(module))
        at += len(parts[-1])
    return "".join(parts), starts


def find_edit(module: Module, node: FunctionNode, rng: random.Random) -> Edit | None:
    """A change that makes the function plainly wrong and still parses, or ``None``."""
    edits = [edit for inner in ast.walk(node) for edit in _edits(module, inner)]
    rng.shuffle(edits)
    for edit in edits:
        try:
            ast.parse(module.source[: edit.start] + edit.text + module.source[edit.end :])
        except SyntaxError:
            continue
        return edit
    return None


def _edits(module: Module, node: ast.AST) -> Iterator[Edit]:
    """Opposite comparisons, dropped negations, and results replaced by an undefined name."""
    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPPOSITE:
            start, end = _end(module, left), _start(module, right)
            old, new = _OPPOSITE[type(op)]
            between = module.source[start:end]
            if between.count(old) == 1 and "#" not in between:
                yield Edit(start, end, between.replace(old, new), "comparison")
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield Edit(_start(module, node), _start(module, operand), "", "negation")
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield Edit(_start(module, value), _end(module, value), "undefined_result", "undefined name")


def _start(module: Module, node: ast.expr) -> int:
    return module.offset(node.lineno, node.col_offset)


def _end(module: Module, node: ast.expr) -> int:
    return module.offset(node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)


def _item(
    item_id: str, text: str, names: Sequence[str], answer: int, evidence: Sequence[Span], length: int
) -> Item:
    options = "\n".join(f"{letter}. {name}" for letter, name in zip(LETTERS, names, strict=True))
    return item_of_text(
        item_id,
        f"Which funtion has deliberate error?\n{options}",
        text,
        evidence,
        length=length,
        fields={"options": options, "letter": LETTERS[answer], "function": names[answer]},
    )


CODE_TASKS = (
    Task(
        "code-debug",
        code_items,
        PromptTemplate(
            _TEMPLATE, code_debug, 1024, "InfiniteBench (arXiv:2402.13718), its prompt and compute_scores"
        ),
        takes=("code-debug", "python"),
        about="InfiniteBench's code_debug.jsonl (--code-debug), or made from Python files (--python)",
    ),
)
