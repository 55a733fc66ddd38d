"""``--config`` and ``--show-config``: options read from a TOML file, and written as one."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import typer

from longattncomp_cli.commands.options.option_sets import option_name
from longattncomp_cli.commands.terminal.console import print_text
from longattncomp_cli.commands.terminal.errors import report_errors
from longattncomp_cli.core.files.paths import unreadable
from longattncomp_cli.errors import InputError, UsageError

# Not written: what chooses the file itself, and what asks for something other than the run.
_OF_THE_CALL = {"config", "show_config", "dry_run"}


@report_errors
def load_config(context: typer.Context, path: Path | None) -> Path | None:
    """Take defaults from a TOML file whose keys are option names; flags and environment variables win."""
    if path is None or context.resilient_parsing:
        return path
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise unreadable(path, error) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        hint = "write one, or see its form: longattncomp compress --show-config"
        raise InputError(f"{path}: not TOML ({error})", hint=hint) from error
    values = {**values, **values.get(context.info_name or "", {})}
    values = {key.replace("-", "_"): v for key, v in values.items() if not isinstance(v, dict)}
    names = {_key(parameter.opts, parameter.name): parameter.name for parameter in context.command.params}
    known = {key.replace("-", "_"): name for key, name in names.items()}
    known.update({name: name for name in names.values()})
    if unknown := sorted(set(values) - set(known)):
        raise UsageError(
            f"{path}: unknown option {unknown[0]!r}", hint="keys are option names, such as top-p = 0.9"
        )
    own = {known[key]: value for key, value in values.items()}
    context.default_map = {**(context.default_map or {}), **own}
    return path


def print_config(command: str, options: Any, own: Mapping[str, Any]) -> None:
    """Print the effective options; the arguments are those of :func:`config_text`."""
    print_text(config_text(command, options, own))


def config_text(command: str, options: Any, own: Mapping[str, Any]) -> str:
    """The effective options as TOML that ``--config`` reads; those that are not set as comments.

    Args:
        command: its name; its own options stand in a table of that name.
        options: a dataclass of options.
        own: the command's own options.
    """
    hints = get_type_hints(type(options), include_extras=True)
    shared = {
        option_name(hints[field.name], field.name): getattr(options, field.name)
        for field in fields(options)
        if field.name not in _OF_THE_CALL
    }
    lines = [*_entries(shared), "", f"[{command}]", *_entries(own)]
    return "\n".join(lines) + "\n"


def _entries(values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        name = key.replace("_", "-")
        yield f"# {name} is not set" if value is None else f"{name} = {_toml(value)}"


def _toml(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(flags: list[str], name: str | None) -> str:
    """How a file calls a parameter of a command: its long flag without dashes."""
    long = [flag for flag in flags if flag.startswith("--")]
    return long[0].removeprefix("--") if long else str(name)
