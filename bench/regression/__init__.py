"""What the nightly loop decides where the truth is known: ``python -m bench.regression``."""
