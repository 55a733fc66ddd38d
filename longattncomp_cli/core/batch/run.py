"""Run a batch of records in order, one line in, one line out; one that fails does not stop the others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from longattncomp_cli.core.files import json_lines
from longattncomp_cli.core.files.output_files import LineFile, refuse_existing
from longattncomp_cli.core.inputs.records import FailedRecord, Record
from longattncomp_cli.core.results.report import JsonObject, error_record
from longattncomp_cli.errors import InputError, LongAttnCompError, OutputError

# One record in, the line of the main output (of a list of messages as JSON text) and the report's line out.
Line = JsonObject | json_lines.Written
Process = Callable[[Record], tuple[Line, JsonObject | None]]


@dataclass(frozen=True)
class Outcome:
    """What became of a record: its lines, and the error where it failed."""

    line: bytes
    report_line: bytes
    error: LongAttnCompError | None
    warnings: tuple[str, ...] = ()


# A line that one of these is in says with which settings it was made.
_SAYING_SETTINGS = frozenset({"selection", "settings", "error"})
_PLACE = re.compile(r":\d+: ")
# The records that are left, and how many were there already → their outcomes, in order.
Results = Callable[[Iterator[Record | FailedRecord], int], Iterable[Outcome]]


class LineSink(Protocol):
    """Takes one line at a time."""

    def write(self, line: bytes) -> None:
        """Write one line, with its end."""


@dataclass
class BatchCounts:
    """How a batch went."""

    done: int = 0
    failed: int = 0
    skipped: int = 0
    first_failure: str = ""
    first_hint: str = ""
    warned: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, kw_only=True)
class BatchOutputs:
    """Where lines go."""

    output: Path | None
    """The main output; ``None`` writes to ``stdout``."""
    report: Path | None
    """The chunk-score report, or nothing."""
    overwrite: bool
    resume: bool
    settings: str
    """Fingerprint that finished lines must carry for ``resume``."""

    def check(self) -> None:
        """Refuse before any work is done what could not be written after it.

        Raises:
            OutputError: an output exists, or ``resume`` has no file to resume.
        """
        if self.resume and self.output is None:
            raise OutputError("--resume continues a file", hint="name it with --output")
        for path in (self.output, self.report):
            if path is not None:
                refuse_existing(path, overwrite=self.overwrite, resume=self.resume)


def run_batch(
    records: Iterable[Record | FailedRecord],
    results: Results,
    outputs: BatchOutputs,
    stdout: LineSink,
    *,
    fail_fast: bool = False,
    on_done: Callable[[BatchCounts], None] = lambda counts: None,
    counts: BatchCounts | None = None,
) -> BatchCounts:
    """Process records in order and write a line for each.

    Args:
        records: read as they are needed.
        results: makes their lines, in order; see :func:`in_turn`.
        outputs: files, and whether to continue an earlier run.
        stdout: where lines go that have no file.
        fail_fast: raise the first record's error instead of writing it.
        on_done: called after each record.
        counts: filled while running, so that an interrupted caller can tell how far it came.

    Raises:
        OutputError: ``resume``, and what is there was made with other settings or from other records.
    """
    counts = counts or BatchCounts()
    remaining = iter(records)
    with ExitStack() as stack:
        output: LineSink = stdout
        report: LineSink | None = None
        files = [LineFile(path, resume=outputs.resume) for path in (outputs.output, outputs.report) if path]
        for file in files:
            stack.enter_context(file)
        if outputs.output is not None:
            output = files[0]
        if outputs.report is not None:
            report = files[-1]
        if outputs.resume:
            _resume(files, remaining, results, outputs.settings, counts)
        for outcome in results(remaining, counts.skipped):
            if outcome.error is None:
                counts.done += 1
            elif fail_fast:
                raise outcome.error
            else:
                counts.failed += 1
                if not counts.first_failure:
                    counts.first_failure, counts.first_hint = _named(outcome), outcome.error.hint or ""
            counts.warned.update(outcome.warnings)
            output.write(_with_settings(outcome.line, outcome, outputs.settings))
            if report is not None:
                report.write(_with_settings(outcome.report_line, outcome, outputs.settings))
            on_done(counts)
    return counts


def in_turn(process: Process) -> Results:
    """Process records here, one after the other."""

    def results(records: Iterator[Record | FailedRecord], skipped: int) -> Iterable[Outcome]:
        return (process_record(record, process) for record in records)

    return results


def process_record(record: Record | FailedRecord, process: Process) -> Outcome:
    """The lines of one record, also of one that fails."""
    try:
        if isinstance(record, FailedRecord):
            raise record.error
        made = process(record)
        line, report_line = (json_lines.dumps(value) for value in made)
    except LongAttnCompError as error:
        line = json_lines.dumps(error_record(record.id, error))
        return Outcome(line, line, error)
    if isinstance(made[0], json_lines.Written):
        return Outcome(line, report_line, None)
    holder = made[0].get("selection", made[0])
    warnings = tuple(warning["code"] for warning in holder.get("warnings", ()))
    return Outcome(line, report_line, None, warnings)


def _named(outcome: Outcome) -> str:
    """What went wrong, with the record's id where it does not say the line."""
    message = outcome.error.message if outcome.error else ""
    if _PLACE.search(message):
        return message
    return f"record {json_lines.loads(outcome.line)['id']!r}: {message}"


