"""The pure half of TierRouter: reading documents, deciding, pricing and the wire, as values in and values out.

Nothing in here does I/O, reads a clock or the environment, or knows an event loop; the import contract in
``pyproject.toml`` holds that. The sidecar, the operator and the evaluation call it and do the rest.
"""

__version__ = "0.1.0"
