"""Events: seldom, short, and about the right object."""

from datetime import UTC, datetime

from tierrouter_core.contract import OPERATOR
from tierrouter_operator.events import BURST, NAMESPACE_BURST, NAMESPACE_REFILL_S, REFILL_S, SpamFilter, body_of
from tierrouter_operator.planning.writes import PostEvent

ROUTER = {
    "apiVersion": "tierrouter.dev/v1alpha1",
    "kind": "TierRouter",
    "metadata": {"name": "coding", "namespace": "agents", "uid": "u", "resourceVersion": "7"},
}


def event(message: str = "said") -> PostEvent:
    return PostEvent(ROUTER, "Normal", "RevisionCreated", message)


def test_the_same_is_said_once_in_five_minutes() -> None:
    spam = SpamFilter()
    assert spam.lets_through(event(), 0)
    assert not spam.lets_through(event(), 10)
    assert spam.lets_through(event(), 301)


def test_an_object_that_changes_all_the_time_gets_a_burst_of_events_and_then_few() -> None:
    spam = SpamFilter()
    assert sum(spam.lets_through(event(f"change {number}"), 0) for number in range(100)) == BURST
    assert spam.lets_through(event("later"), REFILL_S)
    assert not spam.lets_through(event("at once after it"), REFILL_S)


def test_a_flood_of_events_of_ever_other_objects_ends_at_the_namespaces_limit() -> None:
    def of(number: int, namespace: str = "agents") -> PostEvent:
        metadata = {"name": f"pod-{number}", "namespace": namespace, "uid": ""}
        about = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
        return PostEvent(about, "Warning", "SidecarNotInjected", "said")

    spam = SpamFilter(by_namespace=True)
    assert sum(spam.lets_through(of(number), 0) for number in range(1000)) == NAMESPACE_BURST
    assert spam.lets_through(of(0, "other"), 0), "another namespace has not lost its voice"
    assert spam.lets_through(of(2000), NAMESPACE_REFILL_S)
    assert not spam.lets_through(of(2001), NAMESPACE_REFILL_S)
    operators = SpamFilter()
    assert all(operators.lets_through(of(number), 0) for number in range(1000)), "which nobody else can make speak"


def test_an_event_names_its_object_and_who_says_it() -> None:
    body = body_of(event("x" * 2000), OPERATOR, "pod-1", datetime(2026, 1, 1, tzinfo=UTC))
    assert body["regarding"]["uid"] == "u"
    assert (body["reason"], body["type"], body["reportingInstance"]) == ("RevisionCreated", "Normal", "pod-1")
    assert body["eventTime"] == "2026-01-01T00:00:00.000000Z"
    assert len(body["note"]) <= 1024, "the API server's limit"
    assert body["metadata"]["namespace"] == "agents"
