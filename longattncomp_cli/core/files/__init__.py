"""How bytes come in and go out: paths, compressed streams, JSON lines, files that are never half written.

Enters: a path, or standard input. Leaves: decoded text, an open stream of bytes, parsed JSON lines, or a file
that is renamed to its place once it is complete. Nothing here knows what the bytes mean.
"""
