"""The report's page: complete, self-contained, and safe whatever the data is called."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from longattncomp_cli.benchmark.reports.page import page
from longattncomp_cli.benchmark.reports.page.charts import styles
from longattncomp_cli.benchmark.reports.page.svg import Axis, log_ticks, short_count, short_seconds
from longattncomp_cli.benchmark.reports.summary import summarise
from longattncomp_cli.benchmark.reports.target_summary import summarise_targets
from longattncomp_cli.commands.terminal.bench_tables import report_tables

HOSTILE = '<script>alert("x")</script>&\'"'


def row(method, item, recall, **more):
    values = {
        "kind": "retrieval",
        "task": "needle",
        "item": item,
        "digest": "d",
        "method": method,
        "checkpoint": "",
        "budget": "10%",
        "recall": recall,
        "kept_ratio": 0.1,
        "budget_use": 0.99,
        "seconds": 0.5,
        "tokens_per_second": 9000,
        "peak_mib": 800.0,
        "original_tokens": 4000,
    }
    return {**values, **more}


def report_of(rows, **more):
    summary = summarise(rows)
    return {
        "preset": "quick",
        "commands": ["longattncomp bench"],
        "settings": {"tokenizer": "o200k_base", "separator": "\n[...]\n"},
        "task_settings": {"needle": {"limit": 2}},
        "methods": {"bm25": "over words"},
        "environments": [
            {
                "versions": {"longattncomp": "0.1.0", "python": "3.11"},
                "hardware": {"machine": "x86_64", "processor": "", "cores": 2, "threads": 1},
                "commit": "",
            }
        ],
        "summary": summary,
        "targets": summarise_targets(rows),
        "reported": None,
        "rows": rows,
        **more,
    }


def rich_rows():
    rows = []
    for item in range(6):
        for depth, length in ((0.0, 4000), (1.0, 8000)):
            place = {"depth": depth, "length": length, "original_tokens": length}
            for method, recall in (("longattncomp", 1.0), ("bm25", 0.5), ("random", 0.1), ("oracle", 1.0)):
                name = f"{item}-{length}"
                checkpoint = "untrained" if method == "longattncomp" else ""
                rows.append(row(method, name, recall, checkpoint=checkpoint, **place))
                kept = {
                    k: v for k, v in rows[-1].items() if k in ("task", "item", "digest", "method", "budget")
                }
                answer = {
                    "kind": "target",
                    "checkpoint": checkpoint,
                    "target": "m",
                    "accuracy": float(recall > 0.4),
                }
                rows.append({**kept, **answer})
            rows.append(row("full", f"{item}-{length}", 1.0, budget="none", kept_ratio=1.0, **place))
            rows.append({**rows[-2], "method": "full", "checkpoint": "", "budget": "none", "accuracy": 1.0})
    return rows


VOID = ("meta", "br")


class Checked(HTMLParser):
    """Every tag is closed in order; nothing is fetched."""

    def __init__(self):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "onclick", "onload"}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def checked(text):
    parser = Checked()
    parser.feed(text)
    assert not parser.open
    return parser


def test_the_page_is_whole_and_needs_nothing_else():
    text = page(report_of(rich_rows()))
    parser = checked(text)
    assert parser.tags.count("script") == 1
    assert "http://" not in text and "https://" not in text and "url(http" not in text
    assert "default-src 'none'" in text.replace("&#x27;", "'")
    assert "prefers-color-scheme: dark" in text
    for title in ("Recall against budget", "Needles by depth and length", "What a model makes of it", "Cost"):
        assert f"<h2>{title}</h2>" in text
    assert "longattncomp:untrained" in text


def test_each_method_is_drawn_where_its_figures_say():
    text = page(report_of(rich_rows()))
    plot = text.split("recall against budget, needle")[1].split("</svg>")[0]
    heights = dict(re.findall(r'data-method="([\w:-]+)">.*?cy="([\d.]+)"', plot))
    # Recall 1 is at the top (10 px), 0.5 in the middle of 10 … 212, 0.1 near the bottom.
    assert float(heights["longattncomp:untrained"]) == pytest.approx(10, abs=0.1)
    assert float(heights["bm25"]) == pytest.approx(111, abs=0.1)
    assert float(heights["random"]) == pytest.approx(191.8, abs=0.1)
    assert "full" not in heights


def test_names_from_data_cannot_break_out():
    rows = [
        row("bm25", HOSTILE, 0.5, task=HOSTILE, label=HOSTILE, length=10, depth=0.5),
        row("bm25", "2", 0.5, task=HOSTILE, length=20, depth=0.5, checkpoint=HOSTILE),
    ]
    more = {
        "commands": [HOSTILE],
        "preset": HOSTILE,
        "methods": {HOSTILE: HOSTILE},
        "settings": {HOSTILE: HOSTILE},
    }
    text = page(report_of(rows, **more))
    assert checked(text).tags.count("script") == 1
    assert "alert(" not in re.sub(r"&lt;script&gt;alert\(", "", text)


def test_a_report_without_rows_still_makes_a_page():
    checked(page(report_of([])))


def test_only_failures_still_make_a_page_that_counts_them():
    rows = [{**row("bm25", "1", None), "error": {"code": "c", "message": "m"}}]
    assert "rows that failed</b>1" in page(report_of(rows))


def test_terminal_tables_show_the_best_and_what_has_no_budget(capsys):
    from longattncomp_cli.commands.terminal.console import console

    console(stderr=False).print(report_tables(report_of(rich_rows())))
    out = capsys.readouterr().out
    assert "needle · evidence recall, mean of 12" in out
    assert "full, no budget: 1.000 with 100.0% kept" in out
    assert re.search(r"random +0\.100 \[0\.10, 0\.10\] +-0\.400\*", out)
    assert max(map(len, out.splitlines())) <= 110


def test_colours_and_axes():
    looks = styles([f"m{i}" for i in range(9)] + ["oracle", "random"])
    assert looks["m0"].colour == looks["m8"].colour == "--m0"
    assert looks["oracle"].dash and looks["random"].dash
    axis = Axis(10, 1000, (), "", is_log=True)
    assert axis.share(100) == pytest.approx(0.5)
    assert [label for _, label in log_ticks(8, 1200, short_count)] == ["10", "100", "1k"]
    assert [label for _, label in log_ticks(10, 1000, short_count)] == ["10", "30", "100", "300", "1k"]
    assert (short_count(128_000), short_seconds(0.01), short_seconds(2)) == ("128k", "10 ms", "2 s")
