"""Made files of many formats, of which is known under which lines each of their lines stands."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

WORDS = [
    *("amber", "basil", "cedar", "drift", "ember", "fjord", "grove", "heron", "inlet"),
    *("jetty", "kelp", "larch", "mango", "nettle", "otter", "pearl", "quartz", "raven"),
    *("sable", "thyme", "umber", "vetch", "willow", "yarrow", "zinc", "birch", "coral"),
    *("dune", "elder", "flint"),
]


@dataclass(frozen=True)
class Made:
    """A file.

    Attributes:
        name: says its format by its suffix.
        lines: each with the lines, or parts of lines, that it stands under; nothing where that is not asked.
        bare: whether the text says its format without its name.
    """

    name: str
    lines: list[tuple[str, tuple[str, ...]]]
    bare: bool = True

    @property
    def text(self) -> str:
        """All lines."""
        return "".join(line + "\n" for line, _ in self.lines)


Maker = Callable[[random.Random], Made]
MAKERS: dict[str, Maker] = {}


def maker(make: Maker) -> Maker:
    """Register a function by its name."""
    MAKERS[make.__name__] = make
    return make


def names(rng: random.Random, number: int) -> list[str]:
    """Different names."""
    return [f"{word}{rng.randrange(10, 99)}x" for word in rng.sample(WORDS, number)]


def said(rng: random.Random) -> str:
    """A few words with a number, unlike any other."""
    return " ".join(rng.choices(WORDS, k=rng.randrange(3, 9))) + f" {rng.randrange(10**9)}"


def sectioned(
    rng: random.Random,
    head: Callable[[str], list[str]],
    line: Callable[[str], str],
    tail: list[str],
    number: int = 8,
) -> list[tuple[str, tuple[str, ...]]]:
    """Sections of a few lines, each under the last line of ``head``, ended by ``tail``."""
    lines: list[tuple[str, tuple[str, ...]]] = []
    for name in names(rng, number):
        above = head(name)
        lines += [(each, ()) for each in above]
        owner = above[-1].strip().removesuffix("{").rstrip(" =")
        lines += [(line(said(rng)), (owner,)) for _ in range(rng.randrange(3, 12))]
        lines += [(each, ()) for each in tail]
    return lines


@maker
def ini(rng: random.Random) -> Made:
    return Made(
        "a.ini", sectioned(rng, lambda n: ["# of old", f"[{n}]"], lambda s: f"key{hash(s) % 97} = {s}", [""])
    )


@maker
def toml_items(rng: random.Random) -> Made:
    return Made(
        "a.toml",
        sectioned(rng, lambda n: ["[[task]]", f'name = "{n}"'], lambda s: f'text_{len(s)} = "{s}"', [""]),
    )


@maker
def systemd(rng: random.Random) -> Made:
    return Made("a.service", sectioned(rng, lambda n: [f"[{n}]"], lambda s: f"ExecStart=/bin/echo {s}", [""]))


@maker
def env_groups(rng: random.Random) -> Made:
    return Made(
        ".env",
        sectioned(rng, lambda n: [f"# {n} settings"], lambda s: f'KEY_{len(s)}="{s}"', [""]),
        bare=False,
    )


@maker
def kubernetes(rng: random.Random) -> Made:
    lines: list[tuple[str, tuple[str, ...]]] = []
    for name in names(rng, 5):
        own = f"name: {name}"
        lines += [
            ("---", ()),
            ("apiVersion: v1", ()),
            ("kind: Pod", ()),
            ("metadata:", ()),
            (f"  {own}", ()),
            ("spec:", ()),
        ]
        lines += [("  containers:", ())]
        for inner in names(rng, 2):
            lines += [(f"  - name: {inner}c", ()), (f"    image: {said(rng)}", (own, f"- name: {inner}c"))]
            both = (own, f"- name: {inner}c")
            lines += [("    resources:", ())]
            for part, line in (
                ("limits:", f"memory: {rng.randrange(10**6)}Mi"),
                ("requests:", f"cpu: {rng.randrange(10**6)}m"),
            ):
                lines += [(f"      {part}", ()), (f"        {line}", (*both, part))]
    return Made("a.yaml", lines)


@maker
def compose(rng: random.Random) -> Made:
    return Made(
        "compose.yml",
        [("services:", ()), *sectioned(rng, lambda n: [f"  {n}:"], lambda s: f"    label{len(s)}: {s}", [])],
    )


@maker
def json_records(rng: random.Random) -> Made:
    lines: list[tuple[str, tuple[str, ...]]] = [("[", ())]
    for name in (all_names := names(rng, 7)):
        own = f'"name": "{name}"'
        lines += [("  {", ()), (f"    {own},", ())]
        for part in ("yard", "decks"):
            lines += [(f'    "{part}": {{', (own,))]
            lines += [
                (f'      "k{i}": "{said(rng)}",', (own, f'"{part}"')) for i in range(rng.randrange(2, 9))
            ]
            lines += [(f'      "last": {rng.randrange(10**6)}', (own, f'"{part}"')), ("    },", ())]
        lines += [('    "end": 1', (own,)), ("  }," if name != all_names[-1] else "  }", ())]
    return Made("a.json", [*lines, ("]", ())])


@maker
def terraform(rng: random.Random) -> Made:
    return Made(
        "a.tf",
        sectioned(
            rng, lambda n: [f'resource "disk" "{n}" {{'], lambda s: f'  note{len(s)} = "{s}}}"', ["}", ""]
        ),
    )


@maker
def nginx(rng: random.Random) -> Made:
    lines = sectioned(
        rng, lambda n: [f"    location /{n} {{"], lambda s: f'        add_header X "{s}";', ["    }"]
    )
    return Made("nginx.conf", [("server {", ()), *lines, ("}", ())])


@maker
def proto(rng: random.Random) -> Made:
    return Made(
        "a.proto",
        sectioned(rng, lambda n: [f"message {n} {{"], lambda s: f"  string k = 1; // {s}", ["}", ""]),
    )


@maker
def css(rng: random.Random) -> Made:
    return Made(
        "a.css", sectioned(rng, lambda n: [f"#{n} {{"], lambda s: f'  content: "{s}";', ["}", ""]), bare=False
    )


@maker
def dockerfile(rng: random.Random) -> Made:
    return Made(
        "Dockerfile", sectioned(rng, lambda n: [f"FROM alpine AS {n}"], lambda s: f"RUN echo {s}", [""])
    )


@maker
def makefile(rng: random.Random) -> Made:
    return Made("Makefile", sectioned(rng, lambda n: [f"{n}: all"], lambda s: f"\techo {s}", [""]))


def methods(
    rng: random.Random, head: str, opening: list[str], line: str, close: str = "    }"
) -> list[tuple[str, tuple[str, ...]]]:
    """A class with methods, whose first lines hold NAME and whose lines hold SAID."""
    return [
        (head, ()),
        *sectioned(
            rng,
            lambda n: [each.replace("NAME", n) for each in opening if "NAME" in each],
            lambda s: line.replace("SAID", s),
            [close, ""],
        ),
        ("}", ()),
    ]


def with_brace(lines: list[tuple[str, tuple[str, ...]]]) -> list[tuple[str, tuple[str, ...]]]:
    """The same with the braces that follow a method's name on lines of their own."""
    found: list[tuple[str, tuple[str, ...]]] = []
    for line, owners in lines:
        if line.endswith(" {"):
            found += [(line[:-2], owners), (" " * (len(line) - len(line.lstrip())) + "{", ())]
        else:
            found.append((line, owners))
    return found


