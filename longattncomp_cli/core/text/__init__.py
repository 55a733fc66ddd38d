"""What a text is made of before any token: spans, words, lines, sentences, and its structure.

Enters: a string, and the name of its file where there is one. Leaves: character offsets and spans, and a
:class:`~longattncomp_cli.core.text.structure.units.Structure` of texts that have one.
"""
