"""Who serves a turn, and why (design section 5.3): values in, a decision with a readable reason out.

The order, first answer wins:

0. A call beside the conversation goes to the cheapest tier, and nothing of it is remembered.
1. An open tool loop stays where it is; a hint or a rule with ``escalate: true`` may move it, upward only. After a
   compaction nothing is open and no cache is warm: a prompt that goes on is decided like one that begins.
2. A hint that is allowed, by header or as the model name ``tier/NAME``; an unknown one goes to the fallback tier.
3. A model hint with ``pin``, then the rules, then the other model hints.
4. The session's own tier, the subagents' tier, the default tier or its split; a session that serves on a tier of
   higher rank comes down where that pays, prompt caches considered.

Then what is capped: a tier whose budget or share is used up begins no prompt and takes no escalation.

Last, what the turn holds: a tier that can't take it, in its own dialect or translated, or whose window is too small,
is passed over for the first that can.
"""

import fnmatch
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import field, replace

from tierrouter_core.caps.cap import Cap
from tierrouter_core.document.model import Document, Rule, Tier
from tierrouter_core.names import HINT_NONE, MODEL_ALIAS_PREFIX, Dialect, Mode, Reason, TurnKind
from tierrouter_core.routing.hooks import Hooks
from tierrouter_core.routing.rules import Evaluation, RuleSet
from tierrouter_core.routing.session_state import NEW_SESSION as NEW_SESSION
from tierrouter_core.routing.session_state import SessionState as SessionState
from tierrouter_core.routing.switching import Switch, switch
from tierrouter_core.routing.targets import Target, requested_target, spoken, stand_ins, target_of_tier, vendor_of
from tierrouter_core.routing.variables import PLANNING_VARIABLE, TIER_VARIABLE, Value
from tierrouter_core.value_class import keyword_value_class, value_class
from tierrouter_core.wire.signed_thinking import SIGNING_VENDOR


@keyword_value_class
class Turn:
    """A turn as the decision sees it."""

    dialect: Dialect
    requested_model: str
    hint: str | None
    """As sent in ``x-tierrouter-hint``; None if absent."""
    kind: TurnKind
    session: str
    subagent: bool = False
    has_tools: bool = False
    signed_thinking: bool = False
    """The open tool loop holds thinking with a signature."""
    variables: Mapping[str, Value]
    stated: frozenset[str] = frozenset()
    """Of them those that the agent has set itself."""
    unfit: Mapping[str, str] = field(default_factory=dict)
    """Tiers that can't take this turn, as was found by trying to translate it, and why."""
    too_long_for: Mapping[str, str] = field(default_factory=dict)
    """Tiers whose window is too small for it, and by how much."""
    prompt: str = ""
    """The agent's id of the prompt that it belongs to; empty where it gives none."""
    compacted: bool = False
    """The agent says that it has just compacted the conversation."""
    caps: Mapping[str, Cap] = field(default_factory=dict)
    """By tier: what keeps it from beginning a prompt, or an escalation."""
    now_s: float = 0.0
    """By any clock that all turns share."""
    context_tokens: Callable[[], int] = lambda: 0
    """Its input in tokens, estimated when it is asked for."""


@value_class
class Decision:
    """Where a turn goes first, where it may go next, and why."""

    targets: tuple[Target, ...]
    """In the order to try; empty when nothing can serve the turn."""
    reason: Reason
    detail: str
    """The reason in words, with the numbers that it rests on."""
    state: SessionState
    """The session's state if the first target serves."""
    hint: str = ""
    """The hint that was given, by header or alias, made printable."""
    hint_outcome: str = ""
    """``used``, ``unknown``, ``not_allowed`` or empty: a metric's label."""
    rule_errors: tuple[Evaluation, ...] = ()
    observed: "Decision | None" = None
    """In Observe mode: what would have been decided."""
    cap: Cap | None = None
    """What refuses the turn, or has moved it to another tier."""

    @property
    def explanation(self) -> str:
        """``Rule: complex-planning is true: ...``, as the header and the ledger say it."""
        return f"{self.reason}: {self.detail}"


