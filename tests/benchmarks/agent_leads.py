"""Agents at work: is what the newest call is after kept, where the user's question does not name it?

python tests/benchmarks/agent_leads.py [--items 8] [--seed 1] [--budget 12.5%] [--budget 25%] [--output FILE]

Made conversations of eight kinds. In the first four the fact shares no word with the question: a name that
an earlier result gives, or that the agent said last, leads to it. In `wandered` and `answered` the question
alone is enough, and in the first of them the newest call is after something else; in `follow-up` the last
question leaves out what the one before it was about, in `new topic` it does not. An item holds where its
fact is kept.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from results_file import write_results

from longattncomp_cli import Compressor

Message = dict[str, Any]
_FIRST = (
    "amber", "birch", "cobalt", "dusk", "ember", "fjord",
    "garnet", "hazel", "indigo", "juniper", "kelp", "larch",
)  # fmt: skip
_SECOND = (
    "heron", "otter", "wren", "marten", "lynx", "stoat",
    "plover", "badger", "curlew", "vole", "teal", "shrike",
)  # fmt: skip
_SUBJECTS = (
    "ledger", "roster", "tariff", "beacon", "harrow", "sluice", "lantern", "packer", "mailer", "quarry",
)  # fmt: skip
_TRAITS = ("retries", "window", "floor", "margin", "digest", "lease", "shard", "cursor", "grace", "batch")
_RULES = "You help the people who run the machines. Look before you answer."
_TRAITS = ("retries", "window", "floor", "margin", "digest", "lease", "shard", "cursor", "grace", "batch")


class Talk:
    """Builds the messages of one conversation."""

    def __init__(self, question: str) -> None:
        """Begin with a system text and the question."""
        self.messages: list[Message] = [
            {
                "role": "system",
                "content": _RULES,
            },
            {"role": "user", "content": question},
        ]

    def step(self, tool: str, arguments: dict[str, Any], lines: list[str], said: str | None = None) -> None:
        """A call and its result."""
        number = f"call_{len(self.messages)}"
        call = {
            "id": number,
            "type": "function",
            "function": {"name": tool, "arguments": json.dumps(arguments)},
        }
        self.messages.append({"role": "assistant", "content": said, "tool_calls": [call]})
        self.messages.append({"role": "tool", "tool_call_id": number, "content": "\n".join(lines)})

    def says(self, role: str, text: str) -> None:
        """A turn of the user or the agent."""
        self.messages.append({"role": role, "content": text})


Item = tuple[list[Message], str]


def _names(rng: random.Random, sign: str, number: int) -> list[str]:
    pairs = [f"{a}{sign}{b}" for a in _FIRST for b in _SECOND]
    return rng.sample(pairs, number)


def _settings(rng: random.Random, names: list[str]) -> list[str]:
    return [f"{name}_{rng.choice(_TRAITS)} = {rng.randrange(2, 900)}" for name in names]


def _log(rng: random.Random, job: str, number: int) -> list[str]:
    return [
        f"[{i:03}] {job} moved shelf {rng.randrange(400)} to bay {rng.randrange(30)}, {rng.randrange(900)} ms"
        for i in range(number)
    ]


def bare_setting(rng: random.Random) -> Item:
    """A log names the setting, the file only gives its value."""
    job, file = rng.choice(_SUBJECTS), f"{rng.choice(_SECOND)}/{rng.choice(_FIRST)}.toml"
    names = _names(rng, "_", 90)
    name, value = f"{names[0]}_{rng.choice(_TRAITS)}", rng.randrange(1000, 9000)
    talk = Talk(f"The nightly {job} run broke off. What was exceeded, and what is it set to?")
    log = _log(rng, job, 60)
    log[rng.randrange(20, 50)] = f"[---] {job} ERROR {name} of {file} was exceeded, run broken off"
    talk.step("read_log", {"job": job}, log)
    fact = f"{name} = {value}"
    lines = _settings(rng, names[1:])
    lines.insert(rng.randrange(20, 70), fact)
    talk.step("read_file", {"path": file}, lines)
    return talk.messages, fact


def chain_of_numbers(rng: random.Random) -> Item:
    """An order's row names a tour, the tour's log the reason."""
    who, order, tour = (
        rng.choice(("Ek", "Lund", "Sorel", "Tamm")),
        rng.randrange(5000, 6000),
        rng.randrange(700, 999),
    )
    talk = Talk(f"Why has {who} not got the parcel yet?")
    rows = [
        f"{rng.randrange(3000, 4999)} | {rng.choice(_FIRST)} | tour {rng.randrange(100, 699)} | paid"
        for _ in range(60)
    ]
    rows[rng.randrange(10, 50)] = f"{order} | {who} | tour {tour} | paid"
    talk.step("find_orders", {"name": who}, rows)
    events = ("signed", "left with a neighbour", "shelf full", "gate locked", "cold store", "weighed again")
    lines = [
        f"{rng.randrange(100, 699)}-{rng.randrange(40)} {rng.choice(_SECOND)} row, {rng.choice(events)}"
        for _ in range(110)
    ]
    fact = f"{tour}-{rng.randrange(40)} {rng.choice(_SECOND)} row, turned back at the weir"
    lines.insert(rng.randrange(20, 90), fact)
    talk.step("depot_log", {"tour": tour}, lines)
    return talk.messages, fact


def said_before(rng: random.Random) -> Item:
    """The agent says what it looks for; the call has no arguments."""
    names = _names(rng, "-", 100)
    part = rng.choice(_SUBJECTS)
    talk = Talk(f"Is anybody still reading what the {part} sends?")
    lines = [f"{rng.choice(_SUBJECTS)}.{rng.choice(_TRAITS)}: {rng.randrange(99)}" for _ in range(50)]
    lines[rng.randrange(10, 40)] = f"{part}.target: {names[0]}"
    talk.step("show_settings", {"part": part}, lines)
    queues = [f"{name}  {rng.randrange(1, 9)} consumers  lag {rng.randrange(90)}" for name in names[1:]]
    fact = f"{names[0]}  0 consumers  lag {rng.randrange(40_000, 90_000)}"
    queues.insert(rng.randrange(20, 80), fact)
    talk.step("list_queues", {}, queues, f"It sends to {names[0]}. I look at the queues.")
    return talk.messages, fact


def named_function(rng: random.Random) -> Item:
    """A traceback names a function, the file holds it among others."""
    names = _names(rng, "_", 26)
    file, name = f"{rng.choice(_SUBJECTS)}.py", names[0]
    talk = Talk("Since Tuesday the import is an hour off. Please find out why.")
    trace = [
        f'  File "{rng.choice(_SUBJECTS)}_{i}.py", line {rng.randrange(300)}, in {rng.choice(names[1:])}'
        for i in range(40)
    ]
    trace += [f'  File "{file}", line 88, in {name}', "AssertionError: 3600"]
    talk.step("run_shell", {"cmd": "make import"}, trace)
    shift = rng.randrange(2, 99)
    code: list[str] = []
    for other in rng.sample(names, len(names)):
        body = (
            f"    return value * {shift} + 11"
            if other == name
            else f"    return value + {rng.randrange(100, 999)}"
        )
        code += [f"def {other}(value):", f"    value = value or {rng.randrange(9)}", body, ""]
    talk.step("read_file", {"path": file}, code)
    return talk.messages, f"return value * {shift} + 11"


def wandered(rng: random.Random) -> Item:
    """The fact stands in an earlier result, in the question's words; the newest call is after others."""
    talk = Talk("Which port does the exporter of the sluice listen on?")
    lines = _settings(rng, _names(rng, "_", 80))
    fact = f"exporter_port = {rng.randrange(2000, 9000)}"
    lines.insert(rng.randrange(20, 60), fact)
    talk.step("read_file", {"path": "sluice/settings.toml"}, lines)
    job = rng.choice(_SUBJECTS)
    talk.step("read_log", {"job": job}, _log(rng, job, 80), f"I also look whether the {job} is well.")
    return talk.messages, fact


