"""Methods, items and budgets in, one row of figures for each out; every row is safe on disk at once."""
