"""Progress bars, on stderr where that is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from longattncomp_cli.commands.terminal.console import console, safe


@contextmanager
def token_progress(label: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar over tokens; gives what is called with (tokens done, tokens in total)."""
    with progress_bar(quiet=quiet) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def record_progress(total: int | None, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar over records; gives what is called with (records finished, records that failed)."""
    with progress_bar(quiet=quiet) as progress:
        task = progress.add_task("records", total=total)

        def update(finished: int, failed: int) -> None:
            label = f"records ({failed} failed)" if failed else "records"
            progress.update(task, completed=finished, description=label)

        yield update


def progress_bar(*, quiet: bool) -> Progress:
    """A bar with speed and remaining time that goes away when it is done."""
    out = console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        TextColumn("{task.completed:,.0f}"),
        TimeRemainingColumn(),
        console=out,
        transient=True,
        disable=quiet or not out.is_terminal,
    )


@contextmanager
def step_progress(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar over steps; gives what is called with (label, steps finished, steps in total)."""
    with progress_bar(quiet=quiet) as progress:
        task = progress.add_task("starting", total=None)

        def advance(label: str, done: int, total: int) -> None:
            progress.update(task, description=safe(label), completed=done, total=total or None)

        yield advance
