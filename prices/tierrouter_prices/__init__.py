"""Prices that the genai-prices package knows, for whoever compiles: the sidecar, the operator, the command line."""
