"""How bytes come in and go out: paths, compressed streams, JSON lines, files that are never half written."""
