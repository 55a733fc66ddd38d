"""Contexts that were read before: in memory, on disk, and the backbone that uses both."""
