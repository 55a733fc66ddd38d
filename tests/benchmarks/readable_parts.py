"""Can what is kept be read by itself: how many kept parts begin well and carry what owns them.

    python tests/benchmarks/readable_parts.py --output FILE
    PYTHONPATH=../other-tree python tests/benchmarks/readable_parts.py     # before a change

Files of about thirty kinds (made ones, and of the standard library and installed packages), two queries each
of words that stand in them. A *part* is a run of kept characters. It *begins well* where a line or a sentence
begins; it *ends well* where one ends. It *carries its owners* where the heading over its first line, the line
that this is indented under, and the line with a colon before its list are kept as well. Headings and owners
are found here by rules of this file's own, none of which knows the program's.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sysconfig
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

from results_file import write_results
from timing import device_and_dtype

from longattncomp_cli.core.backbones.cache.backbone import cached
from longattncomp_cli.core.budget.amounts import budget_tokens
from longattncomp_cli.core.budget.tokenizers import load_tokenizer
from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.loading import load_scorer
from longattncomp_cli.core.selection.select import SelectionRule, select
from longattncomp_cli.core.settings import CompressorSettings

BUDGETS = ("12.5%", "3.125%")
MOST_CHARS = 14_000
LINE_KINDS = (".log", ".csv", ".tsv", ".jsonl", ".json", ".toml", ".yaml", ".ini")
"""Of these nothing may begin or end inside a line."""

THINGS = (
    "pump",
    "valve",
    "hinge",
    "lantern",
    "ferry",
    "kiln",
    "anvil",
    "ladle",
    "sieve",
    "bellows",
    "crane",
    "winch",
)
ACTS = ("opens", "warms", "turns", "holds", "drains", "feeds", "lifts", "cools", "guards", "steers")
PLACES = ("yard", "cellar", "loft", "harbour", "mill", "quay", "forge", "barn", "attic", "bridge")


def sentence(rng: random.Random) -> str:
    """A sentence of made-up facts."""
    first, second = rng.choice(THINGS), rng.choice(THINGS)
    tail = f"after {rng.randrange(2, 90)} minutes in the {rng.choice(PLACES)}, and the {second} stays shut"
    return f"The {first} number {rng.randrange(1000)} {rng.choice(ACTS)} the {second} {tail}."


def paragraph(rng: random.Random, num_sentences: int = 4) -> str:
    return " ".join(sentence(rng) for _ in range(num_sentences))


def made_files(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Names and texts of one file a format."""
    names = [f"{rng.choice(THINGS)} {rng.randrange(100)}" for _ in range(24)]
    sections = [(name.capitalize(), paragraph(rng), paragraph(rng, 3)) for name in names]
    items = [sentence(rng).rstrip(".") for _ in range(90)]

    yield "manual.md", "# Manual\n\n" + "".join(f"## {n}\n\n{a}\n\n{b}\n\n" for n, a, b in sections)
    yield "setext.md", "".join(f"{n}\n{'-' * len(n)}\n\n{a}\n\n{b}\n\n" for n, a, b in sections)
    yield "bold.md", "# Notes\n\n" + "".join(f"**{n}**\n\n{a}\n\n{b}\n\n" for n, a, b in sections)
    rules = (
        f"- {n}, always mind:\n" + "".join(f"  - {i}\n" for i in items[k : k + 6])
        for k, n in enumerate(names)
    )
    yield "rules.md", "# Rules\n\n" + "".join(rules)
    changes = (
        f"## {9 - k // 5}.{k % 5}.0\n\n### Fixed\n\n"
        + "".join(f"- {i}\n" for i in items[3 * k : 3 * k + 5])
        + "\n"
        for k in range(24)
    )
    yield "CHANGES.md", "# Changes\n\n" + "".join(changes)
    yield (
        "HISTORY.txt",
        "".join(
            f"{9 - k // 5}.{k % 5}.1 (2031-0{k % 9 + 1}-11)\n\n"
            + "".join(f"* {i}\n" for i in items[3 * k : 3 * k + 5])
            + "\n"
            for k in range(24)
        ),
    )
    yield (
        "guide.rst",
        "Guide\n=====\n\n" + "".join(f"{n}\n{'-' * len(n)}\n\n{a}\n\n{b}\n\n" for n, a, b in sections),
    )
    yield "book.tex", "".join(f"\\section{{{n}}}\n\n{a}\n\n{b}\n\n" for n, a, b in sections)
    yield "guide.adoc", "= Guide\n\n" + "".join(f"== {n}\n\n{a}\n\n{b}\n\n" for n, a, b in sections)
    yield "notes.org", "".join(f"* {n}\n\n{a}\n\n{b}\n\n" for n, a, b in sections)
    clauses = (
        f"{k}. {n}\n\n" + "".join(f"{k}.{j} {paragraph(rng, 2)}\n\n" for j in range(1, 4))
        for k, (n, _, _) in enumerate(sections, 1)
    )
    yield "contract.txt", "".join(clauses)
    yield (
        "duties.txt",
        "".join(
            f"{a}\n\nFor the {n} do the following:\n\n"
            + "".join(f"{j}. {i}.\n\n" for j, i in enumerate(items[k : k + 4], 1))
            for k, (n, a, _) in enumerate(sections[:16])
        ),
    )
    yield "prose.txt", "\n\n".join(paragraph(rng) for _ in range(36))
    yield (
        "talk.txt",
        "".join(f"{rng.choice(['Ann', 'Bob', 'Cem'])}: {paragraph(rng, 3)}\n\n" for _ in range(50)),
    )
    yield (
        "site.log",
        "".join(
            f"2031-04-{k // 5 + 1:02} 0{k % 9}:11:{k % 60:02} WARN  {rng.choice(PLACES)} - "
            f"{sentence(rng)} {sentence(rng)}\n"
            for k in range(60)
        ),
    )
    rows = [
        (n.replace(" ", "-"), rng.choice(PLACES), rng.randrange(9999), i)
        for n, i in zip(names * 3, items, strict=False)
    ]
    yield "stock.csv", "name,place,amount,note\n" + "".join(f'{a},{b},{c},"{d}"\n' for a, b, c, d in rows)
    yield "stock.tsv", "name\tplace\tamount\tnote\n" + "".join(f"{a}\t{b}\t{c}\t{d}\n" for a, b, c, d in rows)
    keys = ("name", "place", "amount", "note")
    yield "stock.jsonl", "".join(json.dumps(dict(zip(keys, row, strict=True))) + "\n" for row in rows)
    groups = {n: {"place": b, "notes": [d, items[c % 90]]} for n, b, c, d in rows}
    yield "stock.json", json.dumps({"stock": groups}, indent=2)
    yield (
        "stock.toml",
        "".join(f'[stock.{n}]\nplace = "{b}"\namount = {c}\nnote = "{d}"\n\n' for n, b, c, d in rows),
    )
    yield "stock.ini", "".join(f"[{n}]\nplace = {b}\namount = {c}\nnote = {d}\n\n" for n, b, c, d in rows)
    yield (
        "stock.yaml",
        "stock:\n"
        + "".join(f"  {n}:\n    place: {b}\n    amount: {c}\n    note: {d}\n" for n, b, c, d in rows),
    )


