"""Speculative Prefill (arXiv:2502.02789): what a small model attends to before it answers.

The formula is in ``attention.py``; ``draft_model.py`` takes the attention of a decoder, ``encoder.py`` that
of the embedded encoder.
"""