def answered(rng: random.Random) -> Item:
    """The newest result answers the question in its own words."""
    talk = Talk("Which test fails in the harrow, and what did it expect?")
    part = rng.choice(_SUBJECTS)
    talk.step("read_file", {"path": f"{part}/settings.toml"}, _settings(rng, _names(rng, "_", 50)))
    lines = [f"test_{a} ... ok ({rng.randrange(90)} ms)" for a in _names(rng, "_", 110)]
    fact = f"FAILED, expected {rng.randrange(1000, 9000)}"
    lines.insert(rng.randrange(20, 90), f"test_{rng.choice(_TRAITS)} ... {fact}")
    talk.step("run_shell", {"cmd": "make check PART=harrow"}, lines)
    return talk.messages, fact


def _services(rng: random.Random, wanted: str, trait: str) -> tuple[list[str], str]:
    lines, fact = [], ""
    for name in rng.sample(_SUBJECTS, 8):
        values = {each: rng.randrange(1000, 9999) for each in _TRAITS}
        lines += [f"{name} {each}: {value}" for each, value in values.items()]
        fact = f"{name} {trait}: {values[trait]}" if name == wanted else fact
    return lines, fact


def follow_up(rng: random.Random) -> Item:
    """The last question leaves out which service it is about."""
    rng_lines = random.Random(rng.random())
    wanted, trait = rng.choice(_SUBJECTS), rng.choice(_TRAITS)
    fact = ""
    while not fact:
        lines, fact = _services(rng_lines, wanted, trait)
    talk = Talk(f"Which services do we run, and is the {wanted} among them?")
    talk.step("show_services", {}, lines)
    talk.says("assistant", f"We run eight of them, and the {wanted} is one.")
    talk.says("user", f"Good. What is its {trait} set to, then?")
    return talk.messages, fact


