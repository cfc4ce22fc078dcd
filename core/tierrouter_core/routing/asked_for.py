"""Which tier a turn asks for itself: by header, or as the model name ``tier/NAME``."""

from tierrouter_core.document.model import Document
from tierrouter_core.names import HINT_NONE, MODEL_ALIAS_PREFIX, Reason
from tierrouter_core.printable import printable
from tierrouter_core.routing.decision import Choice
from tierrouter_core.routing.turn import Turn


def hint_of(document: Document, turn: Turn) -> tuple[str | None, bool]:
    """The hint and whether it came as a model name; the header wins."""
    if turn.hint is not None:
        return turn.hint.strip(), False
    if document.hints.model_aliases and turn.requested_model.startswith(MODEL_ALIAS_PREFIX):
        return turn.requested_model.removeprefix(MODEL_ALIAS_PREFIX), True
    return None, False


def by_hint(document: Document, turn: Turn, hint: str | None, *, by_alias: bool) -> tuple[Choice | None, str]:
    """The tier that the hint names, None where it has no say; and what became of the hint, as a metric's label."""
    if not hint:
        return None, ""
    if hint == HINT_NONE and not by_alias:
        return _as_requested(document, turn)
    said = f"the model name tier/{printable(hint)}" if by_alias else f"the hint {printable(hint)}"
    if hint not in document.tiers:
        detail = f"{said} is not a tier of this router, so the fallback tier serves"
        return Choice(document.fallback_tier, Reason.UNKNOWN_HINT, detail), "unknown"
    if hint not in document.hints.allow:
        return None, "not_allowed"
    return Choice(hint, Reason.HINT, f"{said} asks for it"), "used"


def _as_requested(document: Document, turn: Turn) -> tuple[Choice | None, str]:
    for tier in document.tiers.values():
        model = document.model_of(tier)
        if turn.requested_model in (model.name, model.id):
            if tier.name not in document.hints.allow:
                return None, "not_allowed"
            detail = f"the hint none asks for {printable(turn.requested_model)} itself"
            return Choice(tier.name, Reason.REQUESTED_MODEL, detail), "used"
    return None, "not_allowed"
