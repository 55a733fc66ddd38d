"""``--version``, and with ``--verbose`` what this machine has of what is needed."""

from __future__ import annotations

from longattncomp_cli import __version__
from longattncomp_cli.commands.output import print_text, safe

_MARKS = {True: "ok", False: "MISSING", None: "-"}


def print_version(*, verbose: bool) -> None:
    """Print the version; verbose, a line for each thing that was looked for."""
    lines = [f"longattncomp {__version__}"]
    if verbose:
        from longattncomp_cli.core.doctor import examine

        for finding in examine():
            hint = f"  → {safe(finding.hint)}" if finding.hint else ""
            lines.append(f"{finding.topic:<12}{_MARKS[finding.ok]:<8}{safe(finding.text)}{hint}")
    print_text("\n".join(lines) + "\n")
