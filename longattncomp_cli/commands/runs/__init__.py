"""What was typed, resolved once, and carried out.

In comes a dataclass of options as typed. :class:`~longattncomp_cli.commands.runs.run.Run` (for ``score`` and
``compress``) checks it and reads what may be read only once, such as ``--query-file``; the other modules open
the inputs, run texts, batches, training and the benchmark, and write what they give to standard output and to
the files that were named. A module here reads a :class:`Run` and changes nothing in it.
"""
