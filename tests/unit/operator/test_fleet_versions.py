"""Which sidecars are too old, and that pods which are ending are nobody's business."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tierrouter_core import __version__
from tierrouter_core.contract import is_bad
from tierrouter_operator.metrics import Metrics
from tierrouter_operator.planning.kinds import ROUTER, Key
from tierrouter_operator.planning.sidecars import Fleet, Outdated, SidecarReport, fleet_judgements, outdated
from tierrouter_operator.sidecars import Sidecars
from tierrouter_operator.store import Store

Obj = dict[str, Any]
CODING = Key(ROUTER, "agents", "coding")
REVISION = "coding-1111111111"


def judged(*old: Outdated, sidecars: int = 3) -> tuple[str, str, str]:
    fleet = Fleet(SidecarReport(asked_for="r", sidecars=sidecars, outdated=old))
    (found,) = (each for each in fleet_judgements({}, fleet, "r") if each.type == "SidecarsOutdated")
    return found.status, found.reason, found.message


@pytest.mark.parametrize(
    ("version", "schema", "says"),
    [
        ("0.9.1", "1.0", "0.9.1"),
        ("0.10.0", "1.0", ""),
        ("0.10.0rc1", "1.0", ""),
        ("0.11.0", "1.0", ""),
        ("0.10.0", "1.7", ""),
        ("0.10.0", "2.0", "reads schema 2.0"),
        ("0.9.1", "0.4", "reads schema 0.4"),
        ("", "", ""),
        ("main", "1.0", ""),
    ],
)
def test_a_sidecar_is_outdated_by_an_older_version_or_another_major(version: str, schema: str, says: str) -> None:
    found = outdated("agent-0", version=version, schema=schema, ours="0.10.0", written="1.2")
    assert (found.says if found else "") == says


def test_outdated_sidecars_are_named_those_that_can_not_read_first() -> None:
    old = Outdated("agent-0", "0.0.9", is_unreadable=False)
    assert judged(old) == (
        "True",
        "OlderVersion",
        "1 of 3 sidecars are older than this operator: agent-0: 0.0.9; make their pods again",
    )
    status, reason, message = judged(old, Outdated("agent-1", "reads schema 0.4", is_unreadable=True))
    assert (status, reason) == ("True", "OtherSchema")
    assert "agent-1: reads schema 0.4; agent-0: 0.0.9" in message


def test_where_nothing_is_old_the_condition_is_false_which_is_well() -> None:
    assert judged()[:2] == ("False", "Current")
    assert judged(sidecars=0)[:2] == ("False", "NoSidecars")


def pod(name: str, **metadata: Any) -> Obj:
    return {
        "metadata": {
            "name": name,
            "namespace": "agents",
            "uid": f"uid-of-{name}",
            "labels": {"tierrouter.dev/router": "coding", "tierrouter.dev/inject": "true"},
            "annotations": {"tierrouter.dev/injected": "true", "tierrouter.dev/sidecar-version": "0.0.1"},
            **metadata,
        },
        "spec": {"containers": [], "initContainers": [{"name": "tierrouter"}]},
        "status": {"phase": "Running"},
    }


class Pods:
    """As much of the API server as is asked for pods."""

    def __init__(self, *pods: Obj) -> None:
        self.pods = pods
        self.poked: list[str] = []

    async def list(self, path: str, *, labels: str = "", **unused: Any) -> AsyncIterator[Obj]:
        if path.endswith("/pods"):
            for each in self.pods:
                if labels.startswith("!") != ("tierrouter.dev/router" in each["metadata"]["labels"]):
                    yield each

    async def merge(self, path: str, body: Obj) -> None:
        self.poked.append(path.rpartition("/")[2])


async def looked_at(*pods: Obj) -> Fleet:
    """What one look at these pods finds."""
    store = Store()
    router = {
        "metadata": {"name": "coding", "namespace": "agents", "resourceVersion": "1"},
        "status": {"activeRevision": REVISION},
    }
    store.put(CODING, router)
    sidecars = Sidecars(Pods(*pods), store, lambda key: None, Metrics(), ())  # type: ignore[arg-type]
    await sidecars._census()
    return sidecars.of(CODING)


async def test_pods_that_are_ending_are_not_counted() -> None:
    ending = pod("ending", deletionTimestamp="2026-01-01T00:00:00Z")
    over = {**pod("over"), "status": {"phase": "Succeeded"}}
    fleet = await looked_at(pod("agent"), ending, over)
    assert fleet.report is not None
    assert fleet.report.sidecars == 1
    assert [laggard.pod for laggard in fleet.report.laggards] == ["agent"]


async def test_pods_that_are_ending_are_not_missed_either() -> None:
    bare: Obj = {"annotations": {}, "labels": {"tierrouter.dev/inject": "true"}}
    ending = pod("ending", **bare, deletionTimestamp="2026-01-01T00:00:00Z")
    fleet = await looked_at(pod("bare", **bare), ending)
    assert fleet.census is not None
    assert fleet.census.without == ("bare",)


async def test_a_pod_that_was_made_by_an_older_webhook_is_outdated() -> None:
    new = pod("new")
    new["metadata"]["annotations"]["tierrouter.dev/sidecar-version"] = __version__
    fleet = await looked_at(pod("old"), new)
    assert fleet.report is not None
    assert fleet.report.outdated == (Outdated("old", "0.0.1", is_unreadable=False),)


@pytest.mark.parametrize("status", ["True", "False"])
def test_of_all_conditions_this_one_is_bad_where_it_is_true(status: str) -> None:
    assert is_bad("SidecarsOutdated", status) == (status == "True")
    assert is_bad("SidecarsUpToDate", status) == (status == "False")
    assert not is_bad("SidecarsOutdated", "Unknown")
