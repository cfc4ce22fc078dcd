"""What becomes of a router's local model: objects, what is put right, and what is said."""

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from router_world import Obj, World

from tierrouter_core.contract import ConditionReason, model_server_name
from tierrouter_core.resources.guards import LocalModel
from tierrouter_operator.planning.drift import holds
from tierrouter_operator.planning.kinds import (
    CLAIM,
    DEPLOYMENT,
    MODEL_SERVER,
    NETWORK_POLICY,
    SERVICE,
)
from tierrouter_operator.planning.local_model import CONTEXT_VARIABLE, shown_name
from tierrouter_operator.planning.model_server_state import (
    Address,
    PullProgress,
    Said,
    Step,
    from_pods,
    next_step,
    pull_failed,
)
from tierrouter_operator.planning.observed import Refusal
from tierrouter_operator.planning.writes import Apply, Create, Delete, Replace

NAME = model_server_name("coding")
LOCAL = LocalModel(model="qwen3.6:27b", context_length=65536)


@pytest.fixture
def world() -> World:
    """A router with the example's local model, and all that belongs to it."""
    world = World()
    world.spec["localModel"] = copy.deepcopy(world.local_model)
    world.settle()
    return world


def container(world: World) -> Obj:
    found: Obj = world.objects[DEPLOYMENT, NAME]["spec"]["template"]["spec"]["containers"][0]
    return found


def asked(world: World, **changes: Any) -> None:
    world.spec["localModel"] |= changes
    world.change()


def says(world: World, reason: ConditionReason, message: str = "so it is") -> None:
    world.said = Said(LocalModel(image="ollama/ollama:0.17.4", model="qwen3.6:27b"), reason, message)


def test_a_local_model_gets_all_that_it_needs_and_then_there_is_peace(world: World) -> None:
    assert {(kind, NAME) for kind in MODEL_SERVER} <= world.objects.keys()
    owners = {world.objects[kind, NAME]["metadata"]["ownerReferences"][0]["uid"] for kind in MODEL_SERVER}
    assert owners == {world.router["metadata"]["uid"]}
    assert world.settle() == []


def test_a_gpu_is_asked_for_and_its_taint_put_up_with(world: World) -> None:
    pod = world.objects[DEPLOYMENT, NAME]["spec"]["template"]["spec"]
    assert container(world)["resources"]["limits"] == {"nvidia.com/gpu": "1"}
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    asked(world, gpus=0, tolerations=[{"key": "pool", "value": "cpu"}], nodeSelector={"pool": "cpu"})
    world.settle()
    pod = world.objects[DEPLOYMENT, NAME]["spec"]["template"]["spec"]
    assert "limits" not in container(world)["resources"]
    assert pod["tolerations"] == [{"key": "pool", "operator": "Equal", "value": "cpu"}]
    assert pod["nodeSelector"] == {"pool": "cpu"}


def test_the_context_window_that_was_asked_for_is_what_ollama_is_told(world: World) -> None:
    environment = {each["name"]: each["value"] for each in container(world)["env"]}
    assert environment["OLLAMA_CONTEXT_LENGTH"] == "65536"
    assert environment["OLLAMA_KEEP_ALIVE"] == "-1"


def test_a_claim_of_the_users_own_is_used_and_none_is_made() -> None:
    world = World()
    world.spec["localModel"] = {**world.local_model, "existingClaim": "weights"}
    world.settle()
    assert (CLAIM, NAME) not in world.objects
    volumes = world.objects[DEPLOYMENT, NAME]["spec"]["template"]["spec"]["volumes"]
    assert volumes[0]["persistentVolumeClaim"] == {"claimName": "weights"}


@pytest.mark.parametrize("kind", MODEL_SERVER, ids=lambda kind: kind.kind)
def test_what_somebody_deletes_is_made_again(world: World, kind: Any) -> None:
    del world.objects[kind, NAME]
    assert [write for write in world.settle() if isinstance(write, Create)]
    assert (kind, NAME) in world.objects


