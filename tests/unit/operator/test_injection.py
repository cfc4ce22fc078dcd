"""What the webhook makes of a pod."""

import json
import tomllib
from copy import deepcopy
from typing import Any

import jsonpatch
import pytest
from agent_pods import IMAGE, ONE_ROUTER, container, env_of, pod, sidecar_of
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.contract import InjectionReason
from tierrouter_operator.injection.agents import Windows
from tierrouter_operator.injection.asked import Chosen, chosen_router
from tierrouter_operator.injection.inject import Namespace, RouterFacts, inject

R = InjectionReason
LABEL, NAME = "tierrouter.dev/inject", "tierrouter.dev/router"


@pytest.mark.parametrize(
    ("of_pod", "of_namespace", "routers", "expected"),
    [
        ({}, {}, ["coding"], R.NOT_ASKED_FOR),
        ({LABEL: "true"}, {}, ["coding"], "coding"),
        ({LABEL: "other"}, {}, ["coding"], "other"),
        ({LABEL: "other"}, {LABEL: "coding"}, ["coding"], "other"),
        ({}, {LABEL: "true"}, ["coding"], "coding"),
        ({}, {LABEL: "coding"}, ["coding", "b"], "coding"),
        ({}, {LABEL: "true", NAME: "b"}, ["coding", "b"], "b"),
        ({LABEL: "false"}, {LABEL: "true"}, ["coding"], R.OPTED_OUT),
        ({LABEL: "true"}, {LABEL: "false"}, ["coding"], "coding"),
        ({}, {LABEL: "false"}, ["coding"], R.NOT_ASKED_FOR),
        ({LABEL: "true", NAME: "b"}, {}, ["coding", "b"], "b"),
        ({LABEL: "coding", NAME: "b"}, {}, ["coding", "b"], R.AMBIGUOUS_ROUTER),
        ({LABEL: "true"}, {}, ["coding", "b"], R.AMBIGUOUS_ROUTER),
        ({LABEL: "true"}, {}, [], R.NO_ROUTER),
        ({LABEL: "coding"}, {}, [], "coding"),
        ({LABEL: "coding"}, {}, None, "coding"),
        ({LABEL: "true"}, {}, None, R.FAILED),
        ({LABEL: "Coding_1"}, {}, ["coding"], R.INVALID_NAME),
        ({LABEL: "a" * 41}, {}, ["coding"], R.INVALID_NAME),
        ({NAME: "coding"}, {}, ["coding"], R.NOT_ASKED_FOR),
    ],
)
def test_labels_choose_the_router(of_pod: Any, of_namespace: Any, routers: Any, expected: str) -> None:
    chosen = chosen_router(of_pod, of_namespace, routers)
    assert (chosen.router if isinstance(chosen, Chosen) else chosen.reason) == expected


def test_a_router_is_never_guessed_and_the_message_says_what_to_write() -> None:
    result = inject(pod(), Namespace(routers={"a": RouterFacts(), "b": RouterFacts()}), IMAGE)
    assert result.pod["spec"] == pod()["spec"]
    assert result.message == "there are several routers, a, b; set the label tierrouter.dev/inject to the name of one"


def test_the_sidecar_is_native_restricted_and_alone_with_the_keys() -> None:
    result = inject(pod(container(), container("other")), ONE_ROUTER, IMAGE)
    sidecar = sidecar_of(result.pod)
    assert result.reason == R.INJECTED and result.warnings == ()
    assert result.pod["spec"]["initContainers"][0] is sidecar
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert sidecar["startupProbe"]["httpGet"] == {"path": "/startedz", "port": 9464, "scheme": "HTTP"}
    volumes = {volume["name"]: volume for volume in result.pod["spec"]["volumes"]}
    assert volumes["tierrouter-credentials"]["secret"]["secretName"] == "coding-credentials"
    assert volumes["tierrouter-config"]["configMap"]["name"] == "coding-active"
    for each in result.pod["spec"]["containers"]:
        assert not any(mount["name"].startswith("tierrouter") for mount in each.get("volumeMounts", ()))


