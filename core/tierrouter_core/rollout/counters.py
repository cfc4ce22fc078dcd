"""What sidecars have told of a trial, added up: nothing is lost when one restarts or ends, nothing counted twice.

Each process of a sidecar has an ``instance`` of its own and counts from nothing. So what is kept is the last that each
instance has said: a restarted sidecar is another instance, one that can't be asked keeps what it said last, and one
that ends keeps it for good. What it counted after it was last asked is missing; how many that may be is told.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tierrouter_core.rollout.arms import Arm, Arms, added_up, arm_from_json, arm_from_numbers, arm_to_json

MOST_ENDED: Final = 200
"""Instances that are known one by one after their end, in case one was only out of reach."""
MOST_BYTES: Final = 64 * 1024
"""Of what is written down: it stands in an annotation."""
_BYTES_PER_NUMBER = 12


@dataclass(frozen=True, slots=True)
class Told:
    """What one sidecar says of a trial."""

    instance: str
    arms: Arms


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that is known of a trial's counts."""

    by_pod: Mapping[str, str] = field(default_factory=dict)
    """The instance that each pod ran when it was last asked."""
    by_instance: Mapping[str, Arms] = field(default_factory=dict)
    """The last that each instance has said, the longest known first."""
    folded: Arms = field(default_factory=Arms)
    """Of instances that ended long ago."""
    ended: int = 0
    """Instances that are there no more: what they did after they were last asked is counted nowhere."""

    @property
    def arms(self) -> Arms:
        """The sum of all."""
        return added_up((self.folded, *self.by_instance.values()))


def told_from_status(status: Any, trial: str) -> Told | None:
    """What a sidecar's ``/status`` says of ``trial``; None where it says nothing of it, or nothing that can be read."""
    counters = status.get("counters") if isinstance(status, Mapping) else None
    if not isinstance(counters, Mapping):
        return None
    instance, found = counters.get("instance"), counters.get("trial")
    if not isinstance(instance, str) or not instance or not isinstance(found, Mapping) or found.get("id") != trial:
        return None
    arms = found.get("arms")
    try:
        return None if not isinstance(arms, Mapping) else Told(instance, arms_from_json(arms))
    except ValueError:
        return None


def after_look(before: Gathered, told: Mapping[str, Told | None], running: Collection[str]) -> Gathered:
    """What is known after the pods were asked once more.

    Args:
        before: what was known.
        told: what each pod said, by its uid; None, or no entry, for one that gave no answer.
        running: the uids of all pods that run now.
    """
    by_pod, by_instance, ended = dict(before.by_pod), dict(before.by_instance), before.ended
    for pod in sorted(told):
        said = told[pod]
        if said is None:
            continue
        if by_pod.get(pod, said.instance) != said.instance:
            ended += 1
        by_pod[pod] = said.instance
        known = by_instance.get(said.instance)
        if known is None or not went_back(known, said.arms):
            by_instance[said.instance] = said.arms
    for pod in sorted(by_pod.keys() - set(running)):
        del by_pod[pod]
        ended += 1
    return _with_old_ones_folded(Gathered(by_pod, by_instance, before.folded, ended), MOST_ENDED)


def went_back(known: Arms, said: Arms) -> bool:
    """Whether an instance says less than before: counts only grow, so an old answer came late, or it is wrong."""
    return any(
        now < before
        for mine, its in ((known.stable, said.stable), (known.canary, said.canary))
        for before, now in zip(mine.numbers(), its.numbers(), strict=True)
    )


def _with_old_ones_folded(gathered: Gathered, most: int) -> Gathered:
    live = set(gathered.by_pod.values())
    gone = [instance for instance in gathered.by_instance if instance not in live]
    surplus = gone[: max(0, len(gone) - most)]
    if not surplus:
        return gathered
    folded = added_up((gathered.folded, *(gathered.by_instance[instance] for instance in surplus)))
    kept = {name: arms for name, arms in gathered.by_instance.items() if name not in set(surplus)}
    return Gathered(gathered.by_pod, kept, folded, gathered.ended)


def arms_to_json(arms: Arms) -> dict[str, Any]:
    """As ``/status`` shows it."""
    return {"stable": arm_to_json(arms.stable), "canary": arm_to_json(arms.canary)}


def arms_from_json(data: Mapping[str, Any]) -> Arms:
    """The inverse; ValueError for what no sidecar says."""
    return Arms(arm_from_json(data.get("stable", {})), arm_from_json(data.get("canary", {})))


def gathered_to_json(gathered: Gathered, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """To be written down, in some ``most_bytes`` or less.

    Where there are too many, instances that ended are added up; then the running ones that were known longest are left
    out: they say it all again when they are asked, and are missing only if they end before that.
    """
    numbers = 2 * len(Arm().numbers())
    room = max(0, most_bytes // (numbers * _BYTES_PER_NUMBER // 2 + 120))
    gathered = _with_old_ones_folded(gathered, max(0, room - len(gathered.by_pod)))
    kept = dict(list(gathered.by_instance.items())[-room:]) if room else {}
    return {
        "byPod": {pod: instance for pod, instance in gathered.by_pod.items() if instance in kept},
        "byInstance": {name: arms_to_numbers(arms) for name, arms in kept.items()},
        "folded": arms_to_numbers(gathered.folded),
        "ended": gathered.ended,
    }


def gathered_from_json(data: Any) -> Gathered:
    """The inverse of :func:`gathered_to_json`; ValueError where somebody else has written it."""
    try:
        by_pod = {str(pod): str(instance) for pod, instance in data["byPod"].items()}
        by_instance = {str(name): arms_from_numbers(numbers) for name, numbers in data["byInstance"].items()}
        return Gathered(by_pod, by_instance, arms_from_numbers(data["folded"]), int(data["ended"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this was not written by the operator: {error!r}") from None


def arms_to_numbers(arms: Arms) -> list[list[int]]:
    """As little room as both sides can take in JSON."""
    return [arms.stable.numbers(), arms.canary.numbers()]


def arms_from_numbers(numbers: Any) -> Arms:
    """The inverse; ValueError for what no counts can be."""
    try:
        stable, canary = numbers
        return Arms(arm_from_numbers(stable), arm_from_numbers(canary))
    except TypeError as error:
        raise ValueError(f"these are not the counts of two sides: {error}") from None
