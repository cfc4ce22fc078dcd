"""What TierRouter costs, measured against the smallest proxy that could do any routing at all: ``python -m bench``."""
