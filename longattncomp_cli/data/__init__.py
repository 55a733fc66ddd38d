"""Readers of the official data sets, examples, haystacks and splits. Nothing here imports torch."""
