"""One tier for every turn: a suite measures that tier; no rule, hint, budget or failover has a part in it."""

from dataclasses import replace

from tierrouter_core.document.model import Document, Hints, Hooks
from tierrouter_core.errors import ForcedTierError
from tierrouter_core.names import Mode, Reason
from tierrouter_core.routing.decide import Router
from tierrouter_core.routing.decision import Decision
from tierrouter_core.routing.ladder import why_not
from tierrouter_core.routing.session_state import NEW_SESSION, SessionState
from tierrouter_core.routing.targets import Target
from tierrouter_core.routing.turn import Turn
from tierrouter_core.value_class import value_class


@value_class
class Forced:
    """What a sidecar was told to measure."""

    tier: str
    model: str = ""
    """One of the tier's own provider, by either of its names; empty for the tier's own."""

    def __str__(self) -> str:
        return f"tier {self.tier}" + (f" with model {self.model}" if self.model else "")


class ForcedRouter(Router):
    """Has one answer. A turn that the tier can't take is refused: another tier's answer would be no measurement."""

    def __init__(self, document: Document, forced: Forced) -> None:
        """Make it of a whole document; raises ForcedTierError where that lacks the tier or the model."""
        super().__init__(forced_document(document, forced))
        self._detail = f"every turn of this sidecar is served by {forced}"
        self._tier = self.document.tiers[forced.tier]

    def decide(self, turn: Turn, state: SessionState = NEW_SESSION) -> Decision:
        """The forced tier, whatever the turn asks for."""
        name = self._tier.name
        state = replace(state, home=name, current=name, flagged=False)
        # One that is too long goes there all the same: the provider's own words make the agent compact.
        turn = replace(turn, too_long_for={})
        if name in self._ladder.able(turn):
            return Decision((self._ladder.targets[name],), Reason.FORCED, self._detail, state)
        why = why_not(turn, name)
        return Decision((), Reason.NOT_SERVABLE, f"{self._detail}, which can't take this turn: {why}", state)

    def larger(self, turn: Turn, than: Target) -> tuple[Target, ...]:
        """Nobody."""
        return ()

    def if_flagged(self, turn: Turn, state: SessionState) -> Target | None:
        """Nobody."""
        return None


def forced_document(document: Document, forced: Forced) -> Document:
    """``document`` with the forced tier alone, its model replaced, and nothing that holds a turn back.

    Raises:
        ForcedTierError: the tier is not there, or its provider has no such model; the message says which there are.
    """
    tier = document.tiers.get(forced.tier)
    if tier is None:
        names = ", ".join(document.tiers)
        raise ForcedTierError(f"the forced tier {forced.tier!r} is not one of router {document.router}: {names}")
    models = document.provider_of(tier).models
    model = tier.model if not forced.model else _model(forced, tier.provider, {m.name: m.id for m in models.values()})
    alone = replace(tier, model=model, fallback_to=(), spill_to="", hedge_to="")
    return replace(
        document,
        mode=Mode.ROUTE,
        tiers={tier.name: alone},
        default_tier=((tier.name, 1),),
        fallback_tier=tier.name,
        rules=(),
        model_hints=(),
        hints=Hints(allow=(), model_aliases=False),
        session=replace(document.session, subagent_tier=""),
        budgets=(),
        deep_share=None,
        output_policy=None,
        hooks=None if document.hooks is None else Hooks(is_throttled=document.hooks.is_throttled),
    )


def _model(forced: Forced, provider: str, models: dict[str, str]) -> str:
    """The user's name of the forced model."""
    for name, id_ in models.items():
        if forced.model in (name, id_):
            return name
    known = ", ".join(models)
    raise ForcedTierError(
        f"the forced model {forced.model!r} is not one of ModelProvider {provider}, which serves tier {forced.tier}: "
        f"{known}"
    )
