"""Who serves a call: the router itself, or one of three naive ways to mix two tiers, which it has to beat.

``RouterPolicy`` is the only place where a replay touches routing: it makes of a recorded call the turn that a sidecar
would have made of the request, and asks the same function.
"""

from collections.abc import Callable, Hashable
from dataclasses import replace
from enum import StrEnum
from typing import Protocol

from tierrouter_core.document.model import Document
from tierrouter_core.names import Mode, Reason, TurnKind
from tierrouter_core.replay.calls import ReplayCall
from tierrouter_core.routing.decide import Router
from tierrouter_core.routing.fitting import LEAST_ROOM_TOKENS
from tierrouter_core.routing.serving import after_answer
from tierrouter_core.routing.session_state import NEW_SESSION, SessionState
from tierrouter_core.routing.targets import Target
from tierrouter_core.routing.turn import Turn
from tierrouter_core.routing.variables import Value, defaults

NOBODY = ""
"""The tier of a call that no tier can take."""


class History(Protocol):
    """What has been served so far, as a policy may look at it; the call at hand is not in it."""

    @property
    def calls_in_prompt(self) -> int:
        """The agent's calls since its prompt began."""

    @property
    def calls(self) -> int:
        """The agent's calls."""

    @property
    def session_cost_usd_micros(self) -> int:
        """What they cost under this policy, in millionths of a dollar."""


class Policy(Protocol):
    """Who serves. It is asked once for each call, in order, and may remember."""

    def serve(self, call: ReplayCall, history: History) -> tuple[str, str]:
        """The tier's name (:data:`NOBODY` where none can take the call) and the reason in one word."""


class RouterPolicy:
    """A router as its sidecar would have it decide. One object serves one replay: it remembers the sessions."""

    def __init__(self, document: Document, draw: int = 0) -> None:
        """Make the document ready.

        Args:
            document: replayed as if its mode were ``Route``: what a router in Observe would do is the question here.
            draw: 0 splits sessions by their own ids as the sidecar does; every other number splits them otherwise.
        """
        self._router = Router(replace(document, mode=Mode.ROUTE))
        self._salt = f"\0{draw}" if draw else ""
        self._idle_s = document.session.idle_timeout_ms / 1000
        self._states: dict[tuple[str, str], tuple[SessionState, float]] = {}
        self._thought: set[tuple[str, str]] = set()
        self._defaults = defaults()

    def serve(self, call: ReplayCall, history: History) -> tuple[str, str]:
        """See :class:`Policy`."""
        agent = (call.session, call.agent)
        state, seen_s = self._states.get(agent, (NEW_SESSION, call.t_rel_s))
        if call.t_rel_s - seen_s > self._idle_s:
            state = NEW_SESSION
        if call.kind is TurnKind.USER:
            self._thought.discard(agent)
        turn = self._turn(call, history, signed_thinking=agent in self._thought)
        if call.thinking:
            self._thought.add(agent)
        decision = self._router.decide(turn, state)
        too_long: dict[str, str] = {}
        while decision.targets and self._is_too_long(call, decision.targets[0]):
            too_long[decision.targets[0].tier_name] = "its window is too small"
            elsewhere = self._router.decide(replace(turn, too_long_for=too_long), state)
            if not elsewhere.targets or elsewhere.targets[0].tier_name in too_long:
                break
            decision = elsewhere
        after = decision.state
        if decision.targets and call.kind is not TurnKind.UTILITY:
            after = after_answer(
                self._router.document,
                after,
                decision.targets[0].tier_name,
                context=call.context_tokens,
                output=call.output_tokens,
                now_s=call.t_rel_s,
            )
        self._states[agent] = (after, call.t_rel_s)
        if not decision.targets:
            return NOBODY, decision.reason
        return decision.targets[0].tier_name, decision.reason

    def _is_too_long(self, call: ReplayCall, target: Target) -> bool:
        window = None if target.model is None else target.model.context_window
        return window is not None and call.context_tokens + LEAST_ROOM_TOKENS > window

    def _turn(self, call: ReplayCall, history: History, *, signed_thinking: bool) -> Turn:
        subagent = not call.is_main
        variables: dict[str, Value] = self._defaults.copy()
        variables["turn.kind"] = str(call.kind)
        variables["turn.agent"] = "subagent" if subagent else "main"
        variables["turn.context_tokens"] = call.context_tokens
        variables["turn.dialect"] = str(call.dialect)
        variables["turn.requested_model"] = call.model
        variables["session.calls_in_task"] = history.calls_in_prompt + 1
        variables["session.calls"] = history.calls + 1
        variables["session.cost_usd_micros"] = history.session_cost_usd_micros
        if call.signals:
            variables.update(call.signals)
        return Turn(
            dialect=call.dialect,
            requested_model=call.model,
            hint=call.hint or None,
            kind=call.kind,
            session=call.session + self._salt,
            subagent=subagent,
            has_tools=True,
            signed_thinking=signed_thinking,
            compacted=call.compacted,
            variables=variables,
            now_s=call.t_rel_s,
            context_tokens=lambda: call.context_tokens,
        )


class Unit(StrEnum):
    """What keeps its tier, once it is drawn, under a naive policy."""

    TURN = "free-per-turn"
    PROMPT = "sticky-per-prompt"
    SESSION = "sticky-per-session"


class DrawnPolicy:
    """The cheap tier for a share of the turns, prompts or sessions, drawn by lot; the expensive one for the rest."""

    def __init__(self, unit: Unit, share: float, tiers: tuple[str, str], draw: Callable[[], float]) -> None:
        """Draw anew.

        Args:
            share: of the units that the cheap tier serves, 0 to 1.
            tiers: the cheap one and the expensive one.
            draw: an even number in [0, 1), asked for once per unit, when the unit is first seen.
        """
        self._unit = unit
        self._share = share
        self._tiers = tiers
        self._draw = draw
        self._drawn: dict[Hashable, str] = {}

    def serve(self, call: ReplayCall, history: History) -> tuple[str, str]:
        """See :class:`Policy`."""
        if self._unit is Unit.TURN:
            return self._one(), self._unit
        key: Hashable = call.session
        if self._unit is Unit.PROMPT:
            key = (call.session, call.agent, call.prompt_idx)
        tier = self._drawn.get(key)
        if tier is None:
            tier = self._drawn[key] = self._one()
        return tier, self._unit

    def _one(self) -> str:
        cheap, expensive = self._tiers
        return cheap if self._draw() < self._share else expensive


class Always:
    """One tier for everything: the baseline."""

    def __init__(self, tier: str) -> None:
        self._tier = tier

    def serve(self, call: ReplayCall, history: History) -> tuple[str, str]:
        """See :class:`Policy`."""
        return self._tier, Reason.DEFAULT