def found_files() -> Iterator[tuple[str, str]]:
    """Files of the standard library and of installed packages."""
    library = Path(sysconfig.get_paths()["stdlib"])
    for name in ("argparse.py", "json/decoder.py", "LICENSE.txt", "configparser.py"):
        if (library / name).exists():
            yield name, (library / name).read_text(encoding="utf-8")
    for each in sorted(distributions(), key=lambda found: str(found.metadata["Name"]).lower()):
        name = str(each.metadata["Name"]).lower()
        if name in ("pytest", "hypothesis", "numpy", "rich", "safetensors", "tqdm"):
            text = each.read_text("METADATA") or ""
            body = text.partition("\n\n")[2]
            kind = "rst" if "text/x-rst" in text else "md"
            if len(body) > 2_000:
                yield f"{name}.{kind}", body


def owners_of_lines(lines: list[str], name: str) -> list[set[int]]:
    """Of each line those that say what it is about: a heading, what it is indented under, a colon before."""
    owners: list[set[int]] = []
    headings: list[tuple[int, int]] = []
    parents: list[tuple[int, int]] = []
    lead: int | None = None
    for number, line in enumerate(lines):
        text, indent = line.strip(), len(line) - len(line.lstrip())
        if not text:
            owners.append(set())
            continue
        level = heading_level(lines, number, name)
        if level:
            headings = [(at, of) for at, of in headings if of < level]
            parents, lead = [], None
        parents = [(at, width) for at, width in parents if width < indent]
        is_item = re.match(r"(?:[-*+•]|\d+[.)])\s", text) is not None
        own = {at for at, _ in headings[-1:]} | {at for at, _ in parents[-1:]}
        if name.endswith((".csv", ".tsv")):
            own = {0} if number else set()
        elif is_item and lead is not None and not parents:
            own.add(lead)
        owners.append(own)
        if level:
            headings.append((number, level))
        else:
            parents.append((number, indent))
            introduces = text.endswith(":") and not is_item
            lead = number if introduces else lead if is_item or indent else None
    return owners


