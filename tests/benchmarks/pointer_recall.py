"""What a kept passage points to, and the newest entry: made documents with the rules and without.

    python tests/benchmarks/pointer_recall.py --output FILE

20 documents a kind. Contracts and Markdown changelogs are what
the rules were made for; manuals with tables and appendices, and diaries with dates alone are
what they are shown on.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from results_file import write_results
from timing import device_and_dtype

from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.selection.select import SelectionRule, select
from longattncomp_cli.core.settings import CompressorSettings

NUM_DOCUMENTS = 20
BUDGET = 220
THINGS = (
    "pump",
    "valve",
    "filter",
    "gauge",
    "hatch",
    "boiler",
    "winch",
    "lamp",
    "siren",
    "relay",
    "cable",
    "fan",
)
DUTIES = (
    "kept dry",
    "tested weekly",
    "greased in spring",
    "painted grey",
    "listed by serial number",
    "locked",
)
Case = tuple[str, str, tuple[str, ...]]
"""A text, a question, and the strings that must be kept."""


def duty(rng: random.Random) -> str:
    """A sentence about nothing that is asked for."""
    thing, other = rng.sample(THINGS, 2)
    return (
        f"The {thing} in hall {rng.randrange(1, 40)} shall be {rng.choice(DUTIES)} and its papers stay with "
        f"those of the {other} for {rng.randrange(2, 30)} years after the last inspection."
    )


def contract(rng: random.Random) -> Case:
    """Numbered clauses; the answer's condition stands in another section."""
    part, clause = rng.randrange(2, 6), rng.randrange(1, 7)
    far = rng.randrange(8, 12)
    rate = f"{rng.randrange(3, 90) / 10} per cent"
    asked = rng.choice(THINGS)
    lines = []
    for section in range(1, 13):
        lines.append(f"{section}. {rng.choice(THINGS).title()} and {rng.choice(THINGS)}")
        for number in range(1, 8):
            text = duty(rng)
            if (section, number) == (part, clause):
                text = f"Where the {asked} fails in service the Lessor pays damages as in section {far}.3."
            if (section, number) == (far, 3):
                text = f"It is {rate} of the yearly rent for each day, capped at two months."
            lines.append(f"{section}.{number} {text}")
    return "\n\n".join(lines), f"How high are the damages if the {asked} fails in service?", (rate,)


def manual(rng: random.Random) -> Case:
    """Chapters of prose, then tables and appendices."""
    asked, table = rng.choice(THINGS), rng.randrange(1, 6)
    value = f"{rng.randrange(200, 900)} hPa"
    name = rng.choice((f"Table {table}", f"Appendix {'ABCDE'[table - 1]}"))
    parts = [" ".join(duty(rng) for _ in range(3)) for _ in range(14)]
    parts.insert(
        rng.randrange(10), f"The operating limits of the {asked} during a cold start are given in {name}."
    )
    for number in range(1, 6):
        body = duty(rng)
        for kind in (f"Table {number}", f"Appendix {'ABCDE'[number - 1]}"):
            said = f"Never above {value}, measured twice." if kind == name else body
            parts.append(f"{kind}: remarks\n{said}")
    return "\n\n".join(parts), f"What are the operating limits of the {asked} during a cold start?", (value,)


def changelog(rng: random.Random) -> Case:
    """Markdown, the newest version at the top."""
    versions = [(major, minor) for major in range(4, 0, -1) for minor in range(9, -1, -1)]
    lines = [
        f"## {a}.{b}.0 (20{10 + 3 * a}-{b + 1:02}-11)\n\n- {duty(rng)}\n- {duty(rng)}\n" for a, b in versions
    ]
    return "# Changes\n\n" + "\n".join(lines), "What is the most recent version?", ("## 4.9.0",)


def diary(rng: random.Random) -> Case:
    """reStructuredText, dates alone, the newest at the end."""
    days = [f"20{year}-{month:02}-0{rng.randrange(1, 9)}" for year in range(20, 24) for month in range(1, 12)]
    lines = [f"{day}\n----------\n\n{duty(rng)}\n" for day in days]
    return "\n".join(lines), "What does the latest entry say?", (days[-1],)


KINDS: dict[str, Callable[[random.Random], Case]] = {
    "contract": contract,
    "manual": manual,
    "changelog": changelog,
    "diary": diary,
}


def main() -> None:
    """Print a line a kind: how many documents keep all that must be, without the rules and with them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    compressor = Compressor.load(settings=CompressorSettings(budget=BUDGET))
    plain = replace(SelectionRule(), follows_pointers=False)
    rows = []
    for name, make in KINDS.items():
        kept = [0, 0]
        for seed in range(NUM_DOCUMENTS):
            text, query, wanted = make(random.Random(f"{name} {seed}"))
            scored = compressor.score(text, query)
            for column, rule in enumerate((plain, SelectionRule())):
                selection = select(
                    scored.scores, rule, scored.renderer, BUDGET, compressor.pipeline.focus(scored.request)
                )
                output = scored.renderer.render(selection.kept)
                kept[column] += all(each in output for each in wanted)
        print(f"{name}: {kept[0]} of {NUM_DOCUMENTS} without, {kept[1]} with", flush=True)
        rows.append({"kind": name, "documents": NUM_DOCUMENTS, "without": kept[0], "with": kept[1]})
    if args.output:
        figures = {"budget": BUDGET, "kinds": rows}
        write_results(
            args.output, figures, checkpoint=DEFAULT_CHECKPOINT, **device_and_dtype(compressor.scorer)
        )


if __name__ == "__main__":
    main()
