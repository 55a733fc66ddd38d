"""``python -m longattncomp_cli``: the same program as the ``longattncomp`` script."""

from longattncomp_cli.main import run

if __name__ == "__main__":
    run()
