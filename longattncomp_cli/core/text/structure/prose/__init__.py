"""Texts that people write: sections under headings, and lists under the lines that introduce them.

One file a question: where headings are (``headings``, ``markup``), where lists are (``lists``), what follows
from both (``outline``); ``reader`` puts them together for each format.
"""
