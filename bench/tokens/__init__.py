"""How far counts of input tokens are off, against real vocabularies."""
