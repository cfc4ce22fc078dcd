"""The ladder: what happened to a turn so far, and who is asked next, when, or what the client is told.

Values in, values out. A turn climbs down from the tier that was chosen: the same once more where that may help, then
the tiers that stand in for it, each passed over while its provider is left alone. The number of calls is bounded by
``failover.maxAttempts``, the time by ``failover.totalTimeout``; agents try again on their own, and what they are told
at the end makes them do so when it helps (:mod:`tierrouter_core.wire.failures`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tierrouter_core.failover.failure import Failure, FailureKind, Onward
from tierrouter_core.routing.targets import Target
from tierrouter_core.value_class import keyword_value_class, value_class
from tierrouter_core.wire.failures import DEFAULT_RETRY_AFTER_S, LONGEST_RETRY_AFTER_S, Meaning

LONGEST_WAIT_HERE_S = 2.0
"""A provider that wants to be left alone for longer is left alone; the turn goes on."""
_SHORTEST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 1.0


@value_class
class Tried:
    """One tier and what came of it."""

    target: Target
    failure: Failure
    called: bool = True
    """False where the provider was not asked."""


@value_class
class Absent:
    """A provider that is left alone."""

    message: str
    """Why, and for how long still."""
    wait_s: float
    final: bool = False
    """Waiting does not help: a credential, or a quota."""
    tried_now: bool = False
    """Its time is over and another turn is trying it."""


@keyword_value_class
class Walk:
    """A turn's way so far."""

    waiting: tuple[Target, ...]
    """Who may be asked next, in this order."""
    tried: tuple[Tried, ...] = ()
    again: Target | None = None
    """Who is asked once more before them."""
    pause_s: float = 0.0
    """How long to wait before that."""

    @property
    def calls(self) -> int:
        """How often a provider was asked."""
        return sum(each.called for each in self.tried)


@value_class
class Ask:
    """Ask this tier."""

    target: Target
    after_s: float = 0.0


@keyword_value_class
class GiveUp:
    """Tell the client."""

    meaning: Meaning | None
    """What it is told; None: what the provider in ``shown`` itself said."""
    message: str
    retry_after_s: int | None = None
    shown: Tried | None = None


Step = Ask | GiveUp


@keyword_value_class
class Elsewhere:
    """Who may serve a turn that its own tiers can't."""

    larger: Callable[[Target], Sequence[Target]]
    """Tiers with a larger window than this one, the cheapest rank first."""
    flagged: Callable[[], Target | None]
    """Whom the rules name for a turn whose output was flagged."""


def after(walk: Walk, tried_now: Tried, elsewhere: Elsewhere, *, jitter: float, most: int) -> Walk:
    """The way after a target has failed.

    Args:
        jitter: drawn from [0, 1).
        most: ``failover.maxAttempts``.
    """
    target, failure = tried_now.target, tried_now.failure
    tried = (*walk.tried, tried_now)
    rest = tuple(each for each in walk.waiting if each.key != target.key)
    walk = Walk(waiting=rest, tried=tried)
    if tried_now.called and _is_worth_another_try(walk, target, failure, most):
        return replace(walk, again=target, pause_s=_pause_s(failure, jitter))
    match failure.treatment.onward:
        case Onward.LARGER:
            larger = [each for each in elsewhere.larger(target) if not _was_tried(tried, each)]
            return replace(walk, waiting=tuple(larger))
        case Onward.FLAGGED:
            flagged = elsewhere.flagged()
            usable = flagged is not None and not _was_tried(tried, flagged)
            return replace(walk, waiting=(flagged,) if flagged is not None and usable else ())
        case Onward.NOWHERE if failure.kind is FailureKind.STOPPED or len({each.target.key for each in tried}) == 1:
            return replace(walk, waiting=())
    # Where another tier stands in, its objection says nothing of the request's own tier: the way goes on.
    return walk


