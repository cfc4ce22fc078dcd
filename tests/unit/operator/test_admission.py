"""Answers to the API server, and what is read to give them."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonpatch
import orjson
import pytest
import yaml
from agent_pods import IMAGE, container, pod
from aiohttp.test_utils import TestClient, TestServer

from tierrouter_operator.errors import UnavailableError
from tierrouter_operator.injection.agents import Windows
from tierrouter_operator.planning.writes import PostEvent
from tierrouter_operator.webhook.admission import Admission
from tierrouter_operator.webhook.knowledge import KEPT_S, Knowledge, router_facts
from tierrouter_operator.webhook.metrics import WebhookMetrics

EXAMPLE = Path(__file__).parents[3] / "examples" / "coding.yaml"
Obj = dict[str, Any]


class Server:
    """As much of the API server as is read here; counts reads, and can be slow or gone."""

    def __init__(self, *routers: str) -> None:
        self.routers = list(routers)
        self.reads = 0
        self.is_gone = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def get(self, path: str) -> Obj:
        if self.is_gone:
            raise UnavailableError("nobody answers")
        return {"metadata": {"name": path.rpartition("/")[2], "labels": {}}}

    async def list(self, path: str, **unused: Any) -> AsyncIterator[Obj]:
        if self.is_gone:
            raise UnavailableError("nobody answers")
        if path.endswith("/tierrouters"):
            self.reads += 1
            names = tuple(self.routers)
            await self.gate.wait()
            for name in names:
                yield {"metadata": {"name": name}, "spec": {}}


class Events:
    def __init__(self) -> None:
        self.posted: list[PostEvent] = []

    def post(self, event: PostEvent) -> None:
        self.posted.append(event)


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        self.now_s += 0.001
        return self.now_s


class Hook:
    """A webhook without its sockets."""

    def __init__(self, *routers: str) -> None:
        self.server, self.events, self.clock, self.metrics = Server(*routers), Events(), Clock(), WebhookMetrics()
        self.knowledge = Knowledge(self.server, self.clock)  # type: ignore[arg-type]
        self.admission = Admission(self.knowledge, IMAGE, self.events, self.metrics)

    async def asked(self, body: Obj, dry_run: bool = False) -> Obj:
        return await self.admission.inject_pod({"object": body, "namespace": "agents", "dryRun": dry_run})

    def counted(self, reason: str) -> float:
        return self.metrics.registry.get_sample_value("tierrouter_webhook_pods_total", {"reason": reason}) or 0.0


async def test_the_patch_makes_the_injected_pod() -> None:
    hook = Hook("coding")
    answer = await hook.asked(pod())
    patched = jsonpatch.apply_patch(pod(), orjson.loads(base64.b64decode(answer["patch"])))
    assert patched["spec"]["initContainers"][0]["name"] == "tierrouter"
    assert answer["allowed"] and answer["patchType"] == "JSONPatch" and "warnings" not in answer


async def test_pods_of_one_namespace_share_what_is_read() -> None:
    hook = Hook("coding")
    await asyncio.gather(*(hook.asked(pod()) for _ in range(50)))
    assert hook.server.reads == 1
    hook.clock.now_s += KEPT_S
    await hook.asked(pod())
    assert hook.server.reads == 2


async def test_a_missing_router_is_looked_for_once_more_by_all_who_miss_it_together() -> None:
    hook = Hook()
    await hook.asked(pod())
    before = hook.server.reads
    hook.server.routers.append("coding")
    answers = await asyncio.gather(*(hook.asked(pod()) for _ in range(50)))
    assert all("patch" in answer for answer in answers)
    assert hook.server.reads - before <= 2


async def test_what_was_being_read_before_the_router_was_made_is_not_believed() -> None:
    hook = Hook()
    hook.server.gate.clear()
    earlier = asyncio.create_task(hook.asked(pod()))
    await asyncio.sleep(0.01)
    hook.server.routers.append("coding")
    later = asyncio.create_task(hook.asked(pod()))
    await asyncio.sleep(0.01)
    hook.server.gate.set()
    assert "patch" in await later
    assert "patch" in await earlier, "it looked once more as well"


async def test_an_api_server_that_does_not_answer_keeps_no_pod_from_starting() -> None:
    hook = Hook("coding")
    hook.server.is_gone = True
    answer = await hook.asked(pod())
    assert answer["allowed"] and "patch" not in answer
    assert "did not say which routers there are" in answer["warnings"][0]
    named = await hook.asked(pod(inject="coding"))
    assert "patch" in named, "a pod that names its router needs nobody to ask"


async def test_a_defect_of_ours_keeps_no_pod_from_starting() -> None:
    hook = Hook("coding")
    answer = await hook.asked({"metadata": {"labels": {"tierrouter.dev/inject": "true"}, "name": "x"}})
    assert answer["allowed"] and "a defect of the webhook" in answer["warnings"][0]
    assert hook.counted("Failed") == 1


async def test_a_dry_run_is_not_counted_and_tells_nobody() -> None:
    hook = Hook("coding")
    answer = await hook.asked(pod(hostNetwork=True), dry_run=True)
    assert answer["warnings"] and not hook.events.posted and hook.counted("HostNetwork") == 0


@pytest.mark.parametrize(
    ("metadata", "kind", "name"),
    [
        ({"name": "bare"}, "Pod", "bare"),
        (
            {
                "generateName": "web-",
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "Other", "name": "other", "uid": "1"},
                    {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "2", "controller": True},
                ],
            },
            "ReplicaSet",
            "web",
        ),
    ],
)
async def test_an_event_is_about_what_made_the_pod(metadata: Obj, kind: str, name: str) -> None:
    hook = Hook("coding")
    body = pod(hostNetwork=True)
    await hook.asked({**body, "metadata": {"labels": body["metadata"]["labels"], **metadata}})
    (event,) = hook.events.posted
    assert (event.about["kind"], event.about["metadata"]["name"]) == (kind, name)


async def test_a_warning_is_short_enough_to_be_shown_whole() -> None:
    hook = Hook("coding")
    answer = await hook.asked(pod(container("a" * 63, envFrom=[{"secretRef": {"name": "x"}}])))
    assert all(len(text) <= 250 for text in answer["warnings"])


async def test_a_router_that_was_taken_earlier_may_be_labelled_whatever_its_rules_are() -> None:
    hook = Hook()
    router = next(each for each in yaml.safe_load_all(EXAMPLE.read_text()) if each["kind"] == "TierRouter")
    router["spec"]["rules"][0]["when"] = "nope"
    refused = await hook.admission.validate({"object": router, "namespace": "agents"})
    assert not refused["allowed"] and "spec.rules[0].when" in refused["status"]["message"]
    labelled = {**router, "metadata": {"name": "coding", "labels": {"a": "b"}}}
    assert (await hook.admission.validate({"object": labelled, "oldObject": router, "namespace": "agents"}))["allowed"]


def many_rules(count: int = 256) -> Obj:
    router: Obj = next(each for each in yaml.safe_load_all(EXAMPLE.read_text()) if each["kind"] == "TierRouter")
    rule = router["spec"]["rules"][0]
    router["spec"]["rules"] = [
        {**rule, "name": f"rule-{number}", "when": f"{rule['when']} || {number} > 500"} for number in range(count)
    ]
    return router


async def test_pods_are_answered_while_a_large_rule_set_is_compiled() -> None:
    hook = Hook("coding")
    judging = asyncio.create_task(hook.admission.validate({"object": many_rules(), "namespace": "agents"}))
    answered = 0
    while not judging.done():
        assert (await hook.asked(pod()))["allowed"]
        answered += 1
        await asyncio.sleep(0)
    assert (await judging) == {"allowed": True}
    assert answered > 3


async def test_a_router_is_taken_unchecked_rather_than_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tierrouter_operator.webhook.admission._COMPILING_S", 0.0)
    hook = Hook("coding")
    assert (await hook.admission.validate({"object": many_rules(), "namespace": "agents"})) == {"allowed": True}
    failed = hook.metrics.registry.get_sample_value("tierrouter_webhook_validations_total", {"result": "failed"})
    assert failed == 1


async def test_a_request_that_is_too_large_or_no_review_is_refused_unread() -> None:
    async with TestClient(TestServer(Hook("coding").admission.app())) as client:
        assert (await client.post("/inject", data=b"x" * 9 * 1024 * 1024)).status == 413
        assert (await client.post("/validate", data=b"{}")).status == 400


def test_a_pod_takes_from_its_router_the_claim_and_the_smallest_windows() -> None:
    models = [
        {"name": "a", "contextWindow": 200_000, "maxOutputTokens": 64_000},
        {"name": "b", "contextWindow": 65_536},
        {"name": "unused", "contextWindow": 1_000},
    ]
    provider = {"metadata": {"name": "p"}, "spec": {"models": models}}
    tiers = [{"provider": "p", "model": "a"}, {"provider": "p", "model": "b"}, {"provider": "q", "model": "c"}]
    spec = {"tiers": tiers, "ledger": {"persistentVolumeClaim": "ledger"}}
    facts = router_facts([{"metadata": {"name": "coding"}, "spec": spec}], [provider])["coding"]
    assert facts.ledger_claim == "ledger" and facts.windows == Windows(65_536, 16_384)