def test_an_empty_volume_covers_the_place_of_the_service_accounts_token() -> None:
    result = inject(pod(), ONE_ROUTER, IMAGE)
    mounts = {mount["mountPath"]: mount for mount in sidecar_of(result.pod)["volumeMounts"]}
    token = mounts["/var/run/secrets/kubernetes.io/serviceaccount"]
    assert token["readOnly"]
    assert next(v for v in result.pod["spec"]["volumes"] if v["name"] == token["name"])["emptyDir"] is not None


def test_the_pod_says_what_was_done_with_it() -> None:
    result = inject(pod(annotations={"theirs": "x"}), ONE_ROUTER, IMAGE)
    metadata = result.pod["metadata"]
    assert metadata["labels"] == {LABEL: "true", NAME: "coding"}
    assert metadata["annotations"] == {
        "theirs": "x",
        "tierrouter.dev/injected": "true",
        "tierrouter.dev/sidecar-version": "1.2.3",
        "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes": "tierrouter-state,tierrouter-no-token",
    }


def test_volumes_that_a_user_called_dispensable_stay_so() -> None:
    key = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
    result = inject(pod(annotations={key: "scratch"}), ONE_ROUTER, IMAGE)
    assert result.pod["metadata"]["annotations"][key] == "scratch,tierrouter-state,tierrouter-no-token"


def test_every_container_is_told_where_the_sidecar_is() -> None:
    first = container("setup")
    result = inject(pod(container(), container("other"), initContainers=[first]), ONE_ROUTER, IMAGE)
    expected = {
        "OPENAI_BASE_URL": "http://127.0.0.1:8383/v1",
        "OPENAI_API_BASE": "http://127.0.0.1:8383/v1",
        "OPENAI_API_KEY": "tierrouter",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:8383",
        "ANTHROPIC_API_KEY": "tierrouter",
    }
    assert env_of(result.pod) == env_of(result.pod, "other") == expected
    setup = result.pod["spec"]["initContainers"][1]
    assert setup["name"] == "setup" and setup["env"]


def test_what_a_user_set_is_never_overridden() -> None:
    mine = {"OPENAI_BASE_URL": "https://mine.example/v1", "ANTHROPIC_AUTH_TOKEN": "own"}
    result = inject(pod(container(env=mine)), ONE_ROUTER, IMAGE)
    found = env_of(result.pod)
    assert found == {**mine, "ANTHROPIC_BASE_URL": "http://127.0.0.1:8383"}, "no key beside a foreign address"
    assert result.warnings == ("container agent sets OPENAI_BASE_URL itself; what it sends there is not routed",)


def test_a_container_with_env_from_gets_variables_only_when_asked() -> None:
    theirs = container(envFrom=[{"secretRef": {"name": "env"}}])
    result = inject(pod(theirs), ONE_ROUTER, IMAGE)
    assert env_of(result.pod) == {}
    assert "has envFrom and gets no variables from us" in result.warnings[0]
    asked = inject(pod(theirs, annotations={"tierrouter.dev/override-env-from": "true"}), ONE_ROUTER, IMAGE)
    assert env_of(asked.pod)["OPENAI_BASE_URL"] and asked.warnings == ()


def test_only_the_containers_that_are_named_get_variables() -> None:
    annotations = {"tierrouter.dev/containers": "agent, second"}
    result = inject(pod(container(), container("other"), annotations=annotations), ONE_ROUTER, IMAGE)
    assert env_of(result.pod) and not env_of(result.pod, "other")


@pytest.mark.parametrize(
    ("env", "added", "warned"),
    [
        ({"HTTPS_PROXY": "http://p"}, {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}, 0),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "a,127.0.0.1"}, {}, 0),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, {}, 0),
        ({"http_proxy": "http://p", "no_proxy": "10.0.0.0/8"}, {}, 1),
        ({}, {}, 0),
    ],
)
def test_a_proxy_is_kept_out_of_the_way(env: dict[str, str], added: dict[str, str], warned: int) -> None:
    result = inject(pod(container(env=env)), ONE_ROUTER, IMAGE)
    found = env_of(result.pod)
    assert {name: found[name] for name in ("NO_PROXY", "no_proxy") if name in found and name not in env} == added
    assert sum("add it" in warning for warning in result.warnings) == warned


