"""``config.json``, ``model.safetensors`` and a card: checked, loaded, saved, and made untrained.

Enters: a shipped name or a folder. Leaves: a :class:`~longattncomp_cli.core.checkpoint.store.Checkpoint`:
a config and the tensors of the trained layer.
"""
