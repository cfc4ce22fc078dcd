"""What a sidecar asks of its node, in namespaces with bounds and without."""

from decimal import Decimal
from typing import Any

import pytest
from agent_pods import container, pod
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_operator.injection.quantities import amount
from tierrouter_operator.injection.resources import Resources, resources_for

USUAL = Resources()


def limit_range(**bounds: dict[str, str]) -> dict[str, Any]:
    return {"spec": {"limits": [{"type": "Container", **bounds}, {"type": "Pod", "max": {"cpu": "1m"}}]}}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("100m", "0.1"),
        ("1", "1"),
        ("1.5", "1.5"),
        ("64Mi", "67108864"),
        ("1k", "1000"),
        ("1e3", "1000"),
        ("2E", "2e18"),
    ],
)
def test_quantities_are_read_as_kubernetes_reads_them(text: str, number: str) -> None:
    assert amount(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "x", "1x", "1..2", "Mi", "--1"])
def test_what_is_no_quantity_is_none(text: str) -> None:
    assert amount(text) is None


def test_requests_are_always_set() -> None:
    found = resources_for(pod(), USUAL, [], [])
    assert found == {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}}


def test_a_guaranteed_pod_stays_guaranteed() -> None:
    same = {"cpu": "1", "memory": "1Gi"}
    guaranteed = pod(
        container(resources={"limits": same}), container("b", resources={"limits": same, "requests": same})
    )
    found = resources_for(guaranteed, USUAL, [], [])
    assert found["requests"] == found["limits"] == {"cpu": "250m", "memory": "256Mi"}


def test_a_quota_on_limits_gets_the_limits_it_wants() -> None:
    found = resources_for(pod(), USUAL, [], [{"spec": {"hard": {"limits.cpu": "10", "pods": "5"}}}])
    assert found["limits"] == {"cpu": "1", "memory": "256Mi"}


def test_a_default_limit_below_what_is_asked_for_is_not_left_to_apply() -> None:
    found = resources_for(pod(), USUAL, [limit_range(default={"cpu": "20m"})], [])
    assert found["limits"]["cpu"] == "50m"


def test_bounds_of_a_limit_range_are_kept_to() -> None:
    bounds = limit_range(min={"cpu": "100m", "memory": "128Mi"}, max={"cpu": "200m", "memory": "200Mi"})
    found = resources_for(pod(), USUAL, [bounds], [])
    assert found == {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "200Mi", "cpu": "200m"}}


def test_a_ratio_between_limit_and_request_is_kept_to() -> None:
    found = resources_for(pod(), USUAL, [limit_range(maxLimitRequestRatio={"memory": "2"})], [])
    assert found["requests"]["memory"] == found["limits"]["memory"] == "256Mi"


sizes = st.sampled_from(["", "10m", "50m", "100m", "1", "2"])


@given(sizes, sizes, sizes, st.booleans())
def test_no_limit_is_ever_below_its_request(lowest: str, highest: str, default: str, is_guaranteed: bool) -> None:
    if amount(lowest) and amount(highest) and (amount(lowest) or 0) > (amount(highest) or 0):
        lowest = ""
    bounds = {"min": lowest, "max": highest, "default": default}
    item = limit_range(**{key: {"cpu": value} for key, value in bounds.items() if value})
    limits = {"limits": {"cpu": "1", "memory": "1Gi"}}
    found = resources_for(pod(container(resources=limits) if is_guaranteed else container()), USUAL, [item], [])
    for name, limit in found["limits"].items():
        assert (amount(limit) or 0) >= (amount(found["requests"][name]) or 0)
    if highest:
        assert (amount(found["limits"]["cpu"]) or 0) <= (amount(highest) or 0)
    assert (amount(found["requests"]["cpu"]) or 0) >= (amount(lowest) or 0)
