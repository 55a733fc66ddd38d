"""Many records, in order, resumable: here, in shards, or on Ray.

In come a :class:`~longattncomp_cli.core.batch.jobs.RecordJob`, which says what is done with one record, and
the records of the input files as a stream. Out goes one line a record, in the order of the input, into files
that are renamed when they are complete and that a later run with the same settings can continue. ``run`` does
a batch, ``shards`` splits it, ``ray_engine`` has its records done by the workers of a Ray cluster.
"""
