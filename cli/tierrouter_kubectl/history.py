"""The story of a router: runs, what they decided, what was tried, what came into force. Newest last."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from tierrouter_cli.console import Output
from tierrouter_core.contract import ConditionType
from tierrouter_core.resources.revision import OriginType
from tierrouter_kubectl.cluster import Obj, RouterState
from tierrouter_kubectl.columns import print_columns

_COLOURS = {"Promoted": "green", "InForce": "green", "RolledBack": "yellow", "GivenUp": "yellow", "Failed": "red"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened."""

    time: str
    """UTC, as the API has it; empty where nobody wrote it down."""
    event: str
    """A word: the decision's action, what became of a rollout, or ``InForce``."""
    run: str = ""
    revision: str = ""
    message: str = ""

    @property
    def data(self) -> dict[str, str]:
        """For programs."""
        named = ("time", "event", "run", "revision", "message")
        return {name: getattr(self, name) for name in named}


def timeline(state: RouterState, runs: Sequence[Obj]) -> list[Moment]:
    """Everything that is still known, newest last; what has no time comes first."""
    numbers = {str(each["metadata"]["name"]): each["spec"]["number"] for each in state.revisions}
    moments = [*_of_runs(runs), *_of_revisions(state.revisions), *_of_rollout(state, runs)]
    order = {"InForce": 2}
    return sorted(moments, key=lambda each: (each.time, order.get(each.event, 1), numbers.get(each.revision, 0)))


def print_history(moments: Sequence[Moment], name: str) -> None:
    """A line for each, for people."""
    if not moments:
        Output().print(Text(f"{name}: nothing has happened yet"))
        return
    print_columns(
        ("time", "event", "run", "revision"),
        "what",
        [
            (
                (each.time or "-", Text(each.event, style=_COLOURS.get(each.event, "")), each.run, each.revision),
                each.message,
            )
            for each in moments
        ],
    )


def _of_runs(runs: Sequence[Obj]) -> Iterator[Moment]:
    for run in runs:
        status, name = _map(run.get("status")), str(run["metadata"]["name"])
        decision = _map(status.get("decision"))
        phase = str(status.get("phase") or "Pending")
        ended = str(status.get("completionTime") or "")
        if decision:
            message, revision = str(decision.get("reason") or ""), str(decision.get("revision") or "")
            yield Moment(time=ended, event=str(decision.get("action")), run=name, revision=revision, message=message)
        else:
            time = ended or str(status.get("startTime") or run["metadata"].get("creationTimestamp") or "")
            results = status.get("results") or ()
            message = f"{len(results)} of {len(run['spec'].get('matrix') or ())} cells have results"
            yield Moment(time=time, event=phase, run=name, message=message)
        settled = _settled(run)
        if settled:
            yield Moment(
                time=str(settled.get("lastTransitionTime") or ""),
                event=str(settled.get("reason") or ""),
                run=name,
                message=str(settled.get("message") or ""),
            )


def _of_revisions(revisions: Sequence[Obj]) -> Iterator[Moment]:
    for revision in revisions:
        origin, name = _map(revision["spec"].get("origin")), str(revision["metadata"]["name"])
        if origin.get("type") == OriginType.MANUAL:
            time, said = str(revision["metadata"].get("creationTimestamp") or ""), str(origin.get("message") or "")
            yield Moment(time=time, event="Proposed", revision=name, message=said)
        for each in _map(revision.get("status")).get("activations") or ():
            yield Moment(
                time=str(each.get("time") or ""),
                event="InForce",
                run=str(each.get("run") or ""),
                revision=name,
                message=f"{each.get('reason')}: {each.get('message') or ''}".rstrip(": "),
            )


def _of_rollout(state: RouterState, runs: Sequence[Obj]) -> Iterator[Moment]:
    """The newest rollout's beginning; and its end, where its run is gone and can't tell."""
    rollout = state.rollout
    if rollout is None:
        return
    by, name = {"run": rollout.run, "revision": rollout.revision}, f"{rollout.origin}: {rollout.message}"
    is_told = any(run["metadata"]["name"] == rollout.run and _settled(run) for run in runs)
    if rollout.is_live or not is_told:
        event = str(rollout.stage)
        yield Moment(time=rollout.ended or rollout.since, event=event, message=rollout.said or name, **by)


def _settled(run: Obj) -> Mapping[str, Any]:
    conditions = _map(run.get("status")).get("conditions") or ()
    return next((each for each in conditions if each.get("type") == ConditionType.ROLLOUT_SETTLED), {})


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
