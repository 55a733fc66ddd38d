"""The frozen transformer: what it gives, where its files lie, windows; encoders, decoders and a cache.

Enters: token ids of a context and a query. Leaves: states of its layers, block by block, each token
with the chunk that it belongs to.
"""
