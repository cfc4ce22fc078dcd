"""How well tokens are counted without a tokenizer."""
