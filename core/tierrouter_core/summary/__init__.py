"""What a person sees of a running router: the figures of one sidecar or many, and how they are put.

``tierrouter top`` and the page on the admin port show the same :class:`~tierrouter_core.summary.view.View`.
"""

from typing import Final

MOST_RECENT: Final = 50
"""Turns that are remembered one by one."""
