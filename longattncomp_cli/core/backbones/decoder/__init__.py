"""The first layers of a causal language model, of the families that the tests compare with the whole model.

Enters: token ids, as independent windows or as one prompt ``[instruction][context][query]``. Leaves: states
of the layers that a checkpoint reads. Weights come from safetensors, or from a GGUF file: ``gguf/``.
"""
