"""Made files of exchange formats and of records that people type, added to those of :mod:`made_files`."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.support.made_files import Made, maker, names, said

Lines = list[tuple[str, tuple[str, ...]]]


def entries(
    rng: random.Random, write: Callable[[str, int], list[str]], own: Callable[[str], str], last: list[str]
) -> Lines:
    """Entries of the lines that ``write`` gives for a name; the last of them stands under ``own`` of it."""
    lines: Lines = []
    for number, name in enumerate(names(rng, 8)):
        written = write(name, number)
        lines += [(line, ()) for line in written[:-1]]
        lines += [(f"{written[-1]}{said(rng)}", (own(name),))]
        lines += [(line, ()) for line in last]
    return lines


@maker
def pgn(rng: random.Random) -> Made:
    def write(name: str, number: int) -> list[str]:
        tags = ['[Event "Open"]', f'[Round "{number}"]', f'[White "{name}"]', '[Black "Otto"]', ""]
        return [*tags, "1. e4 e5 2. Nf3 Nc6 "]

    return Made("games.pgn", entries(rng, write, lambda name: f'[White "{name}"]', [""]))


@maker
def ris(rng: random.Random) -> Made:
    def write(name: str, number: int) -> list[str]:
        return ["TY  - JOUR", f"AU  - {number}", f"TI  - {name}", "N1  - "]

    return Made("list.ris", entries(rng, write, lambda name: f"TI  - {name}", ["ER  - ", ""]))


@maker
def gedcom(rng: random.Random) -> Made:
    def write(name: str, number: int) -> list[str]:
        return [f"0 @I{number}@ INDI", f"1 NAME {name}", "1 SEX F", "1 NOTE "]

    return Made("tree.ged", entries(rng, write, lambda name: f"1 NAME {name}", []))


@maker
def translations(rng: random.Random) -> Made:
    def write(name: str, number: int) -> list[str]:
        return [f"#: src/main.c:{number}", f'msgid "{name}"', "#~ "]

    return Made("de.po", entries(rng, write, lambda name: f'msgid "{name}"', ['msgstr "x"', ""]))


@maker
def one_column_a_line(rng: random.Random) -> Made:
    def write(name: str, number: int) -> list[str]:
        return [f"-[ RECORD {number + 1} ]-----", f"name  | {name}", f"size  | {number}", "note  | "]

    return Made("out.txt", entries(rng, write, lambda name: f"name  | {name}", []))


@maker
def typed_fields(rng: random.Random) -> Made:
    def write(name: str, number: int) -> list[str]:
        return [f"Name: {name}", f"Born: {1900 + number}", "Trade: cooper", "Remark: "]

    return Made("people.txt", entries(rng, write, lambda name: f"Name: {name}", [""]))


@maker
def titled_fields(rng: random.Random) -> Made:
    def write(name: str, number: int) -> list[str]:
        return [f"=== {name} ===", f"Warranty: {number} months", "Delivery: soon", "Remark: "]

    return Made("goods.txt", entries(rng, write, lambda name: f"=== {name} ===", [""]))


@maker
def fields_under_titles_apart(rng: random.Random) -> Made:
    def write(name: str, number: int) -> list[str]:
        return [f"The {name} pump", "", f"Warranty: {number} months", "Delivery: soon", "Remark: "]

    return Made("pumps.txt", entries(rng, write, lambda name: f"The {name} pump", [""]))


@maker
def indented_below(rng: random.Random) -> Made:
    def write(name: str, number: int) -> list[str]:
        return [f"Host {name}", f"    Port {number}", "    User harbour", "    LocalCommand "]

    return Made("config", entries(rng, write, lambda name: f"Host {name}", [""]))


@maker
def balancer(rng: random.Random) -> Made:
    def write(name: str, number: int) -> list[str]:
        return [
            f"backend {name}",
            "    balance roundrobin",
            f"    server a 10.0.0.{number}:80",
            "    option ",
        ]

    return Made("proxy.cfg", entries(rng, write, lambda name: f"backend {name}", [""]))


@maker
def units_of_a_system(rng: random.Random) -> Made:
    def write(name: str, number: int) -> list[str]:
        file = f"# /etc/systemd/system/{name}.service"
        return [file, "[Unit]", f"Description=number {number}", "", "[Service]", "ExecStart=/bin/run "]

    return Made("cat.conf", entries(rng, write, lambda name: f"/{name}.service", [""]))


@maker
def terms_alike(rng: random.Random) -> Made:
    def write(name: str, number: int) -> list[str]:
        return ["[Term]", f"id: XY:00{number}", f"name: {name}", "comment: "]

    return Made("terms.obo", entries(rng, write, lambda name: f"name: {name}", [""]))


@maker
def named_blocks(rng: random.Random) -> Made:
    def write(name: str, number: int) -> list[str]:
        return [
            "server {",
            f"    server_name {name};",
            f"    listen {8000 + number};",
            "    root /srv;",
            "    # ",
        ]

    return Made("site.nginx", entries(rng, write, lambda name: f"server_name {name};", ["}", ""]))


@maker
def packaged_changes(rng: random.Random) -> Made:
    def write(name: str, number: int) -> list[str]:
        return [f"* Tue May {number + 10:02} 2023 Ann Oar <a@b.example> - {name}", "- one thing", "- "]

    return Made("pump.spec", entries(rng, write, lambda name: f"<a@b.example> - {name}", [""]))


@maker
def wiki_sections(rng: random.Random) -> Made:
    def write(name: str, number: int) -> list[str]:
        return [
            f"== {name} ==",
            f"The tide took {number} boats and left the nets on the wall, wet and torn.",
            "",
        ]

    return Made("page.wiki", entries(rng, write, lambda name: f"== {name} ==", [".", ""]))


@maker
def titles_apart(rng: random.Random) -> Made:
    def write(name: str, number: int) -> list[str]:
        return [f"On {name} and its boats", "", f"The tide took {number} boats; and this is said of it: "]

    return Made("book.txt", entries(rng, write, lambda name: f"On {name} and its boats", [" So it was.", ""]))
