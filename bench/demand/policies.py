"""Naive policies under the same marks, and what one would cost that knew all that is to come."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from tierrouter_core.replay.cache import PromptCaches, Seat
from tierrouter_core.replay.calls import ReplayCall
from tierrouter_core.replay.policy import History
from tierrouter_core.replay.tariff import UNITS_PER_USD


class StickyPerPrompt:
    """Marked prompts on the expensive tier, all others on the cheap one."""

    def __init__(self, cheap: str) -> None:
        self._cheap = cheap

    def serve(self, call: ReplayCall, history: History) -> tuple[str, str]:
        """The tier and the reason."""
        return call.hint or self._cheap, "prompt"


class StickyPerSession:
    """Sessions with a marked prompt on the expensive tier from their first call on."""

    def __init__(self, cheap: str, calls: Iterable[ReplayCall]) -> None:
        self._cheap = cheap
        self._hot = {call.session: call.hint for call in calls if call.hint}

    def serve(self, call: ReplayCall, history: History) -> tuple[str, str]:
        """The tier and the reason."""
        return self._hot.get(call.session, self._cheap), "session"


def least_usd(calls: Sequence[ReplayCall], seats: Mapping[str, Seat], cheap: str, dear: str) -> float:
    """The least that the calls cost where marked prompts are on ``dear``, and each other prompt on the better of two.

    By dynamic programming over each agent's prompts: what a prompt costs on a tier depends on which one that tier has
    served last, since that is what its cache holds.
    """
    agents: dict[tuple[str, str], list[ReplayCall]] = {}
    for call in calls:
        agents.setdefault((call.session, call.agent), []).append(call)
    return sum(_least_units(own, (seats[cheap], seats[dear])) for own in agents.values()) / UNITS_PER_USD


def _least_units(calls: Sequence[ReplayCall], seats: tuple[Seat, Seat]) -> int:
    prompts = [list(own) for _, own in groupby(calls, key=lambda call: call.prompt_idx)]
    # By the last prompt that each of the two tiers has served (-1: none): the least cost so far.
    best: dict[tuple[int, int], int] = {(-1, -1): 0}
    known: dict[tuple[int, int, int], int] = {}
    for place, prompt in enumerate(prompts):
        after: dict[tuple[int, int], int] = {}
        for state, cost in best.items():
            for tier in (1,) if prompt[0].hint else (0, 1):
                key = (place, tier, state[tier])
                if key not in known:
                    before = prompts[state[tier]][-1] if state[tier] >= 0 else None
                    known[key] = _units(prompt, seats[tier], before)
                new = (place, state[1]) if tier == 0 else (state[0], place)
                total = cost + known[key]
                if total < after.get(new, total + 1):
                    after[new] = total
        best = after
    return min(best.values())


def _units(prompt: Sequence[ReplayCall], seat: Seat, before: ReplayCall | None) -> int:
    """What a prompt costs on a tier whose cache holds what it had with ``before``."""
    caches = PromptCaches()
    if before is not None:
        caches.read(seat, before.context_tokens, before.t_rel_s)
    assert seat.tariff is not None
    units = 0
    for call in prompt:
        context = call.context_tokens
        read = caches.read(seat, context, call.t_rel_s)
        rates = seat.tariff.rates_for(context)
        fresh = rates.write if context >= seat.min_tokens else rates.input
        units += read * rates.read + (context - read) * fresh + call.output_tokens * rates.output
    return units
