"""``--version``, and with ``--verbose`` which of the things that are needed this machine has."""

from __future__ import annotations

from longattncomp_cli.commands.terminal.console import print_text, safe
from longattncomp_cli.version import __version__

_MARKS = {True: "ok", False: "MISSING", None: "-"}


def print_version(*, verbose: bool) -> None:
    """Print the version; verbose, a line for each thing that was looked for."""
    lines = [f"longattncomp {__version__}"]
    if verbose:
        from longattncomp_cli.commands.doctor import diagnose

        for finding in diagnose():
            hint = f"  → {safe(finding.hint)}" if finding.hint else ""
            lines.append(f"{finding.topic:<12}{_MARKS[finding.ok]:<8}{safe(finding.text)}{hint}")
    print_text("\n".join(lines) + "\n")