@maker
def kotlin(rng: random.Random) -> Made:
    lines = methods(
        rng,
        "class Press(\n    val a: Int,\n) : Base {",
        ["    fun NAME(b: Int): Int {"],
        '        log("SAID {")',
    )
    return Made("a.kt", lines)


@maker
def swift(rng: random.Random) -> Made:
    lines = methods(
        rng, "struct Press: Base {", ["    func NAME(b: Int) throws -> Int {"], '        print("SAID") // }'
    )
    return Made("a.swift", lines)


@maker
def php(rng: random.Random) -> Made:
    lines = methods(
        rng, "final class Oven {", ["    public function NAME(int $a): int {"], "        $this->call('SAID');"
    )
    return Made("a.php", [("<?php", ()), *with_brace(lines)])


@maker
def csharp(rng: random.Random) -> Made:
    lines = methods(rng, "public class Oven {", ["    public int NAME(int a) {"], '        Call("SAID");')
    return Made("a.cs", [("using System;", ()), *with_brace(lines)], bare=False)


@maker
def scala(rng: random.Random) -> Made:
    lines = methods(
        rng, "object Oven extends App {", ["    def NAME(a: Int): Int = {"], '        call("SAID")'
    )
    return Made("a.scala", lines)


@maker
def lua(rng: random.Random) -> Made:
    return Made(
        "a.lua",
        sectioned(rng, lambda n: [f"function {n}(a)"], lambda s: f'  print("{s}")', ["end", ""]),
        bare=False,
    )


@maker
def shell(rng: random.Random) -> Made:
    lines = sectioned(rng, lambda n: [f"{n}() {{"], lambda s: f'  echo "{s}"', ["}", ""])
    return Made("a.sh", lines, bare=False)


@maker
def sql_tables(rng: random.Random) -> Made:
    return Made(
        "a.sql",
        sectioned(
            rng,
            lambda n: [f"CREATE TABLE {n}"],
            lambda s: f"    c{len(s)} INT, -- it's {s}",
            ["    last INT", ");", ""],
        ),
    )


@maker
def log_iso(rng: random.Random) -> Made:
    return traced(rng, "a.log", lambda i: f"2031-05-{i:02d} 10:{rng.randrange(10, 60)}:00.123 ERROR [main]")


