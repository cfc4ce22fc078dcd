"""What is wrong is said, and what is in force stays so."""

import copy

import orjson
import pytest
from router_world import World

from tierrouter_core.contract import ALLOWED_HOSTS, DOCUMENT_FILE, STABLE_FILE, STABLE_REVISION, active_name
from tierrouter_core.spend.price import Price, Rates
from tierrouter_operator.planning.kinds import CONFIG_MAP, REVISION, ROUTER, SECRET
from tierrouter_operator.planning.observed import Refusal
from tierrouter_operator.planning.writes import ApplyStatus, PostEvent, Replace


@pytest.fixture
def world() -> World:
    world = World()
    world.settle()
    return world


def break_provider(world: World) -> str:
    del world.providers["openai"]
    return 'no ModelProvider is named "openai"'


def break_model(world: World) -> str:
    world.spec["tiers"][0]["model"] = "kimi-k9"
    world.change()
    return "kimi-k9"


def break_rule(world: World) -> str:
    world.spec["rules"][0]["when"] = "task.sandboxed &&"
    world.change()
    return "spec.rules[0].when"


def break_name_in_rule(world: World) -> str:
    world.spec["rules"][0]["when"] = "task.sandboxde"
    world.change()
    return "sandboxde"


def break_default_tier(world: World) -> str:
    world.spec["defaultTier"] = "cheap"
    world.change()
    return "spec.defaultTier"


def break_baseline(world: World) -> str:
    world.spec["baselineModel"] = "gpt-unheard-of"
    world.change()
    return "no price is known for gpt-unheard-of"


def break_provider_itself(world: World) -> str:
    world.providers["openai"]["spec"]["requestDefaults"] = {"api_key": "sk-1"}
    return "ModelProvider/openai"


def break_secret_of_a_new_provider(world: World) -> str:
    other = copy.deepcopy(world.providers["openrouter"])
    other["metadata"] |= {"name": "other", "uid": "other"}
    other["spec"]["credential"]["secretRef"]["name"] = "nowhere"
    world.providers["other"] = other
    world.spec["tiers"][0]["provider"] = "other"
    world.change()
    return "there is no Secret nowhere"


def break_size(world: World) -> str:
    world.providers["openai"]["spec"]["requestDefaults"] = {"metadata": {"note": "x" * 500_000}}
    return "409600"


@pytest.mark.parametrize(
    "fault",
    [
        break_provider,
        break_model,
        break_rule,
        break_name_in_rule,
        break_default_tier,
        break_baseline,
        break_provider_itself,
        break_secret_of_a_new_provider,
        break_size,
    ],
)
def test_what_can_not_be_used_leaves_the_last_good_revision_and_says_what_is_wrong(world: World, fault) -> None:
    before, keys = copy.deepcopy(world.active), world.keys
    said = fault(world)
    world.settle()
    assert world.active["data"] == before["data"]
    assert world.keys == keys
    published = world.condition("ConfigPublished")
    assert published["status"] == "False"
    assert said in published["message"]
    assert "stays in force" in published["message"]
    assert world.condition("Ready")["status"] == "False"
    assert len(world.revisions) == 1
    assert [event.type for event in world.events].count("Warning") >= 1
    assert world.plan().writes == ()


def test_nothing_is_in_force_while_the_first_configuration_is_wrong() -> None:
    world = World()
    break_rule(world)
    world.settle()
    assert (CONFIG_MAP, active_name("coding")) not in world.objects
    assert "nothing is in force" in world.condition("ConfigPublished")["message"]
    assert "activeRevision" not in world.router["status"]
    world.spec["rules"][0]["when"] = "task.sandboxed"
    world.change()
    world.settle()
    assert world.condition("Ready")["status"] == "True"


def test_a_router_without_a_secret_is_published_without_that_key() -> None:
    world = World()
    del world.objects[SECRET, "openai"]
    world.settle()
    assert world.condition("ConfigPublished")["status"] == "True"
    providers = world.condition("ProvidersReady")
    assert (providers["status"], providers["reason"]) == ("False", "SecretMissing")
    assert "there is no Secret openai" in providers["message"]
    assert "openai.key" not in world.keys
    assert "openrouter.key" in world.keys
    world.add_secret("openai")
    world.settle()
    assert world.keys["openai.key"] == "key-of-openai"
    assert world.condition("Ready")["status"] == "True"


def test_a_rotated_key_reaches_the_pods_and_makes_no_revision(world: World) -> None:
    world.add_secret("openai", text="another")
    world.settle()
    assert world.keys["openai.key"] == "another"
    assert len(world.revisions) == 1


def test_a_deleted_secret_takes_its_key_from_the_pods(world: World) -> None:
    del world.objects[SECRET, "openai"]
    writes = world.settle()
    assert "openai.key" not in world.keys
    assert isinstance(writes[0], Replace), "an apply would leave what a POST wrote"


