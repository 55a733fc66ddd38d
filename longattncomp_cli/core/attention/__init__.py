"""The trained layer: query tokens attend to context tokens; pooling, exact matches, and the second hop.

Enters: states of query and context. Leaves: the mass of every chunk under each head and query token, and a
share for each chunk and the sink.
"""
