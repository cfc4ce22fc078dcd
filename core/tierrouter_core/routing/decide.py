"""Who serves a turn, and why (design section 5.3): values in, a decision with a readable reason out.

The order, first answer wins:

0. A call beside the conversation goes to the cheapest tier, and nothing of it is remembered.
1. An open tool loop stays where it is; a hint, or a rule with ``escalate: true`` where no model hint with ``pin`` fits,
   may move it, upward only. After a compaction nothing is open and no cache is warm: a prompt that goes on is decided
   like one that begins.
2. A hint that is allowed, by header or as the model name ``tier/NAME``; an unknown one goes to the fallback tier.
3. A model hint with ``pin``, then the rules, then the other model hints.
4. The session's own tier, the subagents' tier, the default tier or its split; a session that serves on a tier of
   higher rank comes down where that pays, prompt caches considered, or at once where each prompt is decided anew.

Then what is capped: a tier whose budget or share is used up begins no prompt and takes no escalation.

Last, what the turn holds: a tier that can't take it, in its own dialect or translated, or whose window is too small,
is passed over for the first that can.
"""

from dataclasses import replace
from typing import Final

from tierrouter_core.document.model import Document
from tierrouter_core.names import Mode, Reason, TurnKind
from tierrouter_core.printable import printable
from tierrouter_core.routing.asked_for import by_hint, hint_of
from tierrouter_core.routing.capped import within_caps
from tierrouter_core.routing.decision import Choice, Decision
from tierrouter_core.routing.hooks import Hooks
from tierrouter_core.routing.ladder import Ladder
from tierrouter_core.routing.rules import Evaluation, RuleSet
from tierrouter_core.routing.safe_point import at_safe_point, model_hint_for, model_hints_of
from tierrouter_core.routing.session_state import NEW_SESSION, SessionState
from tierrouter_core.routing.targets import Target, requested_target, vendor_of
from tierrouter_core.routing.tool_loop import in_loop, is_after_compaction
from tierrouter_core.routing.turn import Turn
from tierrouter_core.routing.variables import PLANNING_VARIABLE, TIER_VARIABLE
from tierrouter_core.wire.signed_thinking import SIGNING_VENDOR

_HINTED: Final = frozenset({Reason.HINT, Reason.REQUESTED_MODEL, Reason.UNKNOWN_HINT})


