"""Targets, failures and ways for the tests of failing over."""

from collections.abc import Mapping, Sequence
from typing import Any

from tierrouter_core.document.model import Model, Provider, Tier
from tierrouter_core.failover.failure import Failure, FailureKind, Said
from tierrouter_core.failover.ladder import Absent, Ask, Elsewhere, GiveUp, Tried, Walk, after, step
from tierrouter_core.names import Dialect
from tierrouter_core.routing.targets import Target

ALL = (Dialect.CHAT, Dialect.RESPONSES, Dialect.MESSAGES)


def target(
    name: str, *, window: int | None = None, spill_to: str = "", base_url: str = "https://a.example/v1"
) -> Target:
    """A tier of this name, with a model and a provider of its own."""
    model = Model(name=name, id=f"vendor/{name}", dialects=ALL, context_window=window)
    provider = Provider(name=f"{name}-provider", base_url=base_url, models={name: model})
    tier = Tier(name=name, rank=1, provider=provider.name, model=name, max_tokens=100, spill_to=spill_to)
    return Target(provider, model.id, model, tier)


def failure(kind: FailureKind, **more: Any) -> Failure:
    """One of this kind; what the provider said of it is there where the client is to see it."""
    made = Failure(kind=kind, message=f"it is {kind}", **more)
    if made.treatment.shown is None and made.said is None:
        return Failure(kind=kind, message=made.message, said=Said(status=400, dialect=Dialect.CHAT), **more)
    return made


def elsewhere(larger: Sequence[Target] = (), flagged: Target | None = None) -> Elsewhere:
    """Who may serve what its own tiers can't."""
    return Elsewhere(larger=lambda _: larger, flagged=lambda: flagged)


def walked(
    targets: Sequence[Target],
    happens: Mapping[str, Sequence[Failure]],
    *,
    most: int = 3,
    left_s: float = 100.0,
    away: Mapping[str, Absent] | None = None,
    others: Elsewhere | None = None,
) -> tuple[list[str], GiveUp | None]:
    """Who is asked, in this order, where ``happens`` says how each fails; and how it ends where nobody answers."""
    waiting = {name: list(failures) for name, failures in happens.items()}
    walk, asked = Walk(waiting=tuple(targets)), []
    while True:
        walk, now = step(walk, lambda each: (away or {}).get(each.tier_name), left_s=left_s, most=most)
        if isinstance(now, GiveUp):
            return asked, now
        assert isinstance(now, Ask)
        assert len(asked) < 20, "a way has an end"
        asked.append(now.target.tier_name)
        failures = waiting.get(now.target.tier_name, [])
        if not failures:
            return asked, None
        walk = after(walk, Tried(now.target, failures.pop(0)), others or elsewhere(), jitter=0.5, most=most)
