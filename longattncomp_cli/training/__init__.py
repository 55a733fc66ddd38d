"""Two-stage training of the cross-attention layer, and of the second hop, on a frozen backbone.

Enters: files of examples, a starting checkpoint and a preset. Leaves: a folder with a checkpoint, its card,
the curves, and what ``--resume`` needs.
"""
