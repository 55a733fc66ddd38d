"""The path of the data, one module a step.

sources/records → query → chunking → backbone → cross_attention → scoring → selection → assembly,
strung together by :class:`longattncomp_cli.core.compressor.Compressor`. Nothing here knows typer or rich.
"""
