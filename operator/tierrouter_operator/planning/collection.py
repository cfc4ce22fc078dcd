"""Which revisions have been kept long enough."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from tierrouter_core.contract import active_name
from tierrouter_operator.planning.children import is_ours
from tierrouter_operator.planning.history import History, Revision
from tierrouter_operator.planning.kinds import CONFIG_MAP, REVISION, Obj
from tierrouter_operator.planning.observed import Observed
from tierrouter_operator.planning.writes import DeleteRevisions

QUIET_S = 2.0
"""Collecting waits until no revision was made for so long: changes often come in a row, and requests are dear."""
MOST_IN_EXCESS = 50
"""With so many to collect it waits no longer."""
_AT_ONCE = 50
"""Names in one request: its label selector is part of a URL."""


def excess(revisions: Sequence[Revision], limit: int, protected: Collection[str]) -> tuple[Revision, ...]:
    """The revisions (newest first) beyond the newest ``limit``, less those that something still needs."""
    return tuple(revision for revision in revisions[limit:] if revision.name not in protected)


def collect(
    observed: Observed, history: History, kept: Sequence[Revision], protected: Collection[str]
) -> tuple[list[DeleteRevisions], float | None]:
    """Deletions that are due, or in how many seconds to look again.

    Args:
        observed: what there is.
        history: the router's.
        kept: every revision that there is after the plan's other writes, newest first.
        protected: names that are in use.
    """
    limit = int(observed.router["spec"].get("revisionHistoryLimit") or 10)
    old = [revision.name for revision in excess(kept, limit, protected)]
    known = {revision.name for revision in kept}
    orphans = sorted(
        name
        for name, obj in observed.config_maps.items()
        if name not in known and name != active_name(observed.router["metadata"]["name"])
        if is_ours(obj, observed.router)
    )
    if not old and not orphans:
        return [], None
    age = _quiet_for_s(observed, history)
    if age < QUIET_S and len(old) + len(orphans) < MOST_IN_EXCESS:
        return [], QUIET_S - age + 0.1
    namespace, router = observed.router["metadata"]["namespace"], observed.router["metadata"]["name"]
    deletions = []
    # First the revision: one without a document would look like a loss.
    for kind, names in ((REVISION, old), (CONFIG_MAP, [*old, *orphans])):
        for start in range(0, len(names), _AT_ONCE):
            batch = tuple(names[start : start + _AT_ONCE])
            deletions.append(DeleteRevisions(kind, namespace, router, batch))
    return deletions, None


def _quiet_for_s(observed: Observed, history: History) -> float:
    objs = [*(revision.obj for revision in history.revisions[:1]), *observed.config_maps.values()]
    newest = max((time for time in map(_made_at, objs) if time is not None), default=None)
    # Creation times are whole seconds: one more, so as not to be early.
    return QUIET_S if newest is None else (observed.now - newest - timedelta(seconds=1)).total_seconds()


def _made_at(obj: Obj | None) -> datetime | None:
    text = "" if obj is None else str(obj["metadata"].get("creationTimestamp") or "")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
