"""Adapters for frameworks: one small class each, over :class:`longattncomp_cli.Compressor`."""
