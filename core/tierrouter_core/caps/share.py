"""The share that expensive tiers have, of turns or of spending."""

from collections.abc import Mapping

from tierrouter_core.caps.cap import Cap
from tierrouter_core.caps.window import Window
from tierrouter_core.document.model import DeepShare, Document
from tierrouter_core.names import Reason

_ALL, _DEEP, _PROMPTS = range(3)


class Share:
    """How much of it they have had within the window."""

    def __init__(self, wanted: DeepShare) -> None:
        self.wanted = wanted
        self._window = Window(wanted.window_ms / 1000, figures=3)

    def add(self, now_s: float, usd: float, *, deep: bool, prompt: bool) -> None:
        """A turn was served: what it cost, whether by an expensive tier, and whether it began a prompt."""
        amount = 1.0 if self.wanted.by == "Turns" else usd
        self._window.add(now_s, amount, amount if deep else 0.0, float(prompt))

    def percent(self, now_s: float) -> float | None:
        """The share; None while there are too few prompts to judge by."""
        everything, deep, prompts = self._window.at(now_s)
        if prompts < self.wanted.min_prompts or everything <= 0:
            return None
        return 100 * deep / everything

    def exceeded(self, now_s: float) -> str:
        """In words, that the share is above its limit; empty where it is not, or not known."""
        percent = self.percent(now_s)
        if percent is None or percent <= self.wanted.max_percent:
            return ""
        of = "turns" if self.wanted.by == "Turns" else "spending"
        return f"expensive tiers have {percent:.1f} % of {of}, {self.wanted.max_percent} % are allowed"

    def caps(self, document: Document, now_s: float) -> Mapping[str, Cap]:
        """By tier: what keeps the expensive ones from beginning a prompt without a hint."""
        detail = self.exceeded(now_s) if self.wanted.action == "RequireHint" else ""
        instead = _cheaper(document)
        if not detail or not instead:
            return {}
        cap = Cap(reason=Reason.DEEP_SHARE, detail=f"{detail}; a hint is needed", instead=instead, yields_to_hint=True)
        return {tier.name: cap for tier in document.tiers.values() if tier.expensive}


def _cheaper(document: Document) -> str:
    """Who serves in place of an expensive tier: the default, else the strongest that is not expensive."""
    for name, _ in document.default_tier:
        if not document.tiers[name].expensive:
            return name
    others = [tier for tier in document.tiers.values() if not tier.expensive]
    return max(others, key=lambda tier: tier.rank).name if others else ""
