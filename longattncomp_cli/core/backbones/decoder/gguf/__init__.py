"""A causal language model in a GGUF file (llama.cpp, ollama): header, config, tensors and tokenizer.

Enters: a file, nothing of it trusted. Leaves: what a folder of safetensors gives: a config of transformers,
tensors under transformers' names, a tokenizer and the chat template.
"""
