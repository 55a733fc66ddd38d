"""``python -m longattncomp_cli``, and the ``longattncomp`` script."""

import sys


def run() -> None:
    """Load the program and run it; Ctrl-C while it loads ends it as quietly as later."""
    try:
        from longattncomp_cli.main import run as run_app
    except KeyboardInterrupt:
        sys.exit(130)
    run_app()


if __name__ == "__main__":
    run()
