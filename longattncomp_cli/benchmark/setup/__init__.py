"""What all methods share: settings in, one backbone, tokenizer and set of chunks out; loaded once."""
