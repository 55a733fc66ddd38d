"""Pools: documents that several questions share, encoded by the frozen backbone and scored with
gradients.

Enters: examples and a backbone. Leaves: for each question of a pool the scores of its chunks, and which of
them are relevant.
"""
