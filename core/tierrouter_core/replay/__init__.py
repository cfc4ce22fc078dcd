"""Recorded calls once more, by another policy: who would have served each, what it would have cost, with what cache."""
