"""Everything a person sees. Only this folder knows Rich.

In come results, notes and errors of the other folders; out go tables, bars and sentences on the two streams
of the terminal, plain and of a fixed width where a stream is no terminal. Text of documents is stripped of
control characters here and never parsed as markup.
"""
