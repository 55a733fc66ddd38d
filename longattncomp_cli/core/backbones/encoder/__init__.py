"""A BERT encoder over packed windows: the embedded default."""
