"""What a text is built of: definitions, sections, tables, records, turns. One file a kind; no torch."""

from longattncomp_cli.core.structure.detect import kind_of
from longattncomp_cli.core.structure.structure import Structure, Unit, structure_for, structure_of

__all__ = ["Structure", "Unit", "kind_of", "structure_for", "structure_of"]
