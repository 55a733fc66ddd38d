"""Causal language models as backbones: their first layers, read in one causal pass or in windows."""
