"""What is different between two documents, in one sentence."""

import re
from typing import Any

from tierrouter_core.document.difference import Difference, differences
from tierrouter_core.document.model import Document
from tierrouter_operator.planning.texts import shortened

_SAID_AT_MOST = 3
_MAX_VALUE = 60
_FIRST = ("thresholds", "tiers", "rules", "mode", "defaultTier", "fallbackTier", "modelHints")


def what_changed(before: Document, after: Document) -> str:
    """``thresholds.file_count: 8 -> 6``; of many changes the first, and how many more there are."""
    found = sorted(differences(before, after), key=_rank)
    said = [f"{each.path}: {_shown(each.before)} -> {_shown(each.after)}" for each in found[:_SAID_AT_MOST]]
    if len(found) > _SAID_AT_MOST:
        said.append(f"and {len(found) - _SAID_AT_MOST} more")
    return "; ".join(said) or "nothing that a turn would notice"


def _rank(difference: Difference) -> int:
    """What decides between tiers comes first."""
    part = re.split(r"[.\[ ]", difference.path, maxsplit=1)[0]
    return _FIRST.index(part) if part in _FIRST else len(_FIRST)


def _shown(value: Any) -> str:
    text = "none" if value is None else str(value)
    return shortened(text, _MAX_VALUE)
