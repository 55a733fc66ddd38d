"""The command line: what the user types comes in, files and streams go out.

Each command has a thin module here. ``options`` says what can be typed; ``runs`` resolves what was typed into
one frozen value, checked once, and carries it out with the steps of :mod:`longattncomp_cli.core`,
:mod:`longattncomp_cli.training` and :mod:`longattncomp_cli.benchmark`; ``terminal`` holds everything a person
sees. Only these folders (and ``main``) know Typer, and only ``terminal`` knows Rich.
"""
