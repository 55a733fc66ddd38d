"""Made-up tables in many formats, and questions that name one of their rows."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

NUM_ROWS = 45
NUM_WIDE_COLUMNS = 40
LOOKUPS_A_KIND = 20

_STEMS = (
    *("Aldermoor", "Brackwater", "Corriebeg", "Dunnavale", "Elsinghow", "Fennmark", "Garrowby", "Hestholm"),
    *("Inverlaw", "Jarlsey", "Kettlefoss", "Lorvik", "Mossgill", "Nordrey", "Oxensund", "Pellbrae"),
    *("Quarrow", "Rannoway", "Skelmire", "Tolvane", "Ulverby", "Vardsole", "Wexmoor", "Yarrick"),
)
_SIDES = ("", " North", " South", " Upper", " Lower Basin")
_GIVEN = (
    *("Ada", "Boris", "Celia", "Dario", "Edda", "Finn", "Greta", "Hugo", "Ilse", "Jonas"),
    *("Katya", "Leif", "Mirja", "Nuno", "Orla", "Piet", "Rhea", "Sven"),
)
_FAMILY = (
    *("Abelsen", "Brandt", "Corvo", "Dahlin", "Eriksen", "Farro", "Grundy"),
    *("Holmqvist", "Ibarra", "Jansson", "Kovac", "Lindley", "Moreau"),
)
_CITIES = (
    *("Lund", "Vaasa", "Turku", "Bergen", "Aarhus"),
    *("Gdansk", "Rostock", "Tartu"),
)
_NOTE = (
    "The figures below were collected over a whole year. Every value was read twice, by two people, and the "
    "second reading is the one that is given. Where a value is missing the instrument had failed. Readers "
    "who want to compare years should note that the method changed in spring: older values are too low by "
    "a tenth."
)


@dataclass(frozen=True)
class Table:
    """Columns with their units, and rows of texts."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Lookup:
    """A question, the text that it is asked of, and what of the text answers it.

    Attributes:
        kind: ``name``, ``number`` or ``code``: what it names the row by.
        place: ``alone``, ``text`` around the table, or ``second`` of two tables.
        name: of the file; empty where the text comes from standard input.
        row: the text of the row that answers.
        header: the parts of the text that say what its columns are.
        rows: all lines of the text, where whole lines are asked for.
    """

    kind: str
    place: str
    name: str
    text: str
    question: str
    row: str
    header: tuple[str, ...]
    rows: frozenset[str] = frozenset()


def _code(rng: random.Random) -> str:
    return "".join(rng.choices("BCDFGKLMNPRTVX", k=2)) + f"-{rng.randrange(1000, 9999)}"


def _date(rng: random.Random) -> str:
    return f"{rng.randrange(2015, 2026)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}"


def stations(rng: random.Random, num_columns: int) -> Table:
    """Measuring stations, named first; neighbours share the beginning of their names."""
    names = sorted(rng.sample([stem + side for stem in _STEMS for side in _SIDES], NUM_ROWS))
    permits = rng.sample(range(10_000, 99_999), NUM_ROWS)
    columns = (
        *("station", "code", "permit no", "depth m", "flow l/s"),
        *("nitrate mg/l", "iron mg/l", "last service"),
    )
    rows = tuple(
        (
            name, _code(rng), str(permit), str(rng.randrange(10, 180)), f"{rng.uniform(2, 60):.1f}",
            str(rng.randrange(1, 50)), f"{rng.uniform(0.1, 1):.2f}", _date(rng),
        )[:num_columns]
        for name, permit in zip(names, permits, strict=True)
    )  # fmt: skip
    return Table("Station survey", columns[:num_columns], rows)


def orders(rng: random.Random, num_columns: int) -> Table:
    """Orders by ascending number; the customer stands second."""
    names = rng.sample([f"{given} {family}" for given in _GIVEN for family in _FAMILY], NUM_ROWS)
    start = rng.randrange(10_000, 50_000)
    columns = ("order", "customer", "item", "city", "price EUR", "weight kg", "pieces", "shipped")
    rows = tuple(
        (
            str(start + 7 * number), name, _code(rng), rng.choice(_CITIES), str(rng.randrange(5, 900)),
            f"{rng.uniform(0.2, 30):.1f}", str(rng.randrange(1, 12)), _date(rng),
        )[:num_columns]
        for number, name in enumerate(names)
    )  # fmt: skip
    return Table("Orders of the year", columns[:num_columns], rows)


