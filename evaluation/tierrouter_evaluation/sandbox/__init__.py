"""Runs tests over a model's answer in a restricted child process.

``child`` is the program that runs there, with ``filters`` and ``writes`` as its walls; ``run`` starts and ends it.
"""
