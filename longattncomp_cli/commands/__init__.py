"""The subcommands: thin annotated functions over :mod:`longattncomp_cli.core`. Rich lives in ``output``."""
