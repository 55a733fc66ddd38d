"""Kept spans become the printed text, counted as printed.

Enters: a request, its chunks and the spans to keep. Leaves: the text that is printed, and its tokens.
"""
