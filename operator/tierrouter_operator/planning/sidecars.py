"""What was seen of a router's sidecars, and what its status says of that."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tierrouter_core.contract import ConditionReason, ConditionType
from tierrouter_operator.planning.conditions import Judgement, as_before
from tierrouter_operator.planning.kinds import Obj

_NAMED = 5
_NUMBERS = re.compile(r"(\d+)\.(\d+)\.(\d+)")


class SidecarState(StrEnum):
    """How a sidecar stands to the revision in force: a label of ``tierrouter_operator_sidecars``."""

    CURRENT = "current"
    LAGGING = "lagging"
    REFUSING = "refusing"
    """It was given something that it can't serve."""
    SILENT = "silent"
    """It can't be asked."""


@dataclass(frozen=True, slots=True)
class Laggard:
    """A sidecar that does not serve what it should."""

    pod: str
    says: str
    """What it serves, or why that is not known."""
    state: SidecarState = SidecarState.LAGGING


@dataclass(frozen=True, slots=True)
class Outdated:
    """A sidecar that the operator can no longer be expected to serve for ever."""

    pod: str
    says: str
    """What of it is old."""
    is_unreadable: bool
    """Whether it can't read what the operator writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarReport:
    """One look at all running sidecars of a router."""

    asked_for: str
    """The revision that was in force then."""
    sidecars: int = 0
    laggards: tuple[Laggard, ...] = ()
    served: frozenset[str] = frozenset()
    """Every revision that one of them serves."""
    outdated: tuple[Outdated, ...] = ()


@dataclass(frozen=True, slots=True)
class Census:
    """One look at which pods have the sidecar that they asked for."""

    without: tuple[str, ...] = ()
    """Running pods that asked for a sidecar of this router and have none."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted of one trial."""

    trial: str
    counts: Any
    """As the analysis gathers them."""
    prometheus: str | None = None
    """Why what Prometheus counts is not used, in words that follow its name; empty where it is, None where the operator
    was told of none."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """All that is known of the pods of one router; what is None was not looked at yet."""

    report: SidecarReport | None = None
    census: Census | None = None
    counted: Counted | None = None


NOTHING_SEEN = Fleet()


def fleet_judgements(router: Obj, fleet: Fleet, in_force: str) -> Sequence[Judgement]:
    """Whether sidecars are up to date, and whether pods got one; as it was said before where there is nothing new."""
    return (
        _up_to_date(router, fleet.report, in_force),
        _outdated(router, fleet.report),
        _healthy(router, fleet.census),
    )


def outdated(pod: str, *, version: str, schema: str, ours: str, written: str) -> Outdated | None:
    """Whether a pod's sidecar is older than the operator, or reads another format than it writes.

    Args:
        pod: its name.
        version: of its sidecar, as the webhook has noted it; empty where nobody has.
        schema: major.minor that the sidecar says it reads; empty where it does not say.
        ours: the operator's version.
        written: major.minor of the documents that the operator writes.
    """
    reads, writes = schema.partition(".")[0], written.partition(".")[0]
    if reads and reads != writes:
        return Outdated(pod, f"reads schema {schema}", is_unreadable=True)
    found, newest = _NUMBERS.match(version), _NUMBERS.match(ours)
    if found is None or newest is None:
        return None
    is_older = [int(number) for number in found.groups()] < [int(number) for number in newest.groups()]
    return Outdated(pod, version, is_unreadable=False) if is_older else None


def fleet_counts(router: Obj, fleet: Fleet, in_force: str) -> Mapping[str, int | None]:
    """How many sidecars there are, and how many serve what is in force."""
    report, found = fleet.report, router.get("status") or {}
    if report is None or report.asked_for != in_force:
        return {name: found.get(name) for name in ("sidecars", "sidecarsUpToDate")}
    return {"sidecars": report.sidecars, "sidecarsUpToDate": report.sidecars - len(report.laggards)}


def _up_to_date(router: Obj, report: SidecarReport | None, in_force: str) -> Judgement:
    type_ = ConditionType.SIDECARS_UP_TO_DATE
    if report is None or report.asked_for != in_force:
        # A change is under way: what was said is said until it has been looked at.
        return as_before(router, type_, "sidecars are not asked yet what they serve")
    if not report.sidecars:
        return Judgement(type_, "True", ConditionReason.NO_SIDECARS, "no running pod has a sidecar of this router")
    if not report.laggards:
        return Judgement(type_, "True", ConditionReason.UP_TO_DATE, "every sidecar serves the revision in force")
    named = "; ".join(f"{laggard.pod}: {laggard.says}" for laggard in report.laggards[:_NAMED])
    more = len(report.laggards) - _NAMED
    message = f"{len(report.laggards)} of {report.sidecars} do not serve {in_force}: {named}"
    return Judgement(type_, "False", ConditionReason.LAGGING, message + (f"; and {more} more" if more > 0 else ""))


def _outdated(router: Obj, report: SidecarReport | None) -> Judgement:
    """The one condition of which False is the good state."""
    type_ = ConditionType.SIDECARS_OUTDATED
    if report is None:
        return as_before(router, type_, "sidecars are not looked at yet")
    if not report.sidecars:
        return Judgement(type_, "False", ConditionReason.NO_SIDECARS, "no running pod has a sidecar of this router")
    if not report.outdated:
        return Judgement(type_, "False", ConditionReason.CURRENT, "no sidecar is older than the operator")
    unreadable = [each for each in report.outdated if each.is_unreadable]
    # What can't be read comes first, for that is what does not work.
    ordered = [*unreadable, *(each for each in report.outdated if not each.is_unreadable)]
    named = "; ".join(f"{each.pod}: {each.says}" for each in ordered[:_NAMED])
    more = f"; and {len(ordered) - _NAMED} more" if len(ordered) > _NAMED else ""
    if unreadable:
        what, reason = "can't read, or are older than, what this operator writes", ConditionReason.OTHER_SCHEMA
    else:
        what, reason = "are older than this operator", ConditionReason.OLDER_VERSION
    message = f"{len(ordered)} of {report.sidecars} sidecars {what}: {named}{more}; make their pods again"
    return Judgement(type_, "True", reason, message)


def _healthy(router: Obj, census: Census | None) -> Judgement:
    type_ = ConditionType.INJECTION_HEALTHY
    if census is None:
        return as_before(router, type_, "pods are not looked at yet")
    if not census.without:
        message = "every running pod that asked for a sidecar of this router has one"
        return Judgement(type_, "True", ConditionReason.INJECTED, message)
    named = ", ".join(census.without[:_NAMED])
    more = len(census.without) - _NAMED
    pods, run = ("pod", "runs") if len(census.without) == 1 else ("pods", "run")
    message = (
        f"{len(census.without)} {pods} asked for a sidecar and {run} without one: {named}"
        f"{f' and {more} more' if more > 0 else ''}; see their events, and whether the webhook runs, "
        "then make them again"
    )
    return Judgement(type_, "False", ConditionReason.PODS_NOT_INJECTED, message)