def new_topic(rng: random.Random) -> Item:
    """The last question says all that it is about; the one before it was about something else."""
    rng_lines = random.Random(rng.random())
    wanted, other, trait = *rng.sample(_SUBJECTS, 2), rng.choice(_TRAITS)
    fact = ""
    while not fact:
        lines, fact = _services(rng_lines, wanted, trait)
    talk = Talk(f"Which services do we run, and is the {other} among them?")
    talk.step("show_services", {}, lines)
    talk.says("assistant", f"We run eight of them; about the {other} I am not sure.")
    talk.says("user", f"Never mind. What is the {trait} of the {wanted} set to?")
    return talk.messages, fact


KINDS: dict[str, Callable[[random.Random], Item]] = {
    "bare setting": bare_setting,
    "chain of numbers": chain_of_numbers,
    "said before": said_before,
    "named function": named_function,
    "wandered": wandered,
    "answered": answered,
    "follow-up": follow_up,
    "new topic": new_topic,
}


def held(compressor: Compressor, kind: str, seed: int, items: int, budget: str) -> int:
    """Of how many conversations of a kind the fact is kept."""
    made = [KINDS[kind](random.Random(f"{seed} {kind} {i}")) for i in range(items)]
    shortened = ((compressor.compress(messages, budget=budget).conversation, fact) for messages, fact in made)
    return sum(any(fact in (each["content"] or "") for each in short) for short, fact in shortened)


def main() -> None:
    """Make, compress, count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budget", action="append")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    compressor = Compressor.load().remembering(2**30)
    rows = []
    begun = time.perf_counter()
    for kind in KINDS:
        for budget in args.budget or ["12.5%", "25%"]:
            count = held(compressor, kind, args.seed, args.items, budget)
            rows.append({"kind": kind, "budget": budget, "held": count, "items": args.items})
            print(f"{kind:<18} {budget:>6}: {count} of {args.items}", flush=True)
    print(f"{time.perf_counter() - begun:.0f} s")
    if args.output is not None:
        write_results(args.output, {"rows": rows}, checkpoint="stage2-nosubq", device="cpu", dtype="auto")


if __name__ == "__main__":
    main()
