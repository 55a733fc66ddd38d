"""What a text is built of: definitions, sections, tables, records, turns. One file a kind; no torch.

Enters: a text and the name of its file. Leaves: its kind, and a
:class:`~longattncomp_cli.core.text.structure.units.Structure` (units, their headings, where they may be cut),
or nothing for prose.
"""
