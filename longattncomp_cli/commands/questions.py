"""What a call of ``score`` or ``compress`` may ask instead of running: its options, or its cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from longattncomp_cli.commands.run_options import RunOptions


def answered(options: RunOptions, command: str, own: Mapping[str, Any]) -> bool:
    """Answer ``--show-config`` or ``--dry-run``; whether one of them was asked.

    Args:
        options: of the call.
        command: its name.
        own: the options that only this command has.
    """
    if options.show_config:
        from longattncomp_cli.commands.config_file import config_text
        from longattncomp_cli.commands.output import print_text

        print_text(config_text(command, options, own))
    elif options.dry_run:
        from longattncomp_cli.commands.dry_run import dry_run

        dry_run(options)
    return options.show_config or options.dry_run