@value_class
class _Choice:
    """A tier chosen before its dialect is looked at."""

    tier: str
    reason: Reason
    detail: str
    becomes_home: bool = False
    price_usd: float = 0.0
    """Of an optional switch to it."""
    essential: bool = False
    """By a rule that no share may hold back."""
    cap: Cap | None = None


def printable(text: str, limit: int = 64) -> str:
    """``text`` fit for a header, a log line and a label: ASCII without controls, at most ``limit`` characters."""
    if text.isascii() and text.isprintable():
        return text[:limit]
    return re.sub(r"[^\x20-\x7e]", "?", text)[:limit]


def split_position(router: str, session: str) -> float:
    """Where a session falls in a split, in [0, 1): the same for a session for ever, even over sessions."""
    value = hashlib.sha256(f"{router}\0{session}".encode()).digest()[:8]
    return int.from_bytes(value) / 2**64


class Router:
    """A document made ready to decide by."""

    def __init__(self, document: Document) -> None:
        """Compile rules and hooks; raises RuleError for one that doesn't."""
        self.document = document
        self.rules = RuleSet(document.rules, document.thresholds)
        self.hooks = Hooks(document)
        self.used = self.rules.used | self.hooks.used
        """The variables that some expression of the document names."""
        self._targets = {tier.name: target_of_tier(document, tier) for tier in document.tiers.values()}
        self._stand_ins = {tier.name: stand_ins(document, tier) for tier in document.tiers.values()}
        self._signing = frozenset(name for name, target in self._targets.items() if vendor_of(target) == SIGNING_VENDOR)
        # Which tiers can be spoken to never changes within a document.
        self._able_tiers: dict[tuple[Dialect, bool], Mapping[str, Tier]] = {}
        self._model_hints = tuple(
            (re.compile(fnmatch.translate(hint.match), re.IGNORECASE), hint) for hint in document.model_hints
        )

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
        return self._targets.get(name)

    def larger(self, turn: Turn, than: Target) -> tuple[Target, ...]:
        """The tiers that can take ``turn`` and have a larger window than ``than``, the lowest rank first."""
        window = None if than.model is None else than.model.context_window
        if window is None:
            return ()
        able = sorted(self._able(turn).values(), key=lambda tier: tier.rank)
        return tuple(
            self._targets[tier.name] for tier in able if (self.document.model_of(tier).context_window or 0) > window
        )

    def if_flagged(self, turn: Turn, state: SessionState) -> Target | None:
        """Whom the rules name for ``turn`` where its output is flagged; None where they name nobody."""
        variables = {**turn.variables, "turn.output_flagged": True}
        decision = self._route(replace(turn, variables=variables), state)
        by_rule = decision.reason in (Reason.RULE, Reason.ESCALATION)
        return decision.targets[0] if by_rule and decision.targets else None

    def _route(self, turn: Turn, state: SessionState) -> Decision:
        if turn.kind is TurnKind.UTILITY:
            targets, reason, detail, _ = self._with_ladder(turn, self._cheapest(turn), state)
            return Decision(targets, reason, detail, state)
        turn, unknown = self.hooked(turn)
        hint, by_alias = self._hint_of(turn)
        shown = printable(hint) if hint is not None else ""
        choice, outcome = self._by_hint(turn, hint, by_alias=by_alias)
        errors: tuple[Evaluation, ...] = ()
        goes_on = turn.kind is not TurnKind.USER and state.current in self.document.tiers
        anew = goes_on and _is_after_compaction(turn, state)
        if goes_on and not anew:
            choice, errors = self._in_loop(turn, state.current, choice)
        elif choice is None:
            choice, errors = self._at_safe_point(turn, state)
        if anew:
            choice = replace(choice, detail=f"the conversation was compacted: {choice.detail}")
        errors = (*unknown, *errors)
        choice = self._within_caps(turn, choice, state.current if goes_on else "")
        if choice.cap is not None and not choice.cap.instead:
            return Decision((), Reason.BUDGET, choice.cap.detail, state, shown, outcome, errors, cap=choice.cap)
        targets, reason, detail, state = self._with_ladder(turn, choice, state)
        return Decision(targets, reason, detail, state, shown, outcome, errors, cap=choice.cap)

    def _within_caps(self, turn: Turn, choice: _Choice, current: str) -> _Choice:
        """``choice``, or who serves where its tier is capped.

        Caps act where a prompt or an escalation would begin; a prompt in progress goes on, until its grace is spent.

        Args:
            current: the tier that the open loop is on; empty where none is.
        """
        wanted = choice
        for _ in self.document.tiers:
            cap = turn.caps.get(choice.tier)
            if cap is None or (choice.tier == current and not cap.stops):
                return choice
            if cap.yields_to_hint and (wanted.reason in _ASKED_FOR or wanted.essential):
                return choice
            if not cap.instead:
                # An escalation that nobody pays for does not begin; what is under way goes on.
                kept = current and choice.tier != current
                return _Choice(current, Reason.TOOL_LOOP, cap.detail) if kept else replace(choice, cap=cap)
            name = cap.instead
            if current and choice.tier != current and self._rank(name) < self._rank(current):
                name = current
            choice = _Choice(name, cap.reason, f"{cap.detail}; {wanted.tier} was chosen ({wanted.detail})", cap=cap)
        # They point at one another: the last of them serves.
        return choice

    def _rank(self, tier: str) -> int:
        return self.document.tiers[tier].rank

    def _hint_of(self, turn: Turn) -> tuple[str | None, bool]:
        """The hint and whether it came as a model name; the header wins."""
        if turn.hint is not None:
            return turn.hint.strip(), False
        if self.document.hints.model_aliases and turn.requested_model.startswith(MODEL_ALIAS_PREFIX):
            return turn.requested_model.removeprefix(MODEL_ALIAS_PREFIX), True
        return None, False

    def _by_hint(self, turn: Turn, hint: str | None, *, by_alias: bool) -> tuple[_Choice | None, str]:
        if not hint:
            return None, ""
        said = f"the model name tier/{printable(hint)}" if by_alias else f"the hint {printable(hint)}"
        if hint == HINT_NONE and not by_alias:
            return self._as_requested(turn)
        if hint not in self.document.tiers:
            detail = f"{said} is not a tier of this router, so the fallback tier serves"
            return _Choice(self.document.fallback_tier, Reason.UNKNOWN_HINT, detail), "unknown"
        if hint not in self.document.hints.allow:
            return None, "not_allowed"
        return _Choice(hint, Reason.HINT, f"{said} asks for it"), "used"

    def _as_requested(self, turn: Turn) -> tuple[_Choice | None, str]:
        for tier in self.document.tiers.values():
            model = self.document.model_of(tier)
            if turn.requested_model in (model.name, model.id):
                if tier.name not in self.document.hints.allow:
                    return None, "not_allowed"
                detail = f"the hint none asks for {printable(turn.requested_model)} itself"
                return _Choice(tier.name, Reason.REQUESTED_MODEL, detail), "used"
        return None, "not_allowed"

    def _in_loop(self, turn: Turn, current: str, hinted: _Choice | None) -> tuple[_Choice, tuple[Evaluation, ...]]:
        """Inside a tool loop a switch throws away the cache: upward only, and not where thinking is signed."""
        rank = self.document.tiers[current].rank
        signed = turn.signed_thinking and current in self._signing
        if hinted is not None and hinted.reason is Reason.HINT and self.document.tiers[hinted.tier].rank > rank:
            return (_kept(current, hinted.tier) if signed else hinted), ()
        if turn.kind is TurnKind.TOOL_LOOP:

            def upward(rule: Rule) -> bool:
                return rule.escalate and self.document.tiers[rule.tier].rank > rank

            variables = turn.variables
            if self.rules.uses(TIER_VARIABLE):
                variables = {**variables, TIER_VARIABLE: current}
            matched, errors = self.rules.first_match(variables, among=upward)
            if matched is not None and signed:
                return _kept(current, matched.rule.tier), errors
            if matched is not None:
                rule = matched.rule
                return _Choice(rule.tier, Reason.ESCALATION, _rule_detail(matched), essential=rule.essential), errors
        else:
            errors = ()
        what = "a tool loop is open" if turn.kind is TurnKind.TOOL_LOOP else f"the turn is {turn.kind}"
        return _Choice(current, Reason.TOOL_LOOP, f"{what}, {current} serves it to its end"), errors

    def _at_safe_point(self, turn: Turn, state: SessionState) -> tuple[_Choice, tuple[Evaluation, ...]]:
        hinted = next((hint for pattern, hint in self._model_hints if pattern.match(turn.requested_model)), None)
        asked = printable(turn.requested_model)
        if hinted is not None and hinted.pin:
            return _Choice(hinted.tier, Reason.PINNED_MODEL, f"{asked} matches the pinned hint {hinted.match}"), ()
        matched, errors = self.rules.first_match(turn.variables)
        if matched is not None:
            rule = matched.rule
            return _Choice(rule.tier, Reason.RULE, _rule_detail(matched), essential=rule.essential), errors
        if hinted is not None:
            return _Choice(hinted.tier, Reason.MODEL_HINT, f"{asked} matches the model hint {hinted.match}"), errors
        return self._by_session(turn, state), errors

    def _cheapest(self, turn: Turn) -> _Choice:
        """The tier whose tokens cost least; those without a known price come last, by rank."""

        def price(tier: Tier) -> tuple[float, int]:
            known = self.document.model_of(tier).price
            return (float("inf") if known is None else float(known.rates.input + known.rates.output), tier.rank)

        tiers = list(self._able(turn).values()) or list(self.document.tiers.values())
        name = min(tiers, key=price).name
        return _Choice(name, Reason.UTILITY, "a call beside the conversation, and this is the cheapest tier")

    def _by_session(self, turn: Turn, state: SessionState) -> _Choice:
        chosen = self._home(turn, state)
        current = self.document.tiers.get(state.current)
        if current is None or current.rank <= self.document.tiers[chosen.tier].rank:
            return chosen
        return self._down(turn, state, current, chosen)

    def _down(self, turn: Turn, state: SessionState, current: Tier, chosen: _Choice) -> _Choice:
        """Whether a session that was raised comes down again: where it pays, and where it may still be paid for."""
        found = self.price_of(turn, state, current.name, chosen.tier)
        if found is None:
            return chosen
        told = f"{chosen.tier} ${found.go_usd:.2f}, {current.name} ${found.stay_usd:.2f} over the next calls"
        if not found.pays:
            return _Choice(current.name, Reason.WARM_CACHE, f"it has the conversation in its cache: {told}")
        budget = self.document.session.switch_budget_percent / 100 * state.steady_usd
        if state.switches_usd + found.price_usd > budget and found.price_usd > 0:
            spent = f"${state.switches_usd:.2f} of ${budget:.2f}"
            detail = f"optional switches have cost {spent}, the one to {chosen.tier} is ${found.price_usd:.2f}"
            return _Choice(current.name, Reason.SWITCH_BUDGET, detail)
        return replace(chosen, detail=f"{chosen.detail}: {told}", price_usd=found.price_usd)

    def price_of(self, turn: Turn, state: SessionState, stay: str, go: str) -> Switch | None:
        """What it costs to go on with ``turn`` on the tier ``go`` in place of ``stay``; None where it is not known."""
        tiers = self.document.tiers
        return switch(
            self.document.model_of(tiers[stay]),
            self.document.model_of(tiers[go]),
            turn.context_tokens(),
            turn.now_s,
            state.warm.get(stay),
            state.warm.get(go),
        )

    def _home(self, turn: Turn, state: SessionState) -> _Choice:
        settings = self.document.session
        if turn.subagent and settings.subagent_tier:
            return _Choice(settings.subagent_tier, Reason.DEFAULT, "subagents have this tier")
        if settings.affinity == "Session" and state.home in self.document.tiers:
            return _Choice(state.home, Reason.SESSION, "the session began on this tier", becomes_home=True)
        split = self.document.default_tier
        if len(split) == 1:
            return _Choice(split[0][0], Reason.DEFAULT, "no rule applies, this is the default tier", becomes_home=True)
        return self._drawn(turn.session)

    def _drawn(self, session: str) -> _Choice:
        split = self.document.default_tier
        total = sum(weight for _, weight in split)
        position = split_position(self.document.router, session) * total
        drawn, weight = split[-1]
        for drawn, weight in split:  # noqa: B007 (the loop ends on the entry that holds the position)
            if position < weight:
                break
            position -= weight
        detail = f"the session falls into this {weight} of {total} of the split"
        return _Choice(drawn, Reason.SPLIT, detail, becomes_home=True)

    def _with_ladder(
        self, turn: Turn, choice: _Choice, state: SessionState
    ) -> tuple[tuple[Target, ...], Reason, str, SessionState]:
        """Order the targets: the chosen tier, then its fallbacks; or the first tier that can take the turn."""
        chosen = self.document.tiers[choice.tier]
        able = self._able(turn)
        home = choice.tier if choice.becomes_home else state.home
        state = replace(
            state,
            home=home,
            current=choice.tier,
            flagged=False,
            switches_usd=state.switches_usd + choice.price_usd,
            asked_for=choice.reason in _HINTED or (choice.reason is Reason.TOOL_LOOP and state.asked_for),
            compacted=turn.kind is TurnKind.COMPACTION,
            prompt=turn.prompt or state.prompt,
        )
        too_long = turn.too_long_for.get(choice.tier)
        why = (
            too_long
            or turn.unfit.get(choice.tier)
            or f"it does not speak {turn.dialect}{' with tools' if turn.has_tools else ''}"
        )
        if not able:
            detail = f"{choice.tier} was chosen ({choice.detail}), but no tier of this router can take the turn: {why}"
            return (), Reason.NOT_SERVABLE, detail, state
        if chosen.name in able:
            first, reason, detail = chosen, choice.reason, choice.detail
        else:
            first = next(iter(able.values()))
            reason = Reason.OVERFLOW if too_long else Reason.DIALECT
            detail = (
                f"{choice.tier} was chosen ({choice.reason}: {choice.detail}) but can't take the turn: {why}; "
                f"{first.name} is the first tier that can"
            )
        ladder = [first, *self._fallbacks(first, able)]
        targets = tuple(self._targets[tier.name] for tier in ladder)
        return targets, reason, detail, state if first is chosen else replace(state, current=first.name)

    def _able(self, turn: Turn) -> Mapping[str, Tier]:
        key = (turn.dialect, turn.has_tools)
        known = self._able_tiers.get(key)
        if known is None:
            models = ((tier, self.document.model_of(tier)) for tier in self.document.tiers.values())
            able = (tier for tier, model in models if spoken(model, turn.dialect, has_tools=turn.has_tools) is not None)
            known = self._able_tiers[key] = {tier.name: tier for tier in able}
        if not turn.unfit and not turn.too_long_for:
            return known
        return {name: tier for name, tier in known.items() if name not in turn.unfit and name not in turn.too_long_for}

    def _fallbacks(self, first: Tier, able: Mapping[str, Tier]) -> list[Tier]:
        others = [able[name] for name in self._stand_ins[first.name] if name in able]
        if others:
            return others
        # The named ones can't take the turn: the first tier that can takes their place.
        return [tier for tier in able.values() if tier.name != first.name][:1]