def step(walk: Walk, absent: Callable[[Target], Absent | None], *, left_s: float, most: int) -> tuple[Walk, Step]:
    """Who is asked next; and the way, with those that were passed over.

    Args:
        absent: whether a target's provider is left alone.
        left_s: of ``failover.totalTimeout``.
        most: ``failover.maxAttempts``.
    """
    if walk.calls >= most or left_s <= 0:
        return walk, _give_up(walk)
    if walk.again is not None:
        why = absent(walk.again)
        # A circuit that has opened just now is not to be tried against.
        if walk.pause_s < left_s and (why is None or why.wait_s <= walk.pause_s):
            return walk, Ask(walk.again, walk.pause_s)
        walk = replace(walk, again=None)
    passed: list[Tried] = []
    being_tried: Target | None = None
    for target in walk.waiting:
        why = absent(target)
        if why is None:
            if target is walk.waiting[0]:
                return walk, Ask(target)
            left = walk.waiting[walk.waiting.index(target) :]
            return replace(walk, waiting=left, tried=(*walk.tried, *passed)), Ask(target)
        if why.tried_now and being_tried is None:
            being_tried = target
        failure = Failure(kind=FailureKind.AWAY, message=why.message, wait_s=why.wait_s, final=why.final)
        passed.append(Tried(target, failure, called=False))
    if being_tried is not None and not walk.calls:
        # Nobody else can serve, and its time is over: that another turn tries it too is no reason to refuse this one.
        kept = tuple(each for each in passed if each.target is not being_tried)
        return replace(walk, waiting=(being_tried,), tried=(*walk.tried, *kept)), Ask(being_tried)
    walk = replace(walk, waiting=(), tried=(*walk.tried, *passed))
    return walk, _give_up(walk)


def spills(target: Target, failure: Failure) -> bool:
    """Whether this is what the tier to spill to is there for: a model server that isn't ready refuses connections.

    It costs nothing to ask it again with the next turn, and it may be ready then.
    """
    return failure.kind is FailureKind.UNREACHABLE and target.tier is not None and bool(target.tier.spill_to)


def _is_worth_another_try(walk: Walk, target: Target, failure: Failure, most: int) -> bool:
    if not failure.treatment.again or any(each.target.key == target.key for each in walk.tried[:-1] if each.called):
        return False
    if failure.kind is FailureKind.THROTTLED and (failure.wait_s is None or failure.wait_s > LONGEST_WAIT_HERE_S):
        return False
    if spills(target, failure):
        return False
    # The last call belongs to another tier, where there is one; but what was wrong with ours is mended for good.
    return most - walk.calls > (1 if walk.waiting and failure.kind is not FailureKind.OPTION else 0)


def _pause_s(failure: Failure, jitter: float) -> float:
    if failure.kind in (FailureKind.REASONING, FailureKind.OPTION):
        return 0.0
    if failure.wait_s is not None and failure.wait_s <= LONGEST_WAIT_HERE_S:
        # When the time is over by which the provider's circuit leaves it alone, its jitter included.
        return 1.1 * failure.wait_s + 0.01
    return _SHORTEST_PAUSE_S + (_LONGEST_PAUSE_S - _SHORTEST_PAUSE_S) * jitter


def _was_tried(tried: Sequence[Tried], target: Target) -> bool:
    return any(each.target.key == target.key for each in tried)


def _give_up(walk: Walk) -> GiveUp:
    told = "; ".join(dict.fromkeys(f"{each.target.tier_name}: {each.failure.message}" for each in walk.tried))
    message = f"no tier could serve this turn ({told})" if told else "no time was left to ask anybody"
    meanings = [each.failure.shown for each in walk.tried]
    first = walk.tried[0] if walk.tried else None
    if first is not None and first.failure.treatment.shown is None:
        # The turn's own tier has said what is wrong with it, in words that agents know.
        return GiveUp(meaning=first.failure.shown, message=first.failure.message, shown=first)
    if Meaning.DRAINING in meanings:
        return GiveUp(meaning=Meaning.DRAINING, message=message)
    if Meaning.WAIT in meanings or not meanings:
        waits_s = [
            each.failure.wait_s
            for each in walk.tried
            if each.failure.shown is Meaning.WAIT and each.failure.wait_s is not None
        ]
        wait_s = min(waits_s, default=float(DEFAULT_RETRY_AFTER_S))
        bounded = min(LONGEST_RETRY_AFTER_S, max(1, round(wait_s + 0.49)))
        return GiveUp(meaning=Meaning.WAIT, message=message, retry_after_s=bounded)
    if Meaning.FINAL in meanings:
        return GiveUp(meaning=Meaning.FINAL, message=message)
    shown = next((each for each in walk.tried if each.failure.shown is None), None)
    if shown is not None:
        return GiveUp(meaning=None, message=message, shown=shown)
    return GiveUp(meaning=Meaning.NOT_SERVABLE, message=message)
