"""One file a method: the chunks of an item in, a score for each out. ``registry`` lists them.

A new baseline is a file here with a :class:`~longattncomp_cli.benchmark.methods.base.ChunkMethod`, and a
line in ``registry``; cutting, the budget and the rendering are the same for all.
"""
