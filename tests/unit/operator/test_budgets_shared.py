"""Whether limits that are meant for all pods hold for all of them: the status says so."""

from typing import Any

import pytest

from tierrouter_operator.planning.statuses import _budgets


@pytest.mark.parametrize(
    ("spec", "status", "says"),
    [
        ({}, "True", "no limit is meant for several pods together"),
        ({"budgets": [{"name": "a", "limitUSD": "1"}]}, "True", "no limit"),
        ({"deepShare": {"action": "Alert"}}, "True", "no limit"),
        ({"budgets": [{"name": "a", "scope": "Router"}]}, "False", "budget a: each pod's sidecar"),
        (
            {"budgets": [{"name": "a", "scope": "Router"}], "deepShare": {"action": "RequireHint"}},
            "False",
            "budget a, deepShare: each pod's sidecar counts its own turns",
        ),
    ],
)
def test_a_limit_that_each_pod_counts_for_itself_is_said(spec: dict[str, Any], status: str, says: str) -> None:
    judgement = _budgets({"spec": spec})
    assert judgement.status == status
    assert says in judgement.message
