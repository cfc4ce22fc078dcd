"""The kinds that stand in no router file are read by the same reader, as the API server keeps them."""

from typing import Any

import pytest

from crd_case import BASES, merged
from tierrouter_core.resources.fields import Reading, read
from tierrouter_core.resources.regression import RegressionSuite
from tierrouter_core.resources.regression_run import Cell, RegressionRun, RunSource
from tierrouter_core.resources.revision import OriginType, Phase, RouterRevision
from tierrouter_core.resources.yaml_text import RawDocument

STORED = {"metadata": {"namespace": "agents", "uid": "1", "resourceVersion": "7", "generation": 1}}


def reading_of(cls: type[Any], base: str, **change: Any) -> Reading[Any]:
    document = merged(merged(BASES[base], STORED), change)
    return read(cls, RawDocument(source="cluster", index=1, value=document, marks={}), base)


def test_a_revision_is_read_as_the_api_server_gives_it() -> None:
    status = {
        "phase": "Active",
        "activations": [{"time": "2026-01-31T23:59:59Z", "reason": "Promotion", "run": "nightly-1"}],
    }
    reading = reading_of(RouterRevision, "revision", status=status)
    assert reading.problems == ()
    revision = reading.value
    assert (revision.metadata.namespace, revision.spec.number) == ("agents", 1)
    assert revision.spec.base.thresholds == {"file_count": 8}
    assert revision.spec.origin.type is OriginType.SPEC_CHANGE
    assert revision.status.phase is Phase.ACTIVE
    assert revision.status.activations[0].run == "nightly-1"


def test_a_revision_without_a_status_is_a_candidate() -> None:
    assert reading_of(RouterRevision, "revision").value.status.phase is Phase.CANDIDATE


def test_a_suite_is_read_with_the_policy_of_the_article_by_default() -> None:
    policy = reading_of(RegressionSuite, "suite").value.spec.policy
    assert (policy.promote_at_percent, policy.regress_below_percent, policy.tier_floor_percent) == (95, 95, 92)


def test_a_run_is_read_with_its_matrix() -> None:
    spec = reading_of(RegressionRun, "run").value.spec
    assert spec.source is RunSource.SCHEDULE
    assert spec.matrix[1] == Cell(
        name="routine-tiny", tier="routine", provider="vendor", model="tiny", is_candidate=True
    )


@pytest.mark.parametrize(
    ("cls", "base", "change", "path"),
    [
        (RouterRevision, "revision", {"spec": {"inputsDigest": "0123"}}, "spec.inputsDigest"),
        (RouterRevision, "revision", {"spec": {"overlay": None}}, "spec.overlay"),
        (RouterRevision, "revision", {"spec": {"base": {"tiers": {"Deep": "large"}}}}, "spec.base.tiers.Deep"),
        (RegressionSuite, "suite", {"spec": {"schedule": "0 3 * *"}}, "spec.schedule"),
        (RegressionRun, "run", {"spec": {"matrix": []}}, "spec.matrix"),
    ],
)
def test_what_is_wrong_is_said_with_its_path(cls: type[Any], base: str, change: dict[str, Any], path: str) -> None:
    (problem,) = reading_of(cls, base, **change).problems
    assert problem.path == path