def heading_level(lines: list[str], number: int, name: str) -> int:
    """The level of the heading that a line is, by the format of its file; 0 where it is none."""
    line, after = lines[number], lines[number + 1] if number + 1 < len(lines) else ""
    if name.endswith((".md", ".rst")) and re.fullmatch(r"(=+|-+|~+)", after.strip()) and line.strip():
        return 1 if after[0] == "=" else 2 if after[0] == "-" else 3
    patterns = {
        ".md": r"(#+) |(\*\*[^*]+\*\*)$",
        ".tex": r"\\section",
        ".adoc": r"(=+) ",
        ".org": r"(\*+) ",
        ".toml": r"\[",
        ".ini": r"\[",
    }
    if name in ("HISTORY.txt", "contract.txt"):
        return 1 if re.match(r"\d+\.\d+\.\d+ \(|\d+\. ", line) else 0
    found = re.match(patterns.get(Path(name).suffix, r"(?!)"), line)
    return len(found.group(1)) if found and found.groups() and found.group(1) else 9 if found else 0


def judge(text: str, name: str, runs: list[tuple[int, int]]) -> list[tuple[bool, bool, bool]]:
    """Of each kept run whether it begins well, ends well and carries its owners."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    owners = owners_of_lines(lines, name)
    kept = {at for start, end in runs for at in range(start, end)}
    whole = {
        n
        for n, line in enumerate(lines)
        if line.strip() and any(at in kept for at in range(starts[n], starts[n + 1] - 1))
    }
    results = []
    for start, end in runs:
        while start < end and text[start].isspace():
            start += 1
        while end > start and text[end - 1].isspace():
            end -= 1
        if start == end:
            continue
        number = max(n for n, at in enumerate(starts[:-1]) if at <= start)
        before, after = text[starts[number] : start], text[end : end + 2]
        in_lines = name.endswith(LINE_KINDS)
        begins = not before.strip() or (
            not in_lines and re.search(r"[.!?:][\"')\]*`]*\s+$", before) is not None
        )
        at_line_end = not text[end:].partition("\n")[0].strip()
        ends = at_line_end or (not in_lines and text[end - 1] in ".!?:\"')`" and after[:1].isspace())
        results.append((begins, ends, owners[number] <= whole))
    return results


def queries(rng: random.Random, text: str) -> list[str]:
    """Two questions, each with the longest words of a line."""
    lines = [line for line in text.split("\n") if len(re.findall(r"[A-Za-z]{5,}", line)) >= 3]
    chosen = rng.sample(lines, 2) if len(lines) > 1 else ["What is it?"] * 2
    return ["What about " + " ".join(re.findall(r"[\w-]{5,}", line)[:6]) + "?" for line in chosen]


def main() -> None:
    """Print the shares of each kind of file and of all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="names of files")
    options = parser.parse_args()
    scorer = load_scorer(load_checkpoint(DEFAULT_CHECKPOINT))
    compressor = Compressor(
        scorer.with_backbone(cached(scorer.backbone, memory_bytes=2**28)),
        load_tokenizer("o200k_base"),
        CompressorSettings(),
    )
    rng = random.Random(7)
    found: dict[str, list[tuple[bool, bool, bool]]] = {}
    for name, whole_text in [*made_files(rng), *found_files()]:
        text = whole_text[:MOST_CHARS].rpartition("\n")[0] + "\n"
        asked = queries(rng, text)
        if options.only and name not in options.only:
            continue
        request = [Request((Source(text, name),), query) for query in asked]
        judged = found.setdefault(name, [])
        for each in request:
            scored = compressor.score(each)
            for written in BUDGETS:
                budget = budget_tokens(written, scored.renderer.original_tokens)
                kept = select(
                    scored.scores, SelectionRule(), scored.renderer, budget, compressor.pipeline.focus(each)
                ).kept
                runs: list[tuple[int, int]] = []
                for span in kept:
                    if runs and runs[-1][1] == span.start:
                        runs[-1] = (runs[-1][0], span.end)
                    else:
                        runs.append((span.start, span.end))
                judged += judge(text, name, runs)
        print(f"{name:16}" + line_of(judged), flush=True)
    everything = [each for judged in found.values() for each in judged]
    print(f"{'all':16}" + line_of(everything))
    if options.output:
        shares = {
            name: dict(zip(("begin", "end", "owners", "parts"), shares_of(judged), strict=True))
            for name, judged in {**found, "all": everything}.items()
        }
        write_results(
            options.output, {"files": shares}, checkpoint=DEFAULT_CHECKPOINT, **device_and_dtype(scorer)
        )


def shares_of(judged: list[tuple[bool, bool, bool]]) -> tuple[float, float, float, int]:
    """The shares that begin well, end well and carry their owners, and of how many."""
    number = max(1, len(judged))
    begin, end, owners = (round(sum(each[i] for each in judged) / number, 3) for i in range(3))
    return begin, end, owners, len(judged)


def line_of(judged: list[tuple[bool, bool, bool]]) -> str:
    begin, end, owners, number = shares_of(judged)
    return f" begin {begin:6.1%}  end {end:6.1%}  owners {owners:6.1%}  of {number} parts"


if __name__ == "__main__":
    main()
