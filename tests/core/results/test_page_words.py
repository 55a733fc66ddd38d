"""Law of the heat map's words: each reason why a selection stopped is said in words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import longattncomp_cli.core.results.page
from longattncomp_cli.core.selection.select import StopReason


def test_every_reason_to_stop_has_its_words() -> None:
    script = (Path(longattncomp_cli.core.results.page.__file__).parent / "panel.js").read_text("utf-8")
    listed = re.search(r"const stopped = \{(.*?)\};", script, re.S)
    assert listed is not None
    assert set(re.findall(r'(\w+): "', listed[1])) == set(get_args(StopReason))