@pytest.mark.parametrize(
    ("allowed", "is_sent"),
    [
        ("api.openai.com", True),
        ("example.com, API.OpenAI.com", True),
        ("api.openai.com:443", True),
        ("api.openai.com:8443", False),
        ("openai.com", False),
        ("example.com", False),
        ("", False),
    ],
)
def test_a_key_goes_only_to_the_hosts_that_its_secret_allows(allowed: str, is_sent: bool) -> None:
    world = World()
    world.add_secret("openai", **{ALLOWED_HOSTS: allowed})
    world.settle()
    assert ("openai.key" in world.keys) is is_sent
    assert world.condition("ProvidersReady")["reason"] == ("ProvidersReady" if is_sent else "HostNotAllowed")


def test_a_pinned_revision_does_not_send_a_key_where_the_provider_no_longer_says(world: World) -> None:
    first = world.revisions[0]["metadata"]["name"]
    world.providers["openai"]["spec"]["baseURL"] = "https://elsewhere.example.com/v1"
    world.settle()
    world.spec["pinnedRevision"] = first
    world.change()
    world.settle()
    assert world.keys["openai.origin"] == "https://elsewhere.example.com"
    assert world.condition("ProvidersReady")["reason"] == "OriginChanged"
    assert world.condition("Ready")["status"] == "False"


@pytest.mark.parametrize("kind", [CONFIG_MAP, SECRET])
def test_an_object_of_somebody_else_is_never_touched(kind) -> None:
    world = World()
    name = "coding-active" if kind is CONFIG_MAP else "coding-credentials"
    foreign = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": name, "namespace": "agents"},
        "data": {"theirs": "eA=="},
    }
    world.put(kind, foreign)
    world.settle()
    assert world.objects[kind, name]["data"] == {"theirs": "eA=="}
    assert world.condition("ConfigPublished")["reason"] == "NameTaken"
    assert name in world.condition("ConfigPublished")["message"]
    del world.objects[kind, name]
    world.settle()
    assert world.condition("Ready")["status"] == "True"


@pytest.mark.parametrize("kind", [CONFIG_MAP, REVISION])
def test_a_revision_whose_name_is_taken_is_not_published(world: World, kind) -> None:
    world.threshold("file_count", 6)
    name = world.plan().writes[0].body["metadata"]["name"]
    foreign = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": name, "namespace": "agents"},
        "data": {DOCUMENT_FILE: "{}"},
        "spec": {"router": "coding"},
        "immutable": True,
    }
    world.put(kind, foreign)
    world.settle()
    assert world.condition("ConfigPublished")["reason"] == "NameTaken"
    assert "stays in force" in world.condition("ConfigPublished")["message"]
    assert world.stable["thresholds"]["file_count"] == 8
    assert world.plan().writes == ()


def test_children_of_a_deleted_router_of_the_same_name_are_waited_for(world: World) -> None:
    old = world.router
    old["metadata"] |= {"uid": "another", "generation": 1}
    old.pop("status")
    plan = world.plan()
    assert plan.look_again_after_s
    assert all(isinstance(write, ApplyStatus) for write in plan.writes)
    world.settle()
    assert world.condition("ConfigPublished")["reason"] == "WaitingForDeletion"
    for key in [key for key in world.objects if key[0] in (CONFIG_MAP, REVISION)]:
        del world.objects[key]
    del world.objects[SECRET, "coding-credentials"]
    world.settle()
    assert world.condition("Ready")["status"] == "True"


@pytest.mark.parametrize("data", [{}, {STABLE_FILE: "{}"}, {STABLE_FILE: "", "split.json": "nonsense"}])
def test_an_edited_active_config_map_is_put_right(world: World, data: dict[str, str]) -> None:
    before = world.active["data"][STABLE_FILE]
    world.active["data"] = data
    world.settle()
    assert world.active["data"][STABLE_FILE] == before
    assert "ChildRestored" in [event.reason for event in world.events]


def test_what_somebody_added_to_a_child_goes_and_their_labels_stay(world: World) -> None:
    world.active["data"]["canary.json"] = "{}"
    world.active["metadata"]["labels"]["theirs"] = "x"
    world.active["metadata"]["annotations"]["theirs"] = "y"
    world.settle()
    assert set(world.active["data"]) == {"stable.json", "split.json"}
    assert world.active["metadata"]["labels"]["theirs"] == "x"
    assert world.active["metadata"]["annotations"]["theirs"] == "y"