STYLES = {"stations": stations, "orders": orders}
_QUESTIONS = {
    ("stations", "name"): (
        "How deep is the water at {}?",
        "What is the flow at {}?",
        "When was {} last serviced?",
    ),
    ("stations", "number"): ("Which station has permit {}?", "How deep is the place with permit no {}?"),
    ("stations", "code"): ("What is the flow where the code is {}?", "Which station has the code {}?"),
    ("orders", "name"): (
        "What did {} pay?",
        "Where was the order of {} shipped to?",
        "Which item did {} order?",
    ),
    ("orders", "number"): ("Which city was order {} shipped to?", "Who placed order {}?"),
    ("orders", "code"): ("Who ordered item {}?", "What is the price of {}?"),
}
_KEY_COLUMNS = {
    "stations": {"name": 0, "code": 1, "number": 2},
    "orders": {"number": 0, "name": 1, "code": 2},
}

Rendered = tuple[str, tuple[str, ...], list[str]]
"""The text of a table, the parts that name its columns, and the texts of its rows."""


def _lines(header: Sequence[str], rows: list[str], named: Sequence[str] | None = None) -> Rendered:
    return "\n".join([*header, *rows]) + "\n", tuple(header if named is None else named), rows


def markdown(table: Table) -> Rendered:
    """With outer pipes."""
    rows = ["| " + " | ".join(row) + " |" for row in table.rows]
    head = "| " + " | ".join(table.columns) + " |"
    return _lines([head, "|" + "---|" * len(table.columns)], rows, [head])


def markdown_bare(table: Table) -> Rendered:
    """Without outer pipes."""
    rows = [" | ".join(row) for row in table.rows]
    head = " | ".join(table.columns)
    return _lines([head, " | ".join(["---"] * len(table.columns))], rows, [head])


def csv(table: Table) -> Rendered:
    """Commas."""
    return _lines([",".join(table.columns)], [",".join(row) for row in table.rows])


def csv_quoted(table: Table) -> Rendered:
    """Semicolons, everything in quotes."""
    quoted = [";".join(f'"{cell}"' for cell in row) for row in (table.columns, *table.rows)]
    return _lines(quoted[:1], quoted[1:])


def tsv(table: Table) -> Rendered:
    """Tabs."""
    return _lines(["\t".join(table.columns)], ["\t".join(row) for row in table.rows])


def html(table: Table) -> Rendered:
    """A row a line."""
    head = "<tr>" + "".join(f"<th>{name}</th>" for name in table.columns) + "</tr>"
    rows = ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in table.rows]
    return "<table>\n" + "\n".join([head, *rows]) + "\n</table>\n", (head,), rows


def _widths(table: Table) -> list[int]:
    return [max(len(cell) for cell in column) for column in zip(table.columns, *table.rows, strict=True)]


def fixed(table: Table) -> Rendered:
    """Aligned columns, two spaces between, under dashes."""
    widths = _widths(table)
    made = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (table.columns, *table.rows)
    ]
    return _lines([made[0], "  ".join("-" * width for width in widths)], made[1:], made[:1])


def psql(table: Table) -> Rendered:
    """As psql prints it."""
    widths = _widths(table)
    made = [
        " " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (table.columns, *table.rows)
    ]
    return _lines([made[0], "-" + "-+-".join("-" * width for width in widths) + "-"], made[1:], made[:1])


def rst_grid(table: Table) -> Rendered:
    """A grid table."""
    widths = _widths(table)
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    made = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (table.columns, *table.rows)
    ]
    body = "".join(f"{row}\n{rule}\n" for row in made[1:])
    return f"{rule}\n{made[0]}\n{rule.replace('-', '=')}\n{body}", (made[0],), made[1:]


def _tuples(table: Table) -> list[str]:
    return [
        "(" + ", ".join(cell if cell.replace(".", "").isdigit() else f"'{cell}'" for cell in row) + ")"
        for row in table.rows
    ]


def _names(table: Table) -> list[str]:
    return [name.replace(" ", "_").replace("/", "_per_") for name in table.columns]


def sql(table: Table) -> Rendered:
    """One statement, a tuple a line."""
    head = f"INSERT INTO {table.title.split()[0].lower()} ({', '.join(_names(table))}) VALUES"
    rows = _tuples(table)
    return f"{head}\n" + ",\n".join(rows) + ";\n", (head,), rows


def sql_statements(table: Table) -> Rendered:
    """A statement a row, the columns only in CREATE TABLE."""
    name = table.title.split()[0].lower()
    columns = [f"  {column} TEXT" for column in _names(table)]
    rows = [f"INSERT INTO {name} VALUES {row};" for row in _tuples(table)]
    create = f"CREATE TABLE {name} (\n" + ",\n".join(columns) + "\n);\n\n"
    return create + "\n".join(rows) + "\n", tuple(columns), rows


def json_records(table: Table) -> Rendered:
    """An array, a record over several lines."""
    records = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    whole = json.dumps(records, indent=2)
    rows = [json.dumps(record, indent=2).replace("\n", "\n  ") for record in records]
    return whole + "\n", (), rows


def jsonl(table: Table) -> Rendered:
    """A record a line."""
    rows = [json.dumps(dict(zip(table.columns, row, strict=True))) for row in table.rows]
    return "\n".join(rows) + "\n", (), rows