class Router:
    """A document made ready to decide by."""

    def __init__(self, document: Document) -> None:
        """Compile rules and hooks; raises RuleError for one that doesn't."""
        self.document = document
        self.rules = RuleSet(document.rules, document.thresholds)
        self.hooks = Hooks(document)
        self.used = self.rules.used | self.hooks.used
        """The variables that some expression of the document names."""
        self._ladder = Ladder(document)
        self._signing = frozenset(
            name for name, target in self._ladder.targets.items() if vendor_of(target) == SIGNING_VENDOR
        )
        self._model_hints = model_hints_of(document)

    def uses(self, name: str) -> bool:
        """Whether any expression of the document names the variable."""
        return name in self.used

    def hooked(self, turn: Turn) -> tuple[Turn, tuple[Evaluation, ...]]:
        """``turn`` with what the hooks say of it, and those that could not be evaluated."""
        if PLANNING_VARIABLE in turn.stated or not self.rules.uses(PLANNING_VARIABLE):
            return turn, ()
        asked = self.hooks.complex_planning(turn.variables)
        if asked is None:
            return turn, ()
        variables = {**turn.variables, PLANNING_VARIABLE: asked.matched}
        return replace(turn, variables=variables), (asked,) if asked.error else ()

    def decide(self, turn: Turn, state: SessionState = NEW_SESSION) -> Decision:
        """Who serves ``turn``, given what is remembered of its session."""
        if self.document.mode is Mode.ROUTE:
            return self._route(turn, state)
        wanted = requested_target(self.document, turn.requested_model, turn.dialect)
        targets = () if wanted is None else (wanted,)
        asked = printable(turn.requested_model)
        if wanted is None:
            reason, detail = Reason.NOT_SERVABLE, f"no provider of this router speaks {turn.dialect}"
        elif self.document.mode is Mode.OFF:
            reason, detail = Reason.OFF, f"mode is Off, {asked} was asked for"
        else:
            observed = self._route(turn, state)
            would = observed.targets[0].tier_name if observed.targets else "no tier"
            detail = f"{asked} was asked for; {would} would have served ({observed.explanation})"
            return Decision(
                targets,
                Reason.OBSERVE,
                detail,
                observed.state,
                observed.hint,
                observed.hint_outcome,
                observed.rule_errors,
                observed,
            )
        return Decision(targets, reason, detail, state)

    def hedge_of(self, target: Target) -> Target | None:
        """Who is asked too where ``target`` is late; None where nobody is."""
        name = "" if target.tier is None else target.tier.hedge_to
        return self._ladder.targets.get(name)

    def larger(self, turn: Turn, than: Target) -> tuple[Target, ...]:
        """The tiers that can take ``turn`` and have a larger window than ``than``, the lowest rank first."""
        return self._ladder.larger(turn, than)

    def if_flagged(self, turn: Turn, state: SessionState) -> Target | None:
        """Whom the rules name for ``turn`` where its output is flagged; None where they name nobody."""
        variables = {**turn.variables, "turn.output_flagged": True}
        decision = self._route(replace(turn, variables=variables), state)
        by_rule = decision.reason in (Reason.RULE, Reason.ESCALATION)
        return decision.targets[0] if by_rule and decision.targets else None

    def _route(self, turn: Turn, state: SessionState) -> Decision:
        if turn.kind is TurnKind.UTILITY:
            beside = self._ladder.cheapest(turn)
            if beside.cap is not None:
                return Decision((), beside.reason, beside.detail, state, cap=beside.cap)
            targets, reason, detail, cap = self._ladder.order(turn, beside, begins=False)
            return Decision(targets, reason, detail, state, cap=cap)
        turn, unknown = self.hooked(turn)
        hint, by_alias = hint_of(self.document, turn)
        shown = printable(hint) if hint is not None else ""
        choice, outcome = by_hint(self.document, turn, hint, by_alias=by_alias)
        goes_on = turn.kind is not TurnKind.USER and state.current in self.document.tiers
        choice, errors = self._chosen(turn, state, choice, goes_on=goes_on)
        errors = (*unknown, *errors)
        choice = within_caps(self.document.tiers, turn, choice, state.current if goes_on else "")
        if choice.cap is not None and not choice.cap.instead:
            return Decision((), Reason.BUDGET, choice.cap.detail, state, shown, outcome, errors, cap=choice.cap)
        targets, reason, detail, cap = self._ladder.order(turn, choice, begins=not goes_on)
        served = targets[0].tier_name if targets else choice.tier
        state = _remembered(turn, choice, state, served)
        return Decision(targets, reason, detail, state, shown, outcome, errors, cap=cap)

    def _chosen(
        self, turn: Turn, state: SessionState, hinted: Choice | None, *, goes_on: bool
    ) -> tuple[Choice, tuple[Evaluation, ...]]:
        """The tier that serves where nothing is capped, and the rules that could not be evaluated."""
        if goes_on and self.rules.uses(TIER_VARIABLE):
            turn = replace(turn, variables={**turn.variables, TIER_VARIABLE: state.current})
        anew = goes_on and is_after_compaction(turn, state)
        if goes_on and not anew:
            signed = turn.signed_thinking and state.current in self._signing
            fitting = model_hint_for(self._model_hints, turn.requested_model)
            pinned = fitting is not None and fitting.pin
            return in_loop(self.document.tiers, self.rules, turn, state.current, hinted, pinned=pinned, signed=signed)
        choice, errors = (
            at_safe_point(self.document, self.rules, self._model_hints, turn, state) if hinted is None else (hinted, ())
        )
        return replace(choice, detail=f"the conversation was compacted: {choice.detail}") if anew else choice, errors


def _remembered(turn: Turn, choice: Choice, state: SessionState, served: str) -> SessionState:
    """The session's state once the tier ``served`` has taken ``turn``."""
    return replace(
        state,
        home=choice.tier if choice.becomes_home else state.home,
        current=served,
        flagged=False,
        switches_usd=state.switches_usd + choice.price_usd,
        asked_for=choice.reason in _HINTED or (choice.reason is Reason.TOOL_LOOP and state.asked_for),
        compacted=turn.kind is TurnKind.COMPACTION,
        prompt=turn.prompt or state.prompt,
    )