def _with_settings(line: bytes, outcome: Outcome, settings: str) -> bytes:
    """The line; that of a failed record with the settings that it failed with."""
    if outcome.error is None or not settings:
        return line
    return json_lines.dumps({**json_lines.loads(line), "settings": settings})


def _resume(
    files: list[LineFile],
    records: Iterator[Record | FailedRecord],
    results: Results,
    settings: str,
    counts: BatchCounts,
) -> None:
    """Skip the records whose lines are complete in every file, and drop what is beyond.

    A list of messages or a batch's line has no room for settings: the last such line is made again, and must
    be the same.
    """
    num_lines = min(sum(1 for _ in file.lines()) for file in files)
    place = files[0].path
    last_chat: tuple[bytes, Record | FailedRecord] | None = None
    for line, record in zip(islice(files[0].lines(), num_lines), records, strict=False):
        written = _parse_line(line, place)
        if isinstance(written, list) or not _SAYING_SETTINGS & written.keys():
            last_chat = line, record
            counts.skipped += 1
            continue
        if written.get("id") != record.id:
            raise OutputError(
                f"{place}:{counts.skipped + 1}: is record {written.get('id')!r}, the input has {record.id!r}",
                hint="resume with the same input, or --overwrite",
                code="resume-mismatch",
            )
        if not _has_same_settings(written, settings):
            raise _other_settings(place)
        counts.skipped += 1
        counts.failed += "error" in written and "selection" not in written
    if counts.skipped < num_lines:
        raise OutputError(
            f"{place}: holds {num_lines} records, the input only {counts.skipped}",
            hint="resume with the same input, or --overwrite",
            code="resume-mismatch",
        )
    if last_chat is not None:
        line, record = last_chat
        if not any(outcome.line.rstrip(b"\n") == line for outcome in results(iter([record]), 0)):
            raise _other_settings(place)
    for file in files:
        file.keep(counts.skipped)


def _other_settings(place: Path) -> OutputError:
    return OutputError(
        f"{place}: was made with other settings (checkpoint, tokenizer, selection or version)",
        hint="resume with the same options, or --overwrite",
        code="resume-mismatch",
    )


def _has_same_settings(written: dict[str, Any], settings: str) -> bool:
    """Whether a line was made with these settings; a failed record's line does not say in version 0.1."""
    selection = written.get("selection")
    if selection is None and isinstance(written.get("error"), dict) and "settings" not in written:
        return True
    found = selection if isinstance(selection, dict) else written
    return found.get("settings") == settings


def _parse_line(line: bytes, place: Path) -> dict[str, Any] | list[Any]:
    try:
        written = json_lines.loads(line)
    except (ValueError, InputError):
        written = None
    if not isinstance(written, (dict, list)):
        raise OutputError(
            f"{place}: holds a line that is no record", hint="--overwrite it", code="resume-mismatch"
        )
    return written
