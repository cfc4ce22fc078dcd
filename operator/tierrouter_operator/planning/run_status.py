"""What is written into a run's status, so that nothing that stands there is lost by it.

Server-side apply takes away what an earlier apply of ours set and this one does not, so each body has all that is ours:
also the results that say why a cell has none. A result by a collector is its own. Each is made for the version
that was seen: where somebody has written meanwhile, it fails, and there is another plan.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from tierrouter_operator.planning.conditions import Judgement, condition, timestamp
from tierrouter_operator.planning.kinds import RUN, Obj
from tierrouter_operator.planning.run_seen import Run
from tierrouter_operator.planning.texts import shortened
from tierrouter_operator.planning.writes import ApplyStatus

_OURS: Final = ("phase", "startTime", "completionTime", "started", "decision")
_MAX_ERROR: Final = 2048


def run_status(
    run: Run, changes: Mapping[str, Any], judgements: Iterable[Judgement] = (), now: datetime | None = None
) -> ApplyStatus:
    """The write after which the run's status has these fields, and all that it had.

    Args:
        run: as it was observed.
        changes: fields of the status; ``results`` are added to those that stand.
        judgements: conditions that have changed.
        now: when they did.
    """
    status = run.status
    body: dict[str, Any] = {key: status[key] for key in _OURS if key in status}
    said = {each["name"]: each for each in status.get("results") or () if each.get("error")}
    said |= {each["name"]: each for each in changes.get("results") or ()}
    body |= {key: value for key, value in changes.items() if key != "results"}
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    if now is not None:
        conditions |= {str(each.type): condition(each, run.obj, now) for each in judgements}
    body["observedGeneration"] = run.obj["metadata"].get("generation", 0)
    if conditions:
        body["conditions"] = list(conditions.values())
    if said:
        body["results"] = list(said.values())
    return ApplyStatus(_body(run.obj, body))


def without_results(cell: str, error: str, now: datetime) -> Mapping[str, Any]:
    """A cell's entry in ``results`` that says why there are none."""
    return {
        "name": cell,
        "tasks": 0,
        "resolved": 0,
        "completionTime": timestamp(now),
        "error": shortened(error, _MAX_ERROR),
    }


def with_revision(run: Obj, revision: str) -> ApplyStatus:
    """The write after which a decided run names the revision that was made by its decision; it is set once."""
    seen = Run(run)
    return run_status(seen, {"decision": {**seen.decision, "revision": revision}})


def _body(run: Obj, status: Mapping[str, Any]) -> Obj:
    metadata = {
        key: run["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion") if key in run["metadata"]
    }
    return {"apiVersion": RUN.api_version, "kind": RUN.kind, "metadata": metadata, "status": dict(status)}