_HINTED = frozenset({Reason.HINT, Reason.REQUESTED_MODEL, Reason.UNKNOWN_HINT})
_ASKED_FOR = frozenset({Reason.HINT, Reason.REQUESTED_MODEL, Reason.PINNED_MODEL})
_SHRUNK = 0.5
"""Of its length before: a conversation that is shorter than that was compacted, whatever its agent says."""


def _is_after_compaction(turn: Turn, state: SessionState) -> bool:
    """Whether a prompt goes on after its conversation was compacted, with no tool loop open and no hint in force."""
    if turn.kind is not TurnKind.AUTOMATIC or state.asked_for:
        return False
    if state.compacted or turn.compacted:
        return True
    before = state.warm.get(state.current)
    return before is not None and turn.context_tokens() < _SHRUNK * before.tokens


def _kept(current: str, wanted: str) -> _Choice:
    """The current tier, where another is wanted that can't go on with signed thinking."""
    detail = f"the open tool loop carries thinking that {current}'s vendor has signed; {wanted} has to wait for its end"
    return _Choice(current, Reason.TOOL_LOOP, detail)


def _rule_detail(evaluation: Evaluation) -> str:
    saw = ", ".join(f"{name}={value}" for name, value in evaluation.saw)
    return f"{evaluation.rule.name} is true" + (f" ({saw})" if saw else "")
