"""Let a command take a whole dataclass of options: each field is one option, declared in one place."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import copy
from dataclasses import MISSING, Field, fields
from typing import Annotated, Any, get_type_hints


def with_options(option_set: type[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Spread ``option_set`` over a command's signature, which Typer reads.

    The command's first parameter receives the instance; its other parameters stay options of their own.

    Args:
        option_set: a frozen dataclass whose field types are ``Annotated[type, typer.Option(...)]``. With a
            class variable ``ENV_PREFIX`` each option also reads ``PREFIX_NAME`` from the environment, but
            for the fields named in ``WITHOUT_ENV``.
    """
    hints = get_type_hints(option_set, include_extras=True)
    prefix: str = getattr(option_set, "ENV_PREFIX", "")
    without: tuple[str, ...] = getattr(option_set, "WITHOUT_ENV", ())
    shared = [
        _parameter(each, _with_env(hints[each.name], each.name, prefix if each.name not in without else ""))
        for each in fields(option_set)
        if each.init
    ]
    names = [parameter.name for parameter in shared]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own_hints = get_type_hints(command, include_extras=True)
        own = [
            parameter.replace(annotation=own_hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in list(inspect.signature(command).parameters.values())[1:]
        ]

        def run(**values: Any) -> None:
            given = {name: values.pop(name) for name in names}
            command(option_set(**given), **values)

        run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
        # Typer reads a command's options from these two.
        run.__signature__ = inspect.Signature([*shared, *own], return_annotation=None)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*shared, *own)}
        return run

    return decorate


def option_name(annotation: Any, name: str) -> str:
    """How a user calls the option of a field: its long flag without dashes, else the field's name."""
    info = annotation.__metadata__[0]
    # Inside Annotated the first flag arrives in the place of the default.
    flags = [flag for flag in (info.default, *(info.param_decls or ())) if isinstance(flag, str)]
    long = [flag.split("/")[0] for flag in flags if flag.startswith("--")]
    return long[0].removeprefix("--") if long else name


def _with_env(annotation: Any, name: str, prefix: str) -> Any:
    """The same option, reading an environment variable where it is not given."""
    if not prefix:
        return annotation
    info = copy(annotation.__metadata__[0])
    info.envvar = f"{prefix}_{option_name(annotation, name).replace('-', '_').upper()}"
    info.show_envvar = False
    return Annotated[annotation.__origin__, info]


def _parameter(each: Field[Any], annotation: Any) -> inspect.Parameter:
    default = each.default if each.default_factory is MISSING else each.default_factory()
    return inspect.Parameter(
        each.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if default is MISSING else default,
        annotation=annotation,
    )
