"""What a text is taken for by its signs alone."""

from __future__ import annotations

import pytest

from longattncomp_cli.core.text.structure.kinds import kind_of

PORTS = """# Ports of the harbour office, one a line.
#
# Kept by hand. New ones are added
# on request.

bell    71/tcp      # the fog bell
ledger  636/tcp     # the ledger, over a wire
#
# From the old list:
#
#> What stands here is no longer used
#> by anybody.
tide    1433/udp
"""
SCRIPT = """# Run at each start.
# Sets what the lamps need.

umask 022

# The lamps read this themselves,
# but older ones do not.
LAMPS=12
"""
NOTES = """# The harbour

Open from May.

## The bell

It rings in fog.

# The ledger

Kept by hand.
"""


@pytest.mark.parametrize("text", [PORTS, SCRIPT])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_comments_that_go_on_are_no_headings(text: str, line_end: str) -> None:
    assert kind_of(text.replace("\n", line_end)) != "markdown"


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_headings_are(line_end: str) -> None:
    assert kind_of(NOTES.replace("\n", line_end)) == "markdown"
    assert kind_of(NOTES.replace("\n\n", "\n").replace("\n", line_end)) == "markdown"


def test_a_fence_says_that_it_is_markdown() -> None:
    assert kind_of(NOTES + "\n```\n" + SCRIPT + "```\n") == "markdown"
