"""Chats as the APIs of OpenAI and Anthropic take them: JSON in, the same JSON out with shortened contents.

``files`` recognises a chat in a text and writes it again, ``reading`` checks its shape, ``calls`` knows tool
calls, ``model`` holds what was read: which strings may be shortened, and what is counted beside them.
"""
