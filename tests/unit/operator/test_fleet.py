"""What a router's status says of its pods."""

from typing import Any

from tierrouter_operator.planning.sidecars import (
    NOTHING_SEEN,
    Census,
    Fleet,
    Laggard,
    SidecarReport,
    fleet_counts,
    fleet_judgements,
)

NOW = "coding-1111111111"
BEFORE = "coding-0000000000"


def router(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "coding"}, "status": status}


def said(found: dict[str, Any], fleet: Fleet) -> dict[str, tuple[str, str, str]]:
    return {str(each.type): (each.status, each.reason, each.message) for each in fleet_judgements(found, fleet, NOW)}


def report(*laggards: Laggard, sidecars: int = 3, asked_for: str = NOW) -> Fleet:
    return Fleet(SidecarReport(asked_for=asked_for, sidecars=sidecars, laggards=laggards), Census())


def test_before_anything_was_looked_at_nothing_is_claimed() -> None:
    judged = said(router(), NOTHING_SEEN)
    assert {each[:2] for each in judged.values()} == {("Unknown", "NotObserved")}
    assert fleet_counts(router(), NOTHING_SEEN, NOW) == {"sidecars": None, "sidecarsUpToDate": None}


def test_all_that_serve_what_is_in_force_are_up_to_date() -> None:
    assert said(router(), report())["SidecarsUpToDate"][:2] == ("True", "UpToDate")
    assert fleet_counts(router(), report(), NOW) == {"sidecars": 3, "sidecarsUpToDate": 3}


def test_a_laggard_is_named_with_what_it_says() -> None:
    fleet = report(Laggard("agent-1", f"serves {BEFORE}"))
    assert said(router(), fleet)["SidecarsUpToDate"] == (
        "False",
        "Lagging",
        f"1 of 3 do not serve {NOW}: agent-1: serves {BEFORE}",
    )
    assert fleet_counts(router(), fleet, NOW) == {"sidecars": 3, "sidecarsUpToDate": 2}


def test_many_laggards_are_counted_and_five_named() -> None:
    fleet = report(*(Laggard(f"agent-{number}", "does not answer") for number in range(8)), sidecars=9)
    message = said(router(), fleet)["SidecarsUpToDate"][2]
    assert "agent-4" in message and "agent-5" not in message and message.endswith("and 3 more")


def test_while_a_change_is_under_way_the_status_says_what_it_said() -> None:
    condition = {"type": "SidecarsUpToDate", "status": "False", "reason": "Lagging", "message": "1 of 3 ..."}
    found = router(conditions=[condition], sidecars=3, sidecarsUpToDate=2)
    fleet = report(asked_for=BEFORE)
    assert said(found, fleet)["SidecarsUpToDate"] == ("False", "Lagging", "1 of 3 ...")
    assert fleet_counts(found, fleet, NOW) == {"sidecars": 3, "sidecarsUpToDate": 2}


def test_a_reason_of_another_version_is_not_repeated() -> None:
    condition = {"type": "SidecarsUpToDate", "status": "False", "reason": "SomethingNew", "message": "x"}
    assert said(router(conditions=[condition]), NOTHING_SEEN)["SidecarsUpToDate"][:2] == ("Unknown", "NotObserved")


def test_pods_without_the_sidecar_that_they_asked_for_are_named() -> None:
    fleet = Fleet(None, Census(("a", "b")))
    status, reason, message = said(router(), fleet)["InjectionHealthy"]
    assert (status, reason) == ("False", "PodsNotInjected")
    assert message.startswith("2 pods asked for a sidecar and run without one: a, b;")
