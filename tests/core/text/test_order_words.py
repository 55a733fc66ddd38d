"""Entries are dated however their dates are written, and the newest is the one of the latest date."""

from __future__ import annotations

import datetime

import pytest

from longattncomp_cli.core.text.order_words import end_of_order, entries, order_asked

FORMS = ["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d %B %Y", "%B %d, %Y", "%A, %d %B %Y", "%b %d %Y"]
HEADS = ["## {}", "{}", "**{}**", "### Meeting of {}", "Sitzung vom {}", "[{}]", "Minutes, {}"]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("backwards", [False, True])
def test_the_newest_entry_has_the_latest_date(form: str, head: str, backwards: bool) -> None:
    dates = [datetime.date(2019, 11, 2) + datetime.timedelta(days=37 * number) for number in range(14)]
    shown = [head.format(date.strftime(form)) for date in (dates[::-1] if backwards else dates)]
    text = "".join(f"{each}\n\nThe wind turned, and 12 boats came home.\n\n" for each in shown)
    found = entries(text, 0, len(text))
    assert [entry.date for entry in found] == sorted((f"{d}" for d in dates), reverse=backwards)
    newest, oldest = end_of_order(found, "newest"), end_of_order(found, "oldest")
    assert (newest.date, oldest.date) == (f"{dates[-1]}", f"{dates[0]}")
    assert text.startswith(shown[0 if backwards else -1], newest.start)


def test_packages_changelogs_are_entries() -> None:
    for line in (
        "pumpd (5.{}.0-1) unstable; urgency=medium",
        "* Tue Apr 1{} 2024 Ann Oar <a@b.example> - 5.{}",
    ):
        text = "".join(line.replace("{}", str(n)) + "\n\n  * a change\n\n" for n in range(6, 0, -1))
        assert len(entries(text, 0, len(text))) == 6


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("Which version came last?", "newest"),
        ("What was the final message?", "newest"),
        ("Was sagt der neueste Eintrag?", "newest"),
        ("What does the earliest note say?", "oldest"),
        ("How long did the last winter last in Varde", "newest"),
        ("When does the last ferry leave?", None),
        ("Who was the first miller?", None),
    ],
)
def test_what_asks_for_an_end_of_an_order(query: str, order: str | None) -> None:
    asked = order_asked(query)
    assert (asked and asked[0]) == (None if "winter" in query else order)


def test_lines_of_prose_that_begin_with_a_date_are_no_entries() -> None:
    text = "3 May 2019 was the day on which the reeve and all of his men left.\n" * 9
    assert entries(text, 0, len(text)) == []