@maker
def log_syslog(rng: random.Random) -> Made:
    return traced(rng, "messages", lambda i: f"May {i:2d} 10:{rng.randrange(10, 60)}:07 quay pump[{i}]:")


@maker
def log_access(rng: random.Random) -> Made:
    return traced(rng, "access.txt", lambda i: f"10.0.0.{i} - - [{i:02d}/Oct/2030:13:55:36 +0000]")


def traced(rng: random.Random, name: str, opening: Callable[[int], str]) -> Made:
    """Entries of a log, each with a stack trace."""
    lines: list[tuple[str, tuple[str, ...]]] = []
    for i in range(1, 25):
        entry = opening(i)
        lines += [(f"{entry} {said(rng)}", ())]
        lines += [
            (f"    at {word}.run({word}.java:{rng.randrange(99)})", (entry,)) for word in rng.sample(WORDS, 4)
        ]
    return Made(name, lines)


@maker
def java_dump(rng: random.Random) -> Made:
    return Made(
        "dump.txt",
        sectioned(
            rng,
            lambda n: [f'"{n}" #3 prio=5 tid=0x1'],
            lambda s: f"\tat a.b.c{len(s)}(A.java:{s[-5:]})",
            [""],
        ),
    )


@maker
def go_dump(rng: random.Random) -> Made:
    return Made(
        "",
        sectioned(
            rng,
            lambda n: [f"goroutine {rng.randrange(10**6)} [running]:"],
            lambda s: f"main.f(0x{s[-4:]})\n\t/a/b.go:7 +0x1d",
            [""],
        ),
    )


@maker
def gdb_dump(rng: random.Random) -> Made:
    return Made(
        "",
        sectioned(
            rng,
            lambda n: [f"Thread {rng.randrange(10**6)} (LWP 1):"],
            lambda s: f"#1 0x00 in f{s[-3:]} ()",
            [""],
        ),
    )


@maker
def git_log(rng: random.Random) -> Made:
    return Made(
        "", sectioned(rng, lambda n: [f"commit {rng.getrandbits(160):040x}"], lambda s: f"    {s}", [""])
    )


@maker
def patch(rng: random.Random) -> Made:
    def head(name: str) -> list[str]:
        return [
            f"diff --git a/{name} b/{name}",
            f"--- a/{name}",
            f"+++ b/{name}",
            f"@@ -1,9 +1,9 @@ def {name}",
        ]

    return Made("a.patch", sectioned(rng, head, lambda s: f"+ {s}", []))


@maker
def mailbox(rng: random.Random) -> Made:
    def head(name: str) -> list[str]:
        return [
            f"From {name}@a.b Mon Jan  1 10:00:00 2030",
            f"From: {name}@a.b",
            "To: x@y.z",
            f"Subject: on {name}",
        ]

    lines = sectioned(rng, head, lambda s: s, [""])
    return Made("a.mbox", lines)


@maker
def vcards(rng: random.Random) -> Made:
    return Made(
        "a.vcf",
        sectioned(
            rng, lambda n: ["BEGIN:VCARD", "VERSION:4.0", f"FN:{n}"], lambda s: f"NOTE:{s}", ["END:VCARD"]
        ),
    )


@maker
def ldif(rng: random.Random) -> Made:
    return Made("a.ldif", sectioned(rng, lambda n: [f"dn: cn={n},dc=a"], lambda s: f"note: {s}", [""]))


@maker
def bibtex(rng: random.Random) -> Made:
    return Made(
        "a.bib", sectioned(rng, lambda n: [f"@article{{{n},"], lambda s: f"  note = {{{s}}},", ["}", ""])
    )


@maker
def srt(rng: random.Random) -> Made:
    return Made(
        "a.srt",
        sectioned(
            rng,
            lambda n: ["7", f"00:00:{rng.randrange(10, 60)},{rng.randrange(100, 999)} --> 00:02:01,000"],
            lambda s: s,
            [""],
        ),
    )


@maker
def webvtt(rng: random.Random) -> Made:
    lines = sectioned(
        rng,
        lambda n: [f"00:{rng.randrange(10, 60)}.{rng.randrange(100, 999)} --> 02:01.000"],
        lambda s: s,
        [""],
    )
    return Made("a.vtt", [("WEBVTT", ()), ("", ()), *lines])


@maker
def manual(rng: random.Random) -> Made:
    lines = sectioned(rng, lambda n: [f"       --{n} value"], lambda s: f"              {s}", [""])
    return Made(
        "",
        [
            ("PRESS(1)", ()),
            ("NAME", ()),
            ("       press", ()),
            ("OPTIONS", ()),
            *lines,
            ("SEE ALSO", ()),
            ("DESCRIPTION", ()),
        ],
    )


@maker
def xml(rng: random.Random) -> Made:
    lines = sectioned(
        rng, lambda n: [f'  <press name="{n}">'], lambda s: f"    <note>{s}</note>", ["  </press>"]
    )
    return Made("a.xml", [('<?xml version="1.0"?>', ()), ("<all>", ()), *lines, ("</all>", ())])
