"""What can be typed: one annotated type an option, one dataclass a command.

In comes what Typer reads from the command line, the environment and a TOML file; out goes one frozen
dataclass for each command, a field an option, values as typed. Nothing is computed or checked here beyond a
value's type and range: that is done once in ``runs``.
"""
