"""The chunks of an item in, a score for each out: one file a method or family; ``registry`` lists them.

A new baseline is a file here with a :class:`~longattncomp_cli.benchmark.methods.base.ChunkMethod`, and a
line in each of the two lists of ``registry``; cutting, the budget and the rendering are the same for all.
"""