def test_claude_code_gets_its_settings() -> None:
    found = env_of(inject(pod(annotations={"tierrouter.dev/agent": "claude-code"}), ONE_ROUTER, IMAGE).pod)
    assert found["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:8383" and found["ANTHROPIC_AUTH_TOKEN"]
    assert "ANTHROPIC_API_KEY" not in found
    assert found["CLAUDE_CODE_MAX_RETRIES"] == "2"


def test_codex_gets_its_settings_as_a_file_of_the_machine() -> None:
    result = inject(pod(annotations={"tierrouter.dev/agent": "codex"}), ONE_ROUTER, IMAGE)
    settings = tomllib.loads(result.pod["metadata"]["annotations"]["tierrouter.dev/codex-config"])
    provider = settings["model_providers"][settings["model_provider"]]
    assert provider["base_url"] == "http://127.0.0.1:8383/v1" and provider["wire_api"] == "responses"
    mounts = result.pod["spec"]["containers"][0]["volumeMounts"]
    assert mounts == [{"name": "tierrouter-codex", "mountPath": "/etc/codex", "readOnly": True}]
    volume = next(v for v in result.pod["spec"]["volumes"] if v["name"] == "tierrouter-codex")
    assert volume["downwardAPI"]["items"][0]["path"] == "config.toml"


def test_codex_settings_of_a_users_own_stay() -> None:
    mine = container(volumeMounts=[{"name": "mine", "mountPath": "/etc/codex/"}])
    result = inject(pod(mine, annotations={"tierrouter.dev/agent": "codex"}), ONE_ROUTER, IMAGE)
    assert result.pod["spec"]["containers"][0]["volumeMounts"] == mine["volumeMounts"]
    assert "has something of its own at /etc/codex" in result.warnings[0]


def test_opencode_learns_the_smallest_window() -> None:
    namespace = Namespace(routers={"coding": RouterFacts(windows=Windows(65_536, 8_192))})
    found = env_of(inject(pod(annotations={"tierrouter.dev/agent": "opencode"}), namespace, IMAGE).pod)
    settings = json.loads(found["OPENCODE_CONFIG_CONTENT"])
    assert settings["provider"]["tierrouter"]["models"]["auto"]["limit"] == {"context": 65_536, "output": 8_192}
    assert settings["provider"]["tierrouter"]["options"]["baseURL"] == "http://127.0.0.1:8383/v1"


def test_an_unknown_agent_is_told_of_and_the_pod_injected() -> None:
    result = inject(pod(annotations={"tierrouter.dev/agent": "cursor"}), ONE_ROUTER, IMAGE)
    assert result.reason == R.INJECTED
    assert '"cursor" is none of claude-code, codex, opencode' in result.warnings[0]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"hostNetwork": True}, R.HOST_NETWORK),
        ({"shareProcessNamespace": True}, R.SHARED_PROCESSES),
        ({"hostPID": True}, R.SHARED_PROCESSES),
        ({"os": {"name": "windows"}}, R.WINDOWS),
        ({"containers": [container(ports=[{"containerPort": 8383}])]}, R.PORT_TAKEN),
        ({"containers": [container(ports=[{"containerPort": 9464}])]}, R.PORT_TAKEN),
        ({"containers": [container("tierrouter")]}, R.NAME_TAKEN),
        ({"volumes": [{"name": "tierrouter-state", "emptyDir": {}}]}, R.NAME_TAKEN),
    ],
)
def test_a_pod_that_cannot_have_a_sidecar_stays_as_it_is_and_says_why(changed: Any, reason: R) -> None:
    before = pod(**changed) if "containers" not in changed else pod(*changed["containers"])
    result = inject(before, ONE_ROUTER, IMAGE)
    assert result.reason == reason and result.pod is before and result.message


