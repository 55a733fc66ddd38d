"""Figures that the papers report, for the tables of their presets; labelled as such, not measured here."""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "LongAttnComp (arXiv:2606.01336), reported"


@dataclass(frozen=True)
class Reported:
    """One figure of a paper.

    Attributes:
        preset: whose table shows it.
        task: what was asked.
        target: the model that answered.
        method: as the paper has it.
        accuracy: in per cent, or a range where only that is known.
    """

    preset: str
    task: str
    target: str
    method: str
    accuracy: str


def _code(target: str, *cells: tuple[str, str]) -> list[Reported]:
    return [Reported("paper-code-debug", "code-debug", target, method, value) for method, value in cells]


def _ruler(task: str, stage1: str, full: str) -> list[Reported]:
    return [
        Reported("paper-ruler", task, "not stated here", method, value)
        for method, value in (("Stage 1", stage1), ("full", full))
    ]


REPORTED: tuple[Reported, ...] = (
    *_code(
        "DeepSeek-R1-0528",
        ("full", "74.37"),
        ("Speculative Prefill", "62.44"),
        ("Stage 1", "75.38"),
        ("Stage 2 subq", "76.90"),
        ("Stage 2 nosubq", "74.11"),
    ),
    *_code(
        "DeepSeek-V3.1",
        ("full", "67.51"),
        ("Speculative Prefill (15% kept)", "59.13"),
        ("the three checkpoints", "65.48–65.99"),
    ),
    *_code("MiniMax-M2.5", ("full", "83.76"), ("the three checkpoints", "81.22–82.23")),
    *_code("GPT-OSS-120B", ("full", "86.00"), ("the three checkpoints", "80.20–82.99")),
    *(
        Reported("paper-longbench-v2", "longbench-v2", "DeepSeek-R1", method, value)
        for method, value in (
            ("full (100k cap)", "51.1"),
            ("full (untruncated)", "56.7"),
            ("Speculative Prefill", "46.3"),
            ("Stage 1", "41.7"),
            ("Stage 2 subq", "48.9"),
            ("Stage 2 nosubq", "49.7"),
        )
    ),
    *_ruler("niah_single_1", "100", "94.9"),
    *_ruler("niah_single_2", "99.4", "91.8"),
    *_ruler("niah_single_3", "98.2", "57.4"),
    *_ruler("qa_1", "89.0", "71.4"),
    *_ruler("qa_2", "83.4", "72.0"),
    *_ruler("niah_multikey_2", "73.6", "89.4"),
    *_ruler("niah_multivalue", "64.0", "88.9"),
    *_ruler("niah_multiquery", "81.5", "91.7"),
)