def test_what_somebody_changes_is_put_right_and_what_they_add_is_let_be(world: World) -> None:
    container(world)["env"].append({"name": "OLLAMA_FLASH_ATTENTION", "value": "1"})
    world.objects[DEPLOYMENT, NAME]["spec"]["progressDeadlineSeconds"] = 600
    assert world.settle() == []
    container(world)["image"] = "mine:1"
    world.objects[DEPLOYMENT, NAME]["metadata"]["labels"]["theirs"] = "x"
    writes = world.settle()
    assert [type(write) for write in writes] == [Replace]
    assert container(world)["image"] == "ollama/ollama:0.17.4"
    assert world.objects[DEPLOYMENT, NAME]["metadata"]["labels"]["theirs"] == "x"
    assert world.objects[DEPLOYMENT, NAME]["spec"]["progressDeadlineSeconds"] == 600


def test_a_claim_grows_and_never_shrinks(world: World) -> None:
    asked(world, storage="80Gi")
    (write,) = (write for write in world.settle() if isinstance(write, Apply) and write.body["kind"] == CLAIM.kind)
    assert write.body["spec"] == {"resources": {"requests": {"storage": "80Gi"}}}
    asked(world, storage="40Gi")
    assert not [write for write in world.settle() if isinstance(write, Apply) and write.body["kind"] == CLAIM.kind]


@pytest.mark.parametrize("becomes", [None, {"runtime": "External"}], ids=["gone", "external"])
def test_what_is_no_longer_wanted_goes_except_for_the_weights(world: World, becomes: Obj | None) -> None:
    if becomes is None:
        del world.spec["localModel"]
    else:
        world.spec["localModel"] = becomes
    world.change()
    gone = [write.kind for write in world.settle() if isinstance(write, Delete)]
    assert sorted(kind.kind for kind in gone) == sorted(kind.kind for kind in MODEL_SERVER if kind is not CLAIM)
    assert (CLAIM, NAME) in world.objects


def test_somebody_elses_object_is_left_alone_and_the_router_serves_on() -> None:
    world = World()
    world.spec["localModel"] = world.local_model
    theirs = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME, "namespace": "agents"}, "spec": {}}
    world.put(SERVICE, copy.deepcopy(theirs))
    world.settle()
    assert world.objects[SERVICE, NAME]["spec"] == {}
    assert (DEPLOYMENT, NAME) not in world.objects
    condition = world.condition("ModelServerReady")
    assert (condition["status"], condition["reason"]) == ("False", "NameTaken")
    assert f"Service {NAME}" in condition["message"]
    assert world.condition("ConfigPublished")["status"] == "True"


def test_a_model_server_that_the_api_server_refuses_keeps_nothing_from_being_published(world: World) -> None:
    world.refused = Refusal(f"PersistentVolumeClaim agents/{NAME}", CLAIM, "exceeded quota: storage")
    world.threshold("file_count", 6)
    world.settle()
    condition = world.condition("ModelServerReady")
    assert condition["reason"] == "WriteRefused"
    assert "exceeded quota: storage" in condition["message"]
    assert world.condition("Ready")["status"] == "True"
    assert world.stable["thresholds"]["file_count"] == 6


def test_a_router_that_is_otherwise_wrong_keeps_its_model_server(world: World) -> None:
    world.spec["rules"].append({"name": "broken", "when": "task.nonsense >", "tier": "deep"})
    world.change()
    del world.objects[SERVICE, NAME]
    world.settle()
    assert (SERVICE, NAME) in world.objects
    assert world.condition("ConfigPublished")["status"] == "False"


def test_the_condition_follows_what_is_seen_and_events_tell_what_matters(world: World) -> None:
    assert world.condition("ModelServerReady")["reason"] == "NotObserved"
    before = len(world.events)
    says(world, ConditionReason.PULLING, "12 % of 17.4 GB")
    world.settle()
    assert world.condition("ModelServerReady")["message"] == "12 % of 17.4 GB"
    assert world.events[before:] == []
    says(world, ConditionReason.PULL_FAILED)
    world.settle()
    says(world, ConditionReason.LOADED)
    world.settle()
    assert world.condition("ModelServerReady")["status"] == "True"
    assert [event.reason for event in world.events[before:]] == ["ModelServerNotReady", "ModelServerReady"]


