"""What is pointed to by name is found under any way of pointing, and nothing else is."""

from __future__ import annotations

import pytest

from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.selection.pointers import _heading_lines
from longattncomp_cli.core.text.references.by_name import named_pointers, named_targets

HEADS = {
    "h.md": ["## Quiet Hands", "**Quiet Hands**", "Quiet Hands\n-----------", "### 4.2 Quiet Hands"],
    "h.rst": ["Quiet Hands\n~~~~~~~~~~~"],
    "h.tex": [r"\section{Quiet Hands}"],
    "h.adoc": ["== Quiet Hands"],
    "h.org": ["** Quiet Hands"],
}
POINTING = [
    "Proceed as described under Quiet Hands, please.",
    "see [there](#quiet-hands)",
    'See the section "Quiet Hands".',
    "cf. *Quiet Hands*",
    "This is told in `Quiet Hands`_ at length.",
    "as [[Quiet Hands]] says",
    "refer to quiet hands",
    "siehe Abschnitt „Quiet Hands“",
]
BODY = "\n\nPull the pin, wait, then tap the frame.\n\n"


@pytest.mark.parametrize("pointing", POINTING)
@pytest.mark.parametrize(("name", "head"), [(name, head) for name, heads in HEADS.items() for head in heads])
def test_a_heading_is_pointed_to_by_its_title(name: str, head: str, pointing: str) -> None:
    text = f"Before all.{BODY}{head}{BODY}{head.replace('Quiet Hands', 'Loud Speech')}{BODY}"
    source = Source(text, name)
    targets = named_targets(text, 0, len(text), _heading_lines(source))
    assert targets["name quiet hands"] == [text.index(head)]
    assert set(named_pointers(pointing, targets)) == {"name quiet hands"}


@pytest.mark.parametrize(
    ("target", "pointing"),
    [
        (".. _calm:\n\nWhat is idle\n------------", "listed in :ref:`calm`, and :ref:`here <calm>`"),
        (r"\subsection{Idle}\label{sec:calm}", r"listed in Section~\ref{sec:calm} or \cref{sec:calm}"),
        ("[[calm]]\n== Idle", "listed in <<calm>> and <<calm,there>>"),
        ('<h2 id="calm">Idle</h2>', '<a href="#calm">there</a>'),
        ("[^7]: Said by the reeve.", "as told.[^7]"),
        ("² Said by the reeve.", "as told.²"),
        ("* Said by the reeve.", "as told* by some"),
        ("† Said by the reeve.", "as told†."),
        ("“Still Period” means a day of no wind.", "no fee during a Still Period"),
    ],
)
def test_labels_notes_and_terms_are_pointed_to(target: str, pointing: str) -> None:
    text = f"Before all.{BODY}{target}{BODY}"
    targets = named_targets(text, 0, len(text), [])
    found = list(named_pointers(pointing, targets))
    assert found
    assert {at for key in found for at in targets[key]} == {
        text.index(target.split("{Idle}")[-1].split("<h2")[-1])
    } or (
        all(
            text.index(target) <= at < text.index(target) + len(target)
            for key in found
            for at in targets[key]
        )
    )


def test_words_that_point_to_nothing_known_point_nowhere() -> None:
    targets = {"name quiet hands": [3]}
    for text in (
        "Quiet hands are good hands.",
        "under quiet skies",
        "see section Hands",
        "[x](#quiet)",
        "`Hands`_",
    ):
        assert list(named_pointers(text, targets)) == []


def test_items_of_a_list_are_no_footnotes() -> None:
    text = f"Before all.{BODY}* One thing.\n* Another thing.{BODY}"
    targets = named_targets(text, 0, len(text), [])
    assert list(named_pointers("as told* by *some*", targets)) == []
