"""The path of the data, one folder a step.

``files`` → ``text`` → ``budget`` are the ground. Then: ``inputs`` (files and records become sources),
``prompts`` (sources and a query become a request), ``chunking``, ``backbones`` (states of the frozen
transformer), ``attention`` (the trained layer, its pooling and the hops), ``checkpoint``, ``scoring`` (one
score a chunk), ``assembly`` (kept spans become text), ``selection`` (what to keep within the budget),
``results``. ``settings.py`` says what to keep, ``pipeline.py`` takes one request through the steps,
``compressor.py`` is what users hold; last ``batch`` (many records). Each imports only what is
named before it, and nothing here knows typer or rich.
"""
