"""Posts Kubernetes events: seldom enough for the API server, never in anybody's way."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from tierrouter_core.contract import OPERATOR
from tierrouter_operator.client import Client
from tierrouter_operator.errors import ApiError
from tierrouter_operator.planning.kinds import EVENT
from tierrouter_operator.planning.texts import shortened
from tierrouter_operator.planning.writes import PostEvent

log = logging.getLogger("tierrouter.operator")

# As client-go's recorder has it.
BURST: Final = 25
REFILL_S: Final = 300.0
REPEATED_WITHIN_S: Final = 300.0
"""The same thing said of the same object is said once in this time."""
NAMESPACE_BURST: Final = 50
NAMESPACE_REFILL_S: Final = 1.0
"""Of a poster that others can make speak: whoever reaches the webhook can have it say something of any object."""
_OBJECTS: Final = 4096
_MAX_NOTE: Final = 1000
_WAITING: Final = 1000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float


class _Buckets:
    """A number of tokens at once for each name, and then one in a while."""

    def __init__(self, burst: int, refill_s: float) -> None:
        self._burst = burst
        self._refill_s = refill_s
        self._of: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, name: str, now_s: float) -> bool:
        """Whether there was a token."""
        bucket = self._of.pop(name, None) or _Bucket(self._burst, now_s)
        bucket.tokens = min(self._burst, bucket.tokens + (now_s - bucket.at_s) / self._refill_s)
        bucket.at_s = now_s
        self._of[name] = bucket
        while len(self._of) > _OBJECTS:
            self._of.popitem(last=False)
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


class SpamFilter:
    """Which events are worth posting."""

    def __init__(self, *, by_namespace: bool = False) -> None:
        """``by_namespace``: a namespace has a limit too, whatever objects the events are of."""
        self._objects = _Buckets(BURST, REFILL_S)
        self._namespaces = _Buckets(NAMESPACE_BURST, NAMESPACE_REFILL_S) if by_namespace else None
        self._said: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def lets_through(self, event: PostEvent, now_s: float) -> bool:
        """``now_s``: a monotonic clock."""
        metadata = event.about["metadata"]
        uid = str(metadata.get("uid") or f"{metadata['namespace']}/{metadata['name']}")
        said = (uid, event.reason, event.message)
        if now_s - self._said.get(said, -REPEATED_WITHIN_S) < REPEATED_WITHIN_S:
            return False
        if not self._objects.take(uid, now_s):
            return False
        if self._namespaces is not None and not self._namespaces.take(str(metadata["namespace"]), now_s):
            return False
        self._said[said] = now_s
        while len(self._said) > _OBJECTS:
            self._said.popitem(last=False)
        return True


class EventPoster:
    """Takes events at once and posts them one by one."""

    def __init__(
        self, client: Client, instance: str, on_dropped: Callable[[], None], controller: str = OPERATOR
    ) -> None:
        """``instance`` is this process's name; ``on_dropped`` is told of each event that is not posted."""
        self._client = client
        self._controller = controller
        self._instance = instance
        self._on_dropped = on_dropped
        self._filter = SpamFilter(by_namespace=controller != OPERATOR)
        self._waiting: asyncio.Queue[PostEvent] = asyncio.Queue(_WAITING)

    def post(self, event: PostEvent) -> None:
        """Take it; never fails, never waits."""
        metadata = event.about["metadata"]
        level = logging.WARNING if event.type == "Warning" else logging.INFO
        where = f"{event.about['kind']} {metadata['namespace']}/{metadata['name']}"
        log.log(level, "%s: %s: %s", where, event.reason, event.message)
        is_posted = self._filter.lets_through(event, asyncio.get_running_loop().time()) and not self._waiting.full()
        if is_posted:
            self._waiting.put_nowait(event)
        else:
            self._on_dropped()

    async def run(self) -> None:
        """Post until cancelled. An event that can't be posted is gone: a status says the same."""
        while True:
            event = await self._waiting.get()
            try:
                namespace = event.about["metadata"]["namespace"]
                await self._client.create(
                    EVENT.path(namespace), body_of(event, self._controller, self._instance, datetime.now(UTC))
                )
            except ApiError as error:
                self._on_dropped()
                log.debug("an event could not be posted: %s", error)


def body_of(event: PostEvent, controller: str, instance: str, now: datetime) -> dict[str, Any]:
    """The Event object."""
    about = event.about
    metadata = about["metadata"]
    note = shortened(event.message, _MAX_NOTE)
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        "metadata": {"name": f"{metadata['name']}.{uuid4().hex[:16]}", "namespace": metadata["namespace"]},
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "type": event.type,
        "reason": str(event.reason),
        "note": note,
        "action": "Reconcile" if controller == OPERATOR else "Admit",
        "reportingController": f"tierrouter.dev/{controller}",
        "reportingInstance": instance[:128],
        "regarding": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "resourceVersion": metadata.get("resourceVersion", ""),
        },
    }
