"""Files, directories, standard input and records become sources.

Enters: what the user named, opened by :mod:`longattncomp_cli.core.files`. Leaves: a
:class:`~longattncomp_cli.core.inputs.source.Source` a document, or a stream of
:class:`~longattncomp_cli.core.inputs.records.Record`, one a line.
"""
