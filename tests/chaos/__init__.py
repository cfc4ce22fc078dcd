"""A chaos run: a real sidecar process, providers that fail at random, many clients, restarts; and what must hold.

``make chaos`` runs it. Who goes wrong, how and when is drawn from a seed; ``invariants`` says what may never happen.
"""
