"""Answers the API server's questions. Whatever goes wrong in here, a pod starts and a resource is taken."""

import asyncio
import base64
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import jsonpatch
import orjson
from aiohttp import web

from tierrouter_core.contract import EventReason, InjectionReason
from tierrouter_operator.execute import EventSink
from tierrouter_operator.injection.container import SidecarImage
from tierrouter_operator.injection.inject import Injection, inject
from tierrouter_operator.planning.kinds import Obj
from tierrouter_operator.planning.writes import PostEvent
from tierrouter_operator.webhook.knowledge import Knowledge
from tierrouter_operator.webhook.metrics import WebhookMetrics
from tierrouter_operator.webhook.validation import judge_rules

log = logging.getLogger("tierrouter.webhook")

INJECT_PATH: Final = "/inject"
VALIDATE_PATH: Final = "/validate"
_MAX_BODY_BYTES: Final = 8 * 1024 * 1024
_WARNING_CHARACTERS: Final = 250
"""A client may cut what is longer than 256."""
_COMPILING_S: Final = 4.0
"""The API server gives an answer five seconds in all."""

Answer = dict[str, Any]


class Admission:
    """The two questions: what becomes of this pod, and may this router be written."""

    def __init__(self, knowledge: Knowledge, sidecar: SidecarImage, events: EventSink, metrics: WebhookMetrics) -> None:
        self._knowledge = knowledge
        self._sidecar = sidecar
        self._events = events
        self._metrics = metrics
        # One at a time, beside the event loop: hundreds of rules take a fifth of a second, for which no pod waits.
        self._compiler = ThreadPoolExecutor(1, thread_name_prefix="rules")

    def app(self) -> web.Application:
        """Both paths."""
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.add_routes([web.post(INJECT_PATH, self._inject), web.post(VALIDATE_PATH, self._validate)])
        return app

    async def _inject(self, http: web.Request) -> web.Response:
        return await self._answer(http, self.inject_pod)

    async def _validate(self, http: web.Request) -> web.Response:
        return await self._answer(http, self.validate)

    async def _answer(self, http: web.Request, decide: Callable[[Obj], Awaitable[Answer]]) -> web.Response:
        began = time.perf_counter()
        try:
            review = orjson.loads(await http.read())
            request = review["request"]
            uid = request["uid"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return web.Response(status=400, text="this is no AdmissionReview; only the API server has business here\n")
        response = await decide(request)
        answer = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": {"uid": uid, **response}}
        self._metrics.duration.labels(http.path).observe(time.perf_counter() - began)
        return web.Response(body=orjson.dumps(answer), content_type="application/json")

    async def inject_pod(self, request: Obj) -> Answer:
        """The ``response`` to a pod's ``request``, less its uid."""
        pod = request.get("object") or {}
        namespace = str(request.get("namespace") or "")
        try:
            result = await self._decide(pod, namespace)
            answer = _injected(pod, result)
        except Exception:
            # A defect of ours must not keep a pod from starting; the log has where it is.
            log.exception("a pod of namespace %s starts without a sidecar, by a defect of the webhook", namespace)
            result = Injection(pod, InjectionReason.FAILED, "a defect of the webhook; its log says more")
            answer = _injected(pod, result)
        if not request.get("dryRun"):
            self._metrics.pods.labels(result.reason).inc()
            self._tell(pod, namespace, result)
        return answer

    async def _decide(self, pod: Obj, namespace: str) -> Injection:
        result = inject(pod, await self._knowledge.of(namespace), self._sidecar)
        if result.lacks_router:
            result = inject(pod, await self._knowledge.of(namespace, fresh=True), self._sidecar)
        return result

    async def validate(self, request: Obj) -> Answer:
        """The ``response`` to a TierRouter's ``request``, less its uid: rules that can't be compiled are refused."""
        try:
            router, before = request.get("object") or {}, request.get("oldObject") or {}
            # Labels of a router that was taken earlier may always be changed, and finalizers taken away.
            is_new = router.get("spec") != before.get("spec")
            verdict = await self._judge(router, str(request.get("namespace") or "")) if is_new else ""
        except TimeoutError:
            # The operator compiles it too, and says in the status what is wrong.
            log.warning("a TierRouter was taken unchecked: others were being checked for %g s", _COMPILING_S)
            self._metrics.validations.labels("failed").inc()
            return {"allowed": True}
        except Exception:
            log.exception("a resource was taken unchecked, by a defect of the webhook")
            self._metrics.validations.labels("failed").inc()
            return {"allowed": True}
        if not verdict:
            self._metrics.validations.labels("allowed").inc()
            return {"allowed": True}
        self._metrics.validations.labels("denied").inc()
        return {"allowed": False, "status": {"code": 422, "reason": "Invalid", "message": verdict}}

    async def _judge(self, router: Obj, namespace: str) -> str:
        judged = asyncio.get_running_loop().run_in_executor(self._compiler, judge_rules, router, namespace)
        # One that has not begun when nobody waits any more is never begun.
        return await asyncio.wait_for(judged, _COMPILING_S)

    def _tell(self, pod: Obj, namespace: str, result: Injection) -> None:
        about = _about(pod, namespace)
        if about is None:
            return
        name = _name(pod)
        if result.message:
            message = f"pod {name} starts without a sidecar ({result.reason}): {result.message}"
            self._events.post(PostEvent(about, "Warning", EventReason.NOT_INJECTED, message))
        for warning in result.warnings:
            self._events.post(PostEvent(about, "Warning", EventReason.INJECTED_IN_PART, f"pod {name}: {warning}"))


def _injected(pod: Obj, result: Injection) -> Answer:
    answer: Answer = {"allowed": True}
    said = [f"tierrouter: no sidecar ({result.reason}): {result.message}"] if result.message else []
    said += [f"tierrouter: {warning}" for warning in result.warnings]
    if said:
        answer["warnings"] = [text[:_WARNING_CHARACTERS] for text in said]
    if result.pod is not pod:
        patch = jsonpatch.make_patch(pod, result.pod).patch
        answer |= {"patchType": "JSONPatch", "patch": base64.b64encode(orjson.dumps(patch)).decode()}
    return answer


def _name(pod: Obj) -> str:
    metadata: Mapping[str, Any] = pod.get("metadata") or {}
    return str(metadata.get("name") or f"{metadata.get('generateName', '')}…")


def _about(pod: Obj, namespace: str) -> Obj | None:
    """Whom an event is about: a pod has no uid yet, and often no name; what made it has both."""
    metadata = pod.get("metadata") or {}
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            identity = {"name": owner["name"], "namespace": namespace, "uid": owner.get("uid", "")}
            return {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "metadata": identity}
    if not metadata.get("name"):
        return None
    identity = {"name": metadata["name"], "namespace": namespace, "uid": ""}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": identity}
