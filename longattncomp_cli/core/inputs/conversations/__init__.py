"""Chats as APIs and programs write them: JSON in, the same JSON out with shortened contents.

``files`` recognises a chat in a text and writes it again, ``shapes`` knows how programs spell one,
``reading`` checks its shape (``shape_errors`` words what is wrong), ``calls`` knows tool calls and their
results, ``beside`` what stands beside the messages, ``readable`` the text in results of any shape, ``model``
holds what was read: which strings may be shortened, and what is counted beside them.
"""
