"""Formats that people read line by line: what names the lines below it. One file a way of writing.

Enters: a text of a kind that :mod:`~longattncomp_cli.core.text.structure.kinds` found. Leaves: its
:class:`~longattncomp_cli.core.text.structure.units.Structure`. Every reader takes any text, well formed or
not, in time linear in its length, and never raises.
"""
