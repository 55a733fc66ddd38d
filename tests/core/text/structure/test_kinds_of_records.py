"""Records that people type are no chats, and what is said of several lines stands over each of them."""

from __future__ import annotations

import pytest

from longattncomp_cli.core.inputs.views.pages import read
from longattncomp_cli.core.text.structure.kinds import kind_of
from longattncomp_cli.core.text.structure.reader import structure_of


def heads(text: str, part: str, name: str = "") -> list[str]:
    structure = structure_of(text, name)
    assert structure is not None
    return [text[a:b] for a, b in structure.headings_at(text.index(part) + 1)]


@pytest.mark.parametrize("title", ["PUMP {}", "{}. Pump", "The {} pump", "Pump {}\n______"])
def test_fields_under_titles_are_no_turns_of_speakers(title: str) -> None:
    blocks = [
        f"{title.format(n)}\n\nWarranty: {n} months.\nOutput: {n} kW.\nLining: clay {n}.\n"
        for n in range(1, 9)
    ]
    text = "\n".join(blocks)
    assert kind_of(text) == "fields"
    assert heads(text, "Lining: clay 5") == [title.format(5)]


def test_people_who_talk_in_turn_are_a_chat() -> None:
    said = [f"{who}: well, {n} of them were wet." for n in range(9) for who in ("Ann", "Bob")]
    assert kind_of("\n".join(said)) == "chat"
    orders = ("ABC", "BAC", "CAB", "ACB", "BCA", "CBA")
    said = [f"{who}nn: well, {n} of them." for n, order in enumerate(orders) for who in order]
    assert kind_of("\n".join(said)) == "chat"


@pytest.mark.parametrize("name", ["r.txt", "r.md", "r.rst"])
@pytest.mark.parametrize("end", [";", ".", ","])
def test_what_a_colon_opens_holds_the_lines_below_it(name: str, end: str) -> None:
    text = (
        f"Rules of the yard are here.\n\nNever do this:\nlift the bench{end}\noil the saw{end}\n\n"
        f"You may:\npaint{end}\nwash{end}\n"
    )
    assert "Never do this:" in "".join(heads(text, "oil the saw", name))
    assert "Never" not in "".join(heads(text, "wash", name))


def test_lists_in_lists_of_a_page_stay_so() -> None:
    inner = "<li>Never:<ul><li>oil the saw</li></ul></li><li><p>You may</p></li>"
    page = f"<html><body><ul>{inner}</ul><p>So.</p></body></html>"
    view = read(page)
    assert view is not None
    assert view.text.strip() == "- Never:\n  - oil the saw\n- You may\n\nSo."


def test_terms_of_a_page_stand_over_their_definitions() -> None:
    page = (
        "<html><body><dl>"
        + "".join(f"<dt>Term{n}</dt><dd>said {n}</dd>" for n in range(5))
        + "</dl></body></html>"
    )
    view = read(page)
    assert view is not None
    assert heads(view.text, "said 3", "x.md") == ["Term3"]


def test_lines_of_an_unknown_log_are_entries() -> None:
    text = "".join(f"@40000000{n:06x} the pump drew {n} buckets\n" for n in range(30))
    structure = structure_of(text)
    assert kind_of(text) == "lines"
    assert structure is not None
    assert [text[u.start : u.end] for u in structure.units] == text.splitlines()
