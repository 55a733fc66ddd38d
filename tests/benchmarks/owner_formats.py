"""Made-up files whose sections all have the same entries, and questions that name a section and an entry."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

NUM_SECTIONS = 8
NUM_ENTRIES = 36
FILES, QUESTIONS_A_FILE = 1, 10


@dataclass(frozen=True)
class Style:
    """Words that files are made of.

    Attributes:
        whole: what the file as a whole is of, one word; ``part`` what a section is of.
        sections: the words of their names.
        subjects, aspects: an entry is called by one of each.
        questions: how it is asked for.
    """

    whole: str
    part: str
    sections: tuple[str, ...]
    subjects: tuple[str, ...]
    aspects: tuple[str, ...]
    questions: tuple[str, ...]


STYLES = {
    "services": Style(
        "services",
        "service",
        (
            "gateway",
            "invoice",
            "courier",
            "ledger",
            "catalog",
            "signup",
            "archive",
            "alerts",
            "payroll",
            "maps",
        ),
        ("cache", "session", "queue", "upload", "token", "retry", "mirror", "batch", "proxy"),
        ("limit", "timeout", "window", "weight", "delay"),
        (
            "What is the {entry} of the {section} service?",
            "What is {identifier} set to for {section}?",
            "How large is the {entry} in the {section} section?",
        ),
    ),
    "vessels": Style(
        "fleet",
        "ship",
        (
            "heron",
            "lapwing",
            "dunlin",
            "garganey",
            "plover",
            "merlin",
            "siskin",
            "wheatear",
            "avocet",
            "curlew",
        ),
        ("anchor", "hull", "rudder", "galley", "engine", "mast", "cargo", "tank", "deck"),
        ("mass", "length", "age", "cost", "rating"),
        (
            "What is the {entry} of the {section}?",
            "Tell me the {section}'s {entry}.",
            "Which {identifier} does the ship {section} have?",
        ),
    ),
    "modules": Style(
        "modules",
        "module",
        (
            *("MailSorter", "QueueDrain", "TokenMint", "LeaseBook", "RouteCache"),
            *("node_b7", "node_c12", "east-relay4", "west-relay4", "pg.main"),
        ),
        ("retry", "buffer", "socket", "worker", "shard", "index", "lock", "flush", "probe"),
        ("limit", "timeout", "size", "count", "delay"),
        ("What is the {entry} of {section}?", "Which {identifier} is set for {section}?"),
    ),
}


@dataclass(frozen=True)
class Section:
    """A name and entries: (subject, aspect, value)."""

    name: str
    entries: tuple[tuple[str, str, int], ...]

    @property
    def title(self) -> str:
        """As a heading has it."""
        return self.name if self.name != self.name.lower() else self.name.capitalize()


@dataclass(frozen=True)
class Question:
    """A question, the text that answers it and what of the text says of which section it is.

    Attributes:
        name: of the file.
        value: the number that answers, which stands nowhere else.
        owner: what the heading line says.
        depth: how far into its section the answer stands, from 0 to 1.
    """

    name: str
    text: str
    question: str
    value: str
    owner: str
    depth: float


def _identifier(subject: str, aspect: str) -> str:
    return f"{subject}_{aspect}"


def ini(style: Style, sections: Sequence[Section]) -> str:
    """Sections in brackets, parted by empty lines."""
    return "\n".join(
        f"[{each.name}]\n" + "".join(f"{s}_{a} = {v}\n" for s, a, v in each.entries) for each in sections
    )


def toml(style: Style, sections: Sequence[Section]) -> str:
    """Tables of a table."""
    return "\n".join(
        f"[{style.whole}.{each.name}]\n" + "".join(f"{s}_{a} = {v}\n" for s, a, v in each.entries)
        for each in sections
    )


def _nested(entries: Sequence[tuple[str, str, int]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for subject, aspect, value in entries:
        found.setdefault(subject, {})[aspect] = value
    return found


def yaml(style: Style, sections: Sequence[Section]) -> str:
    """Four levels of keys."""
    lines = [f"{style.whole}:"]
    for each in sections:
        lines.append(f"  {each.name}:")
        for subject, aspects in _nested(each.entries).items():
            lines.append(f"    {subject}:")
            lines += [f"      {aspect}: {value}" for aspect, value in aspects.items()]
    return "\n".join(lines) + "\n"


def json_keys(style: Style, sections: Sequence[Section]) -> str:
    """The same levels."""
    return json.dumps({style.whole: {each.name: _nested(each.entries) for each in sections}}, indent=2) + "\n"


def markdown_lists(style: Style, sections: Sequence[Section]) -> str:
    """A list under each heading."""
    return f"# The {style.whole}\n" + "".join(
        f"\n## {each.title}\n\n" + "".join(f"- {s.capitalize()} {a}: {v}\n" for s, a, v in each.entries)
        for each in sections
    )


def _prose(section: Section) -> str:
    said = [
        f"The {s} {a} was found to be {v}, which is what we had hoped for." for s, a, v in section.entries
    ]
    return "\n\n".join(" ".join(said[at : at + 4]) for at in range(0, len(said), 4)) + "\n"


def markdown_prose(style: Style, sections: Sequence[Section]) -> str:
    """Paragraphs under each heading."""
    return f"# The {style.whole}\n" + "".join(f"\n## {each.title}\n\n{_prose(each)}" for each in sections)


def rst(style: Style, sections: Sequence[Section]) -> str:
    """Paragraphs under underlined headings."""
    return "\n".join(f"{each.title}\n{'-' * len(each.title)}\n\n{_prose(each)}" for each in sections)


def log(style: Style, sections: Sequence[Section]) -> str:
    """Entries of many lines under a line with their time."""
    return "".join(
        f"2031-04-{number + 10} 08:1{number}:02,113 INFO {style.part}.{each.name} state\n"
        + "".join(f"    {s} {a}: {v}\n" for s, a, v in each.entries)
        for number, each in enumerate(sections)
    )


def python(style: Style, sections: Sequence[Section]) -> str:
    """Classes with the same methods."""
    return "\n\n".join(
        f"class {each.title}:\n"
        + "\n".join(f"    def {s}_{a}(self):\n        return {v}\n" for s, a, v in each.entries)
        for each in sections
    )


def java(style: Style, sections: Sequence[Section]) -> str:
    """The same in a language that is read by its braces."""
    return "\n".join(
        f"public class {each.title} {{\n"
        + "\n".join(
            f"    int {s}{a.capitalize()}() {{\n        return {v};\n    }}\n" for s, a, v in each.entries
        )
        + "}\n"
        for each in sections
    )


def manifests(style: Style, sections: Sequence[Section]) -> str:
    """Documents of Kubernetes."""
    return "---\n".join(
        f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {each.name}\n"
        f"  labels:\n    app: {style.whole}\ndata:\n"
        + "".join(f'  {s.upper()}_{a.upper()}: "{v}"\n' for s, a, v in each.entries)
        for each in sections
    )


def xml(style: Style, sections: Sequence[Section]) -> str:
    """Elements under one with a name."""
    inner = "".join(
        f'  <{style.part} name="{each.name}">\n'
        + "".join(f"    <{s}-{a}>{v}</{s}-{a}>\n" for s, a, v in each.entries)
        + f"  </{style.part}>\n"
        for each in sections
    )
    return f"<{style.whole}>\n{inner}</{style.whole}>\n"


def hcl(style: Style, sections: Sequence[Section]) -> str:
    """Blocks with two labels."""
    return "\n".join(
        f'resource "{style.part}" "{each.name}" {{\n'
        + "".join(f"  {s}_{a} = {v}\n" for s, a, v in each.entries)
        + "}\n"
        for each in sections
    )


FORMATS: dict[str, tuple[str, Callable[[Style, Sequence[Section]], str]]] = {
    "ini": ("settings.ini", ini),
    "toml": ("settings.toml", toml),
    "yaml": ("values.yaml", yaml),
    "json": ("values.json", json_keys),
    "markdown, lists": ("notes.md", markdown_lists),
    "markdown, prose": ("report.md", markdown_prose),
    "rst": ("report.rst", rst),
    "log": ("state.log", log),
    "python": ("parts.py", python),
    "java": ("Parts.java", java),
    "manifests": ("all.yaml", manifests),
    "xml": ("parts.xml", xml),
    "hcl": ("main.tf", hcl),
}


def questions(style_name: str, seed: int, format_name: str) -> Iterator[Question]:
    """All questions of a format, those of a file one after the other."""
    style = STYLES[style_name]
    name, render = FORMATS[format_name]
    for number in range(FILES):
        rng = random.Random(f"{style_name} {seed} {format_name} {number}")
        calls = [(subject, aspect) for subject in style.subjects for aspect in style.aspects]
        values = iter(rng.sample(range(10_000, 99_999), NUM_SECTIONS * NUM_ENTRIES))
        own = sorted(rng.sample(calls, NUM_ENTRIES))
        sections = [
            Section(each, tuple((subject, aspect, next(values)) for subject, aspect in own))
            for each in rng.sample(style.sections, NUM_SECTIONS)
        ]
        text = render(style, sections)
        for place in rng.sample(range(NUM_SECTIONS * NUM_ENTRIES), QUESTIONS_A_FILE):
            section, entry = sections[place // NUM_ENTRIES], place % NUM_ENTRIES
            subject, aspect, value = section.entries[entry]
            shown = section.title if section.title in text else section.name
            asked = rng.choice(style.questions).format(
                entry=f"{subject} {aspect}", identifier=_identifier(subject, aspect), section=shown
            )
            yield Question(name, text, asked, str(value), shown, entry / NUM_ENTRIES)
