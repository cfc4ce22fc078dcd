"""Which tiers can take a turn, and in what order they are tried."""

from collections.abc import Mapping

from tierrouter_core.caps.cap import Cap
from tierrouter_core.document.model import Document, Tier
from tierrouter_core.names import Dialect, Reason, TurnKind
from tierrouter_core.routing.capped import held_back
from tierrouter_core.routing.decision import Choice
from tierrouter_core.routing.targets import Target, spoken, stand_ins, target_of_tier
from tierrouter_core.routing.turn import Turn


class Ladder:
    """A document's tiers with their targets."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.targets: Mapping[str, Target] = {
            tier.name: target_of_tier(document, tier) for tier in document.tiers.values()
        }
        self._stand_ins = {tier.name: stand_ins(document, tier) for tier in document.tiers.values()}
        # Which tiers can be spoken to never changes within a document.
        self._speaking: dict[tuple[Dialect, bool], Mapping[str, Tier]] = {}

    def order(self, turn: Turn, choice: Choice, *, begins: bool) -> tuple[tuple[Target, ...], Reason, str, Cap | None]:
        """Order the targets: the chosen tier, then its fallbacks; or the first tier that can take the turn.

        Nobody stands in whose budget is used up. Where only such tiers could take the turn, there are no targets, and
        the budget is told.

        Args:
            begins: whether a prompt begins.
        """
        able = self.able(turn)
        name = choice.tier
        free = self._free(turn, able, begins=begins)
        if name in able:
            return self._from(able[name], free), choice.reason, choice.detail, choice.cap
        why = why_not(turn, name)
        if not able:
            detail = f"{name} was chosen ({choice.detail}), but no tier of this router can take the turn: {why}"
            return (), Reason.NOT_SERVABLE, detail, choice.cap
        first = next(iter((free or able).values()))
        detail = (
            f"{name} was chosen ({choice.reason}: {choice.detail}) but can't take the turn: {why}; "
            f"{first.name} is the first tier that can"
        )
        if not free:
            cap = turn.caps[first.name]
            return (), Reason.BUDGET, f"{cap.detail}; {detail}", cap
        reason = Reason.OVERFLOW if turn.too_long_for.get(name) else Reason.DIALECT
        return self._from(first, free), reason, detail, choice.cap

    def able(self, turn: Turn) -> Mapping[str, Tier]:
        """The tiers that can take ``turn``, in the document's order."""
        key = (turn.dialect, turn.has_tools)
        known = self._speaking.get(key)
        if known is None:
            models = ((tier, self._document.model_of(tier)) for tier in self._document.tiers.values())
            able = (tier for tier, model in models if spoken(model, turn.dialect, has_tools=turn.has_tools) is not None)
            known = self._speaking[key] = {tier.name: tier for tier in able}
        if not turn.unfit and not turn.too_long_for:
            return known
        return {name: tier for name, tier in known.items() if name not in turn.unfit and name not in turn.too_long_for}

    def cheapest(self, turn: Turn) -> Choice:
        """The tier whose tokens cost least; those without a known price come last, by rank.

        It is no prompt, so a budget has its grace here too; where all are used up beyond that, one of them is told.
        """

        def price(tier: Tier) -> tuple[float, int]:
            known = self._document.model_of(tier).price
            return (float("inf") if known is None else float(known.rates.input + known.rates.output), tier.rank)

        able = self.able(turn) or self._document.tiers
        free = self._free(turn, able, begins=False)
        name = min((free or able).values(), key=price).name
        if not free:
            cap = turn.caps[name]
            return Choice(name, Reason.BUDGET, cap.detail, cap=cap)
        return Choice(name, Reason.UTILITY, "a call beside the conversation, and this is the cheapest tier")

    def larger(self, turn: Turn, than: Target) -> tuple[Target, ...]:
        """The tiers that can take ``turn`` and have a larger window than ``than``, the lowest rank first."""
        window = None if than.model is None else than.model.context_window
        if window is None:
            return ()
        free = self._free(turn, self.able(turn), begins=turn.kind is TurnKind.USER)
        able = sorted(free.values(), key=lambda tier: tier.rank)
        return tuple(
            self.targets[tier.name] for tier in able if (self._document.model_of(tier).context_window or 0) > window
        )

    @staticmethod
    def _free(turn: Turn, able: Mapping[str, Tier], *, begins: bool) -> Mapping[str, Tier]:
        """Those of ``able`` whose budget lets them stand in for another."""
        if not turn.caps:
            return able
        return {name: tier for name, tier in able.items() if held_back(turn.caps, name, begins=begins) is None}

    def _from(self, first: Tier, able: Mapping[str, Tier]) -> tuple[Target, ...]:
        others = [name for name in self._stand_ins[first.name] if name in able]
        if not others:
            # The named ones can't take the turn: the first tier that can takes their place.
            others = [name for name in able if name != first.name][:1]
        return tuple([self.targets[name] for name in (first.name, *others)])


def why_not(turn: Turn, tier: str) -> str:
    """Why ``tier`` can't take ``turn``: too long, not translatable, or not spoken."""
    return (
        turn.too_long_for.get(tier)
        or turn.unfit.get(tier)
        or f"it does not speak {turn.dialect}{' with tools' if turn.has_tools else ''}"
    )
