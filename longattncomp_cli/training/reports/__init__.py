"""What a run leaves beside its weights: the model card and the curves."""