def test_a_router_without_a_local_model_needs_no_server() -> None:
    world = World()
    world.settle()
    assert not [key for key in world.objects if key[0] in MODEL_SERVER]
    condition = world.condition("ModelServerReady")
    assert (condition["status"], condition["reason"]) == ("True", "NotNeeded")


def test_only_pods_of_the_router_and_the_operator_reach_it(world: World) -> None:
    (rule,) = world.objects[NETWORK_POLICY, NAME]["spec"]["ingress"]
    assert rule["from"][0] == {"podSelector": {"matchLabels": {"tierrouter.dev/router": "coding"}}}
    assert rule["ports"] == [{"port": 11434, "protocol": "TCP"}]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(JSON, st.dictionaries(st.text(max_size=3), JSON, max_size=2))
def test_everything_holds_itself_and_whatever_is_added_to_it(value: Any, added: dict[str, Any]) -> None:
    assert holds(value, value)
    if isinstance(value, dict):
        assert holds({**added, **value}, value)


@pytest.mark.parametrize(
    ("found", "wanted", "is_held"),
    [
        ({"a": "1Gi"}, {"a": "1024Mi"}, True),
        ({"a": "2Gi"}, {"a": "1024Mi"}, False),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": [{"name": "x", "v": 1}, {"name": "y"}]}, {"a": [{"name": "x", "v": 1}]}, True),
        ({"a": [{"name": "y"}]}, {"a": [{"name": "x"}]}, False),
        ({}, {"a": None}, False),
        ({"a": "ab"}, {"a": ["a", "b"]}, False),
    ],
)
def test_a_default_is_no_difference_and_a_change_is_one(found: Obj, wanted: Obj, is_held: bool) -> None:
    assert holds(found, wanted) is is_held


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ("qwen3.6:27b", "qwen3.6:27b"),
        ("smollm2", "smollm2:latest"),
        ("library/smollm2", "smollm2:latest"),
        ("registry.ollama.ai/library/smollm2:135m", "smollm2:135m"),
        ("http://10.0.0.1:5000/team/smollm2", "10.0.0.1:5000/team/smollm2:latest"),
        ("hf.co/team/model:Q4", "hf.co/team/model:Q4"),
    ],
)
def test_a_model_is_looked_for_by_the_name_that_ollama_shows(model: str, shown: str) -> None:
    assert shown_name(model) == shown


def pod(**status: Any) -> Obj:
    return {
        "metadata": {"name": f"{NAME}-1", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"containers": [{"env": [{"name": CONTEXT_VARIABLE, "value": str(LOCAL.context_length)}]}]},
        "status": status,
    }


def waiting(reason: str, **more: Any) -> Obj:
    return pod(containerStatuses=[{"state": {"waiting": {"reason": reason, "message": "the words"}}, **more}])


def unscheduled(message: str) -> Obj:
    return pod(conditions=[{"type": "PodScheduled", "status": "False", "message": message}])


@pytest.mark.parametrize(
    ("found", "reason", "words"),
    [
        ([], ConditionReason.STARTING, "no pod yet"),
        ([waiting("ContainerCreating")], ConditionReason.STARTING, f"{NAME}-1 starts"),
        ([waiting("ImagePullBackOff")], ConditionReason.POD_FAILING, "ImagePullBackOff: the words"),
        (
            [waiting("CrashLoopBackOff", lastState={"terminated": {"reason": "OOMKilled"}})],
            ConditionReason.POD_FAILING,
            "CrashLoopBackOff after OOMKilled",
        ),
        ([unscheduled("1 Insufficient nvidia.com/gpu.")], ConditionReason.NO_GPU, "no node has 1 free nvidia.com/gpu"),
        ([unscheduled("1 Insufficient memory.")], ConditionReason.UNSCHEDULABLE, "Insufficient memory"),
        ([pod(phase="Failed", reason="Evicted")], ConditionReason.POD_FAILING, "Evicted"),
    ],
)
def test_a_server_without_an_address_says_why(found: list[Obj], reason: ConditionReason, words: str) -> None:
    said = from_pods(LOCAL, None, found)
    assert isinstance(said, Said)
    assert said.reason is reason
    assert words in said.message


