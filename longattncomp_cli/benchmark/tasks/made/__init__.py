"""Tasks made from a seed: needles and chains in a haystack, word counts, keys and functions to look up."""