def test_a_deleted_active_config_map_comes_back_with_the_same_revision(world: World) -> None:
    world.threshold("file_count", 6)
    world.settle()
    before = copy.deepcopy(world.active)
    del world.objects[CONFIG_MAP, active_name("coding")]
    break_rule(world)
    world.settle()
    assert world.active["data"][STABLE_FILE] == before["data"][STABLE_FILE]
    assert orjson.loads(world.active["data"]["split.json"])["generation"] >= 2


def test_a_deleted_document_in_force_is_put_back_from_the_active_config_map(world: World) -> None:
    name = world.revisions[0]["metadata"]["name"]
    before = world.objects.pop((CONFIG_MAP, name))["data"]
    world.settle()
    assert world.objects[CONFIG_MAP, name]["data"] == before
    assert "DocumentRestored" in [event.reason for event in world.events]


def test_what_is_in_force_is_put_back_even_if_only_the_active_config_map_is_left(world: World) -> None:
    before = copy.deepcopy(world.revisions[0]["spec"])
    name = world.revisions[0]["metadata"]["name"]
    break_rule(world)
    del world.objects[REVISION, name]
    document = world.objects.pop((CONFIG_MAP, name))["data"]
    world.settle()
    assert world.revisions[0]["spec"] == before
    assert world.objects[CONFIG_MAP, name]["data"] == document
    assert "stays in force" in world.condition("ConfigPublished")["message"]


def test_a_pin_on_a_revision_whose_document_is_lost_says_so(world: World) -> None:
    first = world.revisions[0]["metadata"]["name"]
    world.threshold("file_count", 6)
    world.settle()
    del world.objects[CONFIG_MAP, first]
    world.spec["pinnedRevision"] = first
    world.change()
    world.settle()
    assert world.condition("ConfigPublished")["reason"] == "DocumentLost"
    assert world.stable["thresholds"]["file_count"] == 6


def test_a_lost_document_is_compiled_again_where_it_is_asked_for(world: World) -> None:
    first = world.revisions[0]["metadata"]["name"]
    world.threshold("file_count", 6)
    world.settle()
    del world.objects[CONFIG_MAP, first]
    world.threshold("file_count", 8)
    world.settle()
    assert world.active["metadata"]["annotations"][STABLE_REVISION] == first
    assert (CONFIG_MAP, first) in world.objects
    assert len(world.revisions) == 2


def test_a_revision_whose_lost_document_can_not_be_made_again_is_followed_by_a_new_one(world: World) -> None:
    first = world.revisions[0]["metadata"]["name"]
    world.threshold("file_count", 6)
    world.settle()
    del world.objects[CONFIG_MAP, first]
    for name, provider in world.providers.items():
        for model in provider["spec"]["models"]:
            if name == "openrouter":
                model.pop("priceUSDPerMTok", None)
    world.settle()
    world.threshold("file_count", 8)
    asked = {entry: Price(rates=Rates(input=1, output=2), above=(), source="configured") for entry in ()}
    world.prices = asked
    world.settle()
    assert world.condition("Ready")["status"] == "True"
    assert world.stable["thresholds"]["file_count"] == 8
    assert world.active["metadata"]["annotations"][STABLE_REVISION] != first


def test_what_the_api_server_refuses_is_said_and_ends_when_it_is_taken(world: World) -> None:
    world.threshold("file_count", 6)
    world.refused = Refusal("ConfigMap agents/coding-x", CONFIG_MAP, "exceeded quota: maps")
    plan = world.plan()
    assert all(isinstance(write, ApplyStatus | PostEvent) for write in plan.writes)
    world.settle()
    assert world.condition("ConfigPublished")["reason"] == "WriteRefused"
    assert "exceeded quota: maps" in world.condition("ConfigPublished")["message"]
    assert world.router["status"]["activeRevision"] == world.revisions[0]["metadata"]["name"]
    world.refused = None
    world.settle()
    assert world.condition("Ready")["status"] == "True"


def test_a_condition_keeps_its_time_while_its_status_stays(world: World) -> None:
    since = world.condition("Ready")["lastTransitionTime"]
    world.threshold("file_count", 6)
    world.settle()
    assert world.condition("Ready")["lastTransitionTime"] == since
    break_rule(world)
    world.settle()
    assert world.condition("Ready")["lastTransitionTime"] > since


def test_a_router_of_64_tiers_and_200_rules_is_published() -> None:
    world = World()
    tier, rule = world.spec["tiers"][0], world.spec["rules"][0]
    world.spec["tiers"] += [{**tier, "name": f"tier-{index}"} for index in range(59)]
    world.spec["rules"] += [
        {**rule, "name": f"rule-{index}", "when": f"task.file_count > {index}"} for index in range(195)
    ]
    world.put(ROUTER, world.router)
    world.settle()
    assert world.condition("Ready")["status"] == "True"
    assert len(world.stable["rules"]) == 200