Format = tuple[Callable[[Table], Rendered], str, int]
"""How it is written, the suffix of its file, and as many columns as leave room for a header and a row."""
FORMATS: dict[str, Format] = {
    "markdown": (markdown, ".md", 8),
    "csv": (csv, ".csv", 8),
    "tsv": (tsv, ".tsv", 8),
    "html": (html, ".html", 7),
    "fixed": (fixed, ".txt", 8),
    "sql": (sql, ".sql", 8),
    "json": (json_records, ".json", 8),
}
OTHER_FORMATS: dict[str, Format] = {
    "markdown-bare": (markdown_bare, ".md", 8),
    "csv-quoted": (csv_quoted, ".csv", 8),
    "psql": (psql, ".txt", 8),
    "rst-grid": (rst_grid, ".rst", 8),
    "sql-statements": (sql_statements, ".sql", 8),
    "jsonl": (jsonl, ".jsonl", 8),
}
WIDE_FORMATS: dict[str, Format] = {
    "wide-csv": (csv, ".csv", NUM_WIDE_COLUMNS),
    "wide-tsv": (tsv, ".tsv", NUM_WIDE_COLUMNS),
    "wide-markdown": (markdown, ".md", NUM_WIDE_COLUMNS),
}
_ALONE_ONLY = ("json", "jsonl", "csv", "csv-quoted", "tsv")
"""Formats whose files hold one table and nothing else."""


def _surround(rendered: str, other: str, suffix: str, place: str) -> str:
    if place == "alone":
        return rendered
    around = f"<p>{_NOTE}</p>" if suffix == ".html" else _NOTE
    if suffix == ".sql":
        around = "\n".join("-- " + line for line in _NOTE.split(". "))
    heading = {".md": "# Report\n\n", ".html": "<h1>Report</h1>\n"}.get(suffix, "")
    if place == "text":
        return f"{heading}{around}\n\n{rendered}\n{around}\n"
    return f"{heading}{other}\n{around}\n\n{rendered}"


def _first_rows(table: Table, num_rows: int) -> Table:
    return replace(table, rows=table.rows[:num_rows])


def lookups(
    style: str, seed: int, form: str, *, unnamed: bool = False, num_rows: int = NUM_ROWS
) -> Iterator[Lookup]:
    """The questions of one format, 20 of a kind; every third table stands in another place."""
    write, suffix, num_columns = (FORMATS | OTHER_FORMATS)[form]
    for number, place in enumerate(("alone", "text", "second")):
        rng = random.Random(f"{style}/{seed}/{place}")
        table = _first_rows(STYLES[style](rng, num_columns), num_rows)
        other_style = next(name for name in STYLES if name != style)
        other = write(_first_rows(STYLES[other_style](rng, num_columns), num_rows))[0]
        text, header, rows = write(table)
        shown = "alone" if form in _ALONE_ONLY else place
        text = _surround(text, other, suffix, shown)
        name = "" if unnamed else f"table{suffix}"
        for kind in ("name", "number", "code"):
            few, more = divmod(LOOKUPS_A_KIND, 3)
            for row in rng.sample(range(num_rows), few + (number < more)):
                key = table.rows[row][_KEY_COLUMNS[style][kind]]
                question = rng.choice(_QUESTIONS[style, kind]).format(key)
                yield Lookup(kind, shown, name, text, question, rows[row], header)


def wide_lookups(
    style: str, seed: int, form: str, *, unnamed: bool = False, num_rows: int = NUM_ROWS
) -> Iterator[Lookup]:
    """The same of tables with more columns, numbers and words; no piece of a row may be kept."""
    write, suffix, num_columns = WIDE_FORMATS[form]
    rng = random.Random(f"{style}/{seed}/wide")
    table = _first_rows(STYLES[style](rng, num_columns), num_rows)
    missing = num_columns - len(table.columns)
    extra = tuple(f"{rng.choice(_CITIES).lower()}_{rng.choice(_STEMS).lower()}_{n}" for n in range(missing))
    words = ("fair", "poor", "no", "unknown")

    def filler() -> str:
        return rng.choice([rng.choice(words), str(rng.randrange(5, 999)), f"{rng.uniform(1, 99):.2f}"])

    wide = Table(
        table.title, table.columns + extra, tuple((*row, *(filler() for _ in extra)) for row in table.rows)
    )
    text, header, rows = write(wide)
    for kind in ("name", "number", "code"):
        for row in rng.sample(range(num_rows), LOOKUPS_A_KIND):
            key = wide.rows[row][_KEY_COLUMNS[style][kind]]
            question = rng.choice(_QUESTIONS[style, kind]).format(key)
            name = "" if unnamed else f"table{suffix}"
            lines = frozenset(line.strip() for line in text.splitlines())
            yield Lookup(kind, "alone", name, text, question, rows[row], header, lines)
