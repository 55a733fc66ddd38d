"""Packages that only some methods need."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from longattncomp_cli.errors import ResourceError


def require(method: str, package: str, install: str = "") -> None:
    """Refuse a method whose package is not there.

    Raises:
        ResourceError: with the command that installs it.
    """
    if importlib.util.find_spec(package.replace("-", "_")) is None:
        raise ResourceError(
            f"method {method} needs the package {package}, which is not installed",
            hint=f"pip install {install or package}, or 'longattncomp[bench]'",
            code="no-package",
        )


def quieten_transformers() -> None:
    """No progress bars and warnings of its own: loading takes a moment, and stderr has ours."""
    logging: Any = importlib.import_module("transformers.utils.logging")
    logging.disable_progress_bar()
    logging.set_verbosity_error()
