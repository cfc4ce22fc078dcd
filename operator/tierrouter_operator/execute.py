"""Does a plan's writes, in their order, and takes every answer into the store."""

from collections.abc import Callable
from typing import Final, Protocol

from tierrouter_core.contract import REVISION_LABEL, ROUTER_LABEL, RUN_LABEL
from tierrouter_operator.client import Client
from tierrouter_operator.errors import AlreadyExistsError, ApiError, ConflictError, NotFoundError, RefusedError
from tierrouter_operator.planning.kinds import (
    CONFIG_MAP,
    JOB,
    MODEL_SERVER,
    ROLE_BINDING,
    SECRET,
    SERVICE_ACCOUNT,
    Key,
    Obj,
    key_of,
)
from tierrouter_operator.planning.observed import Refusal
from tierrouter_operator.planning.writes import (
    Apply,
    ApplyStatus,
    Create,
    Delete,
    DeleteRevisions,
    MergeStatus,
    Plan,
    PostEvent,
    Replace,
    Tell,
    Write,
)
from tierrouter_operator.store import Store

_NAMESPACE_ENDS: Final = "because it is being terminated"


class EventSink(Protocol):
    """Where events go."""

    def post(self, event: PostEvent) -> None:
        """Take it; never fails, never waits."""


class Superseded(Exception):  # noqa: N818 (the plan was made of what is not so any more)
    """Something is otherwise than it was observed; the store knows now, and there has to be another plan."""


class WriteRefused(Exception):  # noqa: N818 (carries what a status will say)
    """The API server's last word on one of the writes."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Executor:
    """The hands of the operator."""

    def __init__(
        self,
        client: Client,
        store: Store,
        events: EventSink,
        on_write: Callable[[Write], None],
        tell: Callable[[Tell], None] = lambda _: None,
    ) -> None:
        """``on_write`` is told of every write that was done; ``tell`` takes what is to be told, and never waits."""
        self._client = client
        self._store = store
        self._events = events
        self._on_write = on_write
        self._tell = tell

    async def execute(self, plan: Plan) -> None:
        """Do everything.

        Raises:
            Superseded: the plan was overtaken; make another.
            WriteRefused: the server will not have it.
            UnavailableError: nothing is known; try again later.
        """
        for write in plan.writes:
            if isinstance(write, PostEvent):
                self._events.post(write)
            elif isinstance(write, Tell):
                self._tell(write)
            else:
                await self._do(write)
            self._on_write(write)

    async def _do(self, write: Create | Apply | Replace | ApplyStatus | MergeStatus | DeleteRevisions | Delete) -> None:
        if isinstance(write, DeleteRevisions):
            await self._delete_revisions(write)
            return
        if isinstance(write, Delete):
            await self._delete(write)
            return
        key = key_of(write.body)
        try:
            answer = await self._send(write, key)
        except AlreadyExistsError:
            self._store.strangers.add(key)
            await self.refresh(key)
            raise Superseded from None
        except (ConflictError, NotFoundError):
            await self.refresh(key)
            raise Superseded from None
        except RefusedError as error:
            if _NAMESPACE_ENDS in error.said:
                # Everything here goes, and the router with it.
                raise NamespaceEnds from None
            raise WriteRefused(Refusal(str(key), key.kind, error.said)) from None
        if _is_watched(answer):
            self._store.strangers.discard(key)
        elif key.kind in (SERVICE_ACCOUNT, ROLE_BINDING):
            # Looked at with each resync: should they go, they are made again.
            self._store.strangers.add(key)
        self._store.put(key, answer)

    async def _send(self, write: Create | Apply | Replace | ApplyStatus | MergeStatus, key: Key) -> Obj:
        path = key.kind.path(key.namespace, key.name)
        match write:
            case Create(body):
                return await self._client.create(key.kind.path(key.namespace), body)
            case Apply(body):
                return await self._client.apply(path, body)
            case Replace(body):
                return await self._client.replace(path, body)
            case ApplyStatus(body):
                return await self._client.apply(f"{path}/status", body)
            case MergeStatus(body):
                return await self._client.merge(f"{path}/status", body)

    async def _delete(self, write: Delete) -> None:
        metadata = write.found["metadata"]
        key = Key(write.kind, metadata["namespace"], metadata["name"])
        try:
            await self._client.delete(write.kind.path(key.namespace, key.name), metadata["uid"])
        except (ConflictError, NotFoundError):
            await self.refresh(key)
            raise Superseded from None
        except RefusedError as error:
            raise WriteRefused(Refusal(f"to delete {key}", write.kind, error.said)) from None
        # It may take its time: until it is gone it is seen to be on its way.
        await self.refresh(key)

    async def _delete_revisions(self, write: DeleteRevisions) -> None:
        names = ",".join(write.revisions)
        labels = f"{ROUTER_LABEL}={write.router},{REVISION_LABEL} in ({names})"
        try:
            await self._client.delete_collection(write.kind.path(write.namespace), labels)
        except RefusedError as error:
            what = f"{write.kind.kind} {write.namespace}/{write.revisions[0]}"
            raise WriteRefused(Refusal(f"to delete {what}", write.kind, error.said)) from None
        except ApiError:
            raise
        for name in write.revisions:
            self._store.remove(Key(write.kind, write.namespace, name))

    async def refresh(self, key: Key) -> None:
        """Read one object anew; raises Unavailable."""
        try:
            obj = await self._client.get(key.kind.path(key.namespace, key.name))
        except NotFoundError:
            self._store.remove(key)
        else:
            if _is_watched(obj):
                self._store.strangers.discard(key)
            self._store.put(key, obj, is_alive=True)


class NamespaceEnds(Exception):  # noqa: N818 (no fault of anybody's)
    """The namespace is being deleted."""


def _is_watched(obj: Obj) -> bool:
    """Whether a watch tells of it: of many kinds only those with a certain label do, of two none."""
    kind, labels = obj.get("kind"), obj["metadata"].get("labels") or {}
    if kind in (SERVICE_ACCOUNT.kind, ROLE_BINDING.kind):
        return False
    if kind == JOB.kind:
        return RUN_LABEL in labels
    return kind not in {CONFIG_MAP.kind, SECRET.kind, *(each.kind for each in MODEL_SERVER)} or ROUTER_LABEL in labels
