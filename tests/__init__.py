"""Tests, in the folders of what they test; ``tests.support`` is what they share."""
