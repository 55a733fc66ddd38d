"""Files whose text is wrapped in something else: notebooks, pages, mail, manual pages, chats, data.

Enters: the text of a file and its name. Leaves: a :class:`~longattncomp_cli.core.inputs.views.view.View`, the
text that a person reads there with a map back into the file, or nothing for a file that is its own text.
One file a kind.
"""
