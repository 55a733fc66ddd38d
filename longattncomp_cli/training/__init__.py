"""Two-stage training of the cross-attention layer on a frozen backbone."""