def test_a_pod_that_can_not_be_made_says_what_the_api_server_said() -> None:
    refused = {"status": {"conditions": [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}]}}
    said = from_pods(LOCAL, refused, [])
    assert isinstance(said, Said)
    assert (said.reason, "exceeded quota" in said.message) == (ConditionReason.POD_FAILING, True)


def test_a_server_that_has_started_is_asked_and_one_that_ends_is_not() -> None:
    running = pod(podIP="10.0.0.1", containerStatuses=[{"started": True, "state": {"running": {}}}])
    assert from_pods(LOCAL, None, [running]) == Address("10.0.0.1", "u")
    running["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    said = from_pods(LOCAL, None, [running])
    assert isinstance(said, Said)
    assert said.reason is ConditionReason.STARTING


def test_a_pod_of_an_earlier_wish_is_not_judged_by_the_new_one() -> None:
    running = pod(podIP="10.0.0.1", containerStatuses=[{"started": True, "state": {"running": {}}}])
    said = from_pods(replace(LOCAL, context_length=2 * LOCAL.context_length), None, [running])
    assert isinstance(said, Said)
    assert (said.reason, said.message) == (ConditionReason.STARTING, "the pod before it ends")


def listed(**model: Any) -> Obj:
    return {"models": [{"name": "other:1"}, {"name": "qwen3.6:27b", **model}]}


@pytest.mark.parametrize(
    ("running", "there", "was_loaded_anew", "expected"),
    [
        ({"models": None}, {"models": None}, False, Step.PULL),
        ({"models": []}, listed(), False, Step.LOAD),
        (listed(context_length=4096), listed(), False, Step.LOAD),
        (listed(context_length=4096), listed(), True, ConditionReason.CONTEXT_TOO_SMALL),
        (listed(context_length=0), listed(), True, ConditionReason.LOADING),
        (listed(context_length=65536), listed(), False, ConditionReason.LOADED),
        ("nonsense", ["nonsense"], False, Step.PULL),
    ],
)
def test_what_has_to_be_done_next_follows_from_what_ollama_lists(
    running: Any, there: Any, was_loaded_anew: bool, expected: Step | ConditionReason
) -> None:
    found = next_step(LOCAL, running, there, was_loaded_anew=was_loaded_anew)
    assert (found.reason if isinstance(found, Said) else found) is expected


def test_a_model_that_is_only_partly_on_the_gpu_is_said_to_be_slow() -> None:
    said = next_step(LOCAL, listed(context_length=65536, size=100, size_vram=40), None, was_loaded_anew=True)
    assert isinstance(said, Said)
    assert "only 40 % of it" in said.message


def test_a_pull_says_how_far_it_is_and_why_it_failed() -> None:
    progress = PullProgress(LOCAL)
    assert progress.said.message == "qwen3.6:27b is being pulled"
    for line in (
        {"status": "pulling manifest"},
        {"status": "pulling a", "digest": "sha256:a", "total": 3_000_000_000, "completed": 1_500_000_000},
        {"status": "pulling b", "digest": "sha256:b", "total": 1_000_000_000},
        "nonsense",
    ):
        progress.take(line)
    assert progress.said.message == "qwen3.6:27b is being pulled: 37 % of 4.0 GB"
    assert not progress.is_done
    progress.take({"error": "write /x: no space left on device"})
    assert pull_failed(LOCAL, progress.error).reason is ConditionReason.DISK_FULL
    assert pull_failed(LOCAL, "file does not exist").reason is ConditionReason.PULL_FAILED
