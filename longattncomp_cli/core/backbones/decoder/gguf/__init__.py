"""A causal language model in one GGUF file (llama.cpp, ollama, LM Studio): its header, config, tensors, tokenizer.

Enters: a file, nothing of it trusted. Leaves: what a folder of safetensors gives: a config of transformers,
tensors under transformers' names, a tokenizer and the chat template.
"""
