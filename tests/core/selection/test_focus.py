"""Where a part begins of a chunk that must be cut: at the line or the sentence of what answers."""

from __future__ import annotations

import pytest

from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.settings import CompressorSettings

JOBS = """\
# Copies of the ledger, asked for by the clerk
15 2 * * 1-5 ledger /srv/jobs/copy-ledger.sh --keep 30 --into /srv/copies/ledger
# Turn the logs of the weir
40 3 * * 0 root /usr/sbin/turnlogs /etc/turn.d/weir.conf /var/log/weir/gates.log
# Warm the shelves before the shop opens
5 7 * * * shop /srv/jobs/warm.sh --pages 200 --quiet
# Count the swans
30 18 * * 6 warden /srv/jobs/swans.sh --river north
"""


@pytest.fixture(scope="module")
def compressor(scorer, o200k) -> Compressor:
    return Compressor(scorer, o200k, CompressorSettings())


@pytest.mark.parametrize("query", ["When are the logs of the weir turned?", "When are the swans counted?"])
def test_a_line_is_not_entered_behind_its_begin(compressor: Compressor, query: str) -> None:
    context = compressor.read(JOBS)
    for budget in range(12, 80, 7):
        for span in context.compress(query, budget).spans:
            begin = span.end - len(span.text.lstrip())
            assert begin == 0 or JOBS[begin - 1] == "\n", (budget, span.text)
