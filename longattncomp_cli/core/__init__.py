"""The path of the data, one folder a step.

``files`` → ``text`` → ``budget`` are the ground. Then: ``inputs`` (files and records become sources),
``prompts`` (sources and a query become a request), ``chunking``, ``backbones`` (states of the frozen
transformer), ``attention`` (the trained layer, its pooling and the hops), ``checkpoint``, ``scoring`` (one
score a chunk), ``assembly`` (kept spans become text), ``selection`` (what to keep within the budget),
``results``, ``compressor.py`` (strings the steps together), ``batch`` (many records). A folder imports only
folders named before it, and nothing here knows typer or rich.
"""