def test_a_router_that_is_yet_to_come_is_waited_for() -> None:
    result = inject(pod(inject="coding"), Namespace(routers={}), IMAGE)
    assert result.reason == R.INJECTED and result.lacks_router
    assert result.warnings == ("there is no TierRouter coding yet; the sidecar waits for it",)


def test_a_pod_that_runs_as_root_does_not_make_the_sidecar_root() -> None:
    result = inject(pod(securityContext={"runAsUser": 0}), ONE_ROUTER, IMAGE)
    assert sidecar_of(result.pod)["securityContext"]["runAsUser"] == 65532
    other = inject(pod(securityContext={"runAsUser": 1000}), ONE_ROUTER, IMAGE)
    assert "runAsUser" not in sidecar_of(other.pod)["securityContext"]


def test_a_claim_keeps_each_pods_ledger_in_a_folder_of_its_own() -> None:
    namespace = Namespace(routers={"coding": RouterFacts(ledger_claim="ledger")})
    result = inject(pod(), namespace, IMAGE)
    mount = next(m for m in sidecar_of(result.pod)["volumeMounts"] if m["name"] == "tierrouter-state")
    assert mount["subPathExpr"] == "$(POD_NAME)"
    volume = next(v for v in result.pod["spec"]["volumes"] if v["name"] == "tierrouter-state")
    assert volume["persistentVolumeClaim"] == {"claimName": "ledger"}


names = st.sampled_from(["agent", "a", "b", "tierrouter", "setup"])
values = st.dictionaries(
    st.sampled_from(["OPENAI_BASE_URL", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "NO_PROXY", "HTTP_PROXY", "X"]),
    st.sampled_from(["", "x", "http://127.0.0.1:8383/v1"]),
)
containers = st.lists(st.builds(container, names, values), min_size=1, max_size=3, unique_by=lambda each: each["name"])
pods = st.builds(
    lambda found, before, wish, agent: pod(
        *found,
        inject=wish,
        annotations={"tierrouter.dev/agent": agent} if agent else None,
        **({"initContainers": before} if before else {}),
    ),
    containers,
    containers,
    st.sampled_from(["true", "false", "coding", "b", None]),
    st.sampled_from(["", "codex", "claude-code", "opencode", "x"]),
)
namespaces = st.sampled_from([ONE_ROUTER, Namespace(routers={}), Namespace(labels={LABEL: "true"}, routers=None)])


@given(pods, namespaces)
def test_injecting_twice_is_injecting_once(given_pod: Any, namespace: Namespace) -> None:
    before = deepcopy(given_pod)
    once = inject(given_pod, namespace, IMAGE)
    assert given_pod == before, "nothing that is given is changed"
    twice = inject(once.pod, namespace, IMAGE)
    assert twice.pod is once.pod
    assert jsonpatch.apply_patch(before, jsonpatch.make_patch(before, once.pod)) == once.pod


@given(pods, namespaces)
def test_whatever_a_pod_says_itself_stays(given_pod: Any, namespace: Namespace) -> None:
    after = inject(given_pod, namespace, IMAGE).pod
    for key in ("containers", "initContainers"):
        kept = {each["name"]: each for each in after["spec"].get(key, ())}
        for each in given_pod["spec"].get(key, ()):
            found = kept[each["name"]]
            assert all(found[field] == value for field, value in each.items() if field not in ("env", "volumeMounts"))
            assert found.get("env", [])[: len(each.get("env", []))] == each.get("env", [])
    assert after["metadata"]["labels"].items() >= given_pod["metadata"]["labels"].items()


TOKEN = {"valueFrom": {"secretKeyRef": {"name": "agent-token", "key": "token"}}, "name": "TIERROUTER_TOKEN"}


