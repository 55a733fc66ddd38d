"""Tables and lists of records: rows that say nothing in part, under the row that names their columns.

One file a way of writing them: ``delimited`` (CSV, TSV, JSON lines), ``drawn`` (pipes, rules, aligned
columns), ``html`` and ``sql``; ``find`` looks for the last three in texts of any kind.
"""
