"""Finished rows, safe as soon as they are made: beside the report until it is complete, then inside it."""

from __future__ import annotations

import fcntl
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from longattncomp_cli.core.files.output_files import explain_os_error
from longattncomp_cli.errors import InputError, OutputError, UsageError

Row = dict[str, Any]
RowKey = tuple[Any, ...]

JOURNAL_SUFFIX = ".items.jsonl"
# What must be the same in a report that is continued; methods, checkpoints, budgets and tasks may be added.
_FIXED = ("settings",)


def key_of(row: Mapping[str, Any]) -> RowKey:
    """What a row is the result of."""
    fields = ("kind", "task", "item", "digest", "method", "checkpoint", "identity", "budget", "target")
    return tuple(row.get(name) or "" for name in fields)


class Journal:
    """The rows of one report; a context manager that holds its lock.

    Args:
        report: the report's path; ``None`` keeps rows in memory only.
        resume: take up what is there.
        head: settings, and the settings of each task of this run; refused where an earlier run's differ.
    """

    def __init__(self, report: Path | None, *, resume: bool, head: dict[str, Any]) -> None:
        """Nothing is opened yet."""
        self.report = report
        self.path = None if report is None else report.with_name(report.name + JOURNAL_SUFFIX)
        self.resume = resume
        self.head = head
        self.rows: dict[RowKey, Row] = {}
        self.earlier: dict[str, Any] = {}
        self._stream: io.FileIO | None = None

    def __enter__(self) -> Journal:
        """Read what earlier runs left, and open for appending.

        Raises:
            UsageError: an earlier run had other settings.
            InputError: what they left cannot be read.
            OutputError: another process writes it.
        """
        if self.path is None or self.report is None:
            return self
        if self.resume and self.report.exists():
            self._take_report(self.report)
        try:
            self._stream = self.path.open("ab", buffering=0)
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(f"{self.path}: another process is writing it", hint="wait for it") from error
        except OSError as error:
            raise explain_os_error(self.path, error) from error
        if self.resume:
            self._take_lines()
        else:
            self._stream.truncate(0)
        self._append({"kind": "head", **self.head})
        return self

    def add(self, row: Row) -> None:
        """Keep one finished row; it is with the system when this returns."""
        self.rows[key_of(row)] = row
        self._append(row)

    def is_done(self, row: Mapping[str, Any]) -> bool:
        """Whether a row of this key is there already, and did not fail."""
        found = self.rows.get(key_of(row))
        return found is not None and "error" not in found

    def finish(self) -> None:
        """The report is written: the journal is no longer needed."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def __exit__(self, *_: object) -> None:
        """Close; what was added stays."""
        if self._stream is not None:
            self._stream.close()

    def _append(self, row: Row) -> None:
        if self._stream is None or self.path is None:
            return
        try:
            rest = memoryview(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
            while rest:
                rest = rest[self._stream.write(rest) :]
        except OSError as error:
            raise explain_os_error(self.path, error) from error

    def _take_report(self, path: Path) -> None:
        try:
            earlier = orjson.loads(path.read_bytes())
            rows = list(earlier["rows"])
            self._check(earlier)
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise InputError(
                f"{path}: no report that can be continued ({error!r})", hint="--overwrite"
            ) from error
        self.earlier = earlier
        self.rows |= {key_of(row): row for row in rows}

    def _take_lines(self) -> None:
        assert self.path is not None and self._stream is not None
        good = 0
        for line in _whole_lines(self.path):
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError:
                break
            good += len(line)
            if row.get("kind") == "head":
                self._check(row)
                known = self.earlier.setdefault("task_settings", {})
                self.earlier["task_settings"] = {**known, **row.get("task_settings", {})}
            else:
                self.rows[key_of(row)] = row
        os.ftruncate(self._stream.fileno(), good)

    def _check(self, earlier: dict[str, Any]) -> None:
        for name in _FIXED:
            if earlier.get(name) != self.head[name]:
                changed = _difference(earlier.get(name) or {}, self.head[name])
                raise UsageError(
                    f"{self.report}: was made with other settings ({changed})",
                    hint="use the same, or --overwrite to start again",
                    code="other-settings",
                )
        for task, settings in earlier.get("task_settings", {}).items():
            mine = self.head["task_settings"].get(task)
            if mine is not None and mine != settings:
                raise UsageError(
                    f"{self.report}: holds task {task} with {_difference(settings, mine)}",
                    hint="use the same, or another --output",
                    code="other-settings",
                )


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return ", ".join(f"{name} {old.get(name)!r}, now {new.get(name)!r}" for name in names)


def _whole_lines(path: Path) -> Iterator[bytes]:
    """Yield the complete lines with their ends; a torn last one falls out."""
    with path.open("rb") as stream:
        for line in stream:
            if line.endswith(b"\n"):
                yield line