def test_a_token_is_shown_by_the_containers_that_are_named_and_stands_in_no_object() -> None:
    annotations = {"tierrouter.dev/token-secret": "agent-token", "tierrouter.dev/containers": "agent"}
    result = inject(pod(container(), container("other"), annotations=annotations), ONE_ROUTER, IMAGE)
    assert result.warnings == ()
    assert TOKEN in sidecar_of(result.pod)["env"]
    assert result.pod["spec"]["containers"][0]["env"][0] == TOKEN, "what names it comes after it"
    found = env_of(result.pod)
    assert {found["OPENAI_API_KEY"], found["ANTHROPIC_API_KEY"]} == {"$(TIERROUTER_TOKEN)"}
    assert not env_of(result.pod, "other")


def test_every_agents_settings_show_the_token() -> None:
    for agent, name in (("claude-code", "ANTHROPIC_AUTH_TOKEN"), ("codex", "OPENAI_API_KEY")):
        annotations = {"tierrouter.dev/token-secret": "agent-token/key-1", "tierrouter.dev/agent": agent}
        injected = inject(pod(annotations=annotations), ONE_ROUTER, IMAGE).pod
        assert env_of(injected)[name] == "$(TIERROUTER_TOKEN)"
        assert sidecar_of(injected)["env"][-1]["valueFrom"]["secretKeyRef"]["key"] == "key-1"
    annotations = {"tierrouter.dev/token-secret": "agent-token", "tierrouter.dev/agent": "opencode"}
    found = env_of(inject(pod(annotations=annotations), ONE_ROUTER, IMAGE).pod)
    settings = json.loads(found["OPENCODE_CONFIG_CONTENT"])
    assert settings["provider"]["tierrouter"]["options"]["apiKey"] == "$(TIERROUTER_TOKEN)"


def test_a_container_with_a_key_of_its_own_keeps_it_and_is_warned_of() -> None:
    mine = container(env={"OPENAI_API_KEY": "mine", "ANTHROPIC_API_KEY": "mine"})
    result = inject(pod(mine, annotations={"tierrouter.dev/token-secret": "agent-token"}), ONE_ROUTER, IMAGE)
    assert {env_of(result.pod)[name] for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")} == {"mine"}
    assert [warning.partition(";")[0] for warning in result.warnings] == [
        "container agent sets OPENAI_API_KEY itself",
        "container agent sets ANTHROPIC_API_KEY itself",
    ]


@pytest.mark.parametrize("wrong", ["", "No_Name", "a/b/c", "a/", "-a"])
def test_a_pod_that_names_no_secret_is_not_given_a_sidecar_that_is_open_to_all(wrong: str) -> None:
    given = pod(annotations={"tierrouter.dev/token-secret": wrong})
    result = inject(given, ONE_ROUTER, IMAGE)
    assert (result.pod, result.reason) == (given, R.INVALID_NAME)
    assert "write NAME, or NAME/KEY" in result.message


@pytest.mark.parametrize(
    ("annotations", "variables", "warned"),
    [
        ({}, {}, 0),
        ({"tierrouter.dev/force-tier": "deep"}, {"TIERROUTER_FORCE_TIER": "deep"}, 0),
        (
            {"tierrouter.dev/force-tier": "deep", "tierrouter.dev/force-model": "glm-5"},
            {"TIERROUTER_FORCE_TIER": "deep", "TIERROUTER_FORCE_MODEL": "glm-5"},
            0,
        ),
        ({"tierrouter.dev/force-model": "glm-5"}, {}, 1),
    ],
)
def test_a_forced_tier_is_told_to_the_sidecar_alone(
    annotations: dict[str, str], variables: dict[str, str], warned: int
) -> None:
    result = inject(pod(annotations=annotations), ONE_ROUTER, IMAGE)
    sidecar, *_ = result.pod["spec"]["initContainers"]
    told = {each["name"]: each.get("value") for each in sidecar["env"] if "FORCE" in each["name"]}
    assert told == variables
    assert len([text for text in result.warnings if "force-model" in text]) == warned
    assert not any(
        "FORCE" in each["name"] for each_container in result.pod["spec"]["containers"] for each in each_container["env"]
    )
