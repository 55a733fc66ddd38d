"""Every method and task side by side: retrieval figures, target models, reports.

The path: ``tasks`` make items (a context, a query, its evidence), ``setup`` loads what all methods share,
``methods`` score the chunks of an item, ``measuring`` selects within each budget and keeps the figures,
``targets`` ask a model, ``reports`` tell. ``plan`` and ``presets`` say what to run, ``session`` runs it. A
folder imports only folders named before it.
"""
