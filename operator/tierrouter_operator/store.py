"""What the watches have seen, newest version by newest version; nothing here is judged."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tierrouter_core.contract import ROUTER_LABEL, RUN_LABEL
from tierrouter_core.resources.regression_run import RunPhase
from tierrouter_operator.planning.kinds import CONFIG_MAP, PROVIDER, RUN, SECRET, Key, Kind, Obj
from tierrouter_operator.planning.references import router_of, secret_of

_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_TOMBSTONES: Final = 20_000
"""Deleted objects that are remembered, so that a late event does not bring one back."""


def version_of(obj: Obj) -> int:
    """The resourceVersion as a number; versions of one kind can be compared."""
    try:
        return int(obj["metadata"]["resourceVersion"])
    except (KeyError, ValueError):
        return 0


class Store:
    """Objects by key, found by namespace and by router."""

    def __init__(self) -> None:
        self._objects: dict[Key, Obj] = {}
        self._deleted: dict[Key, int] = {}
        self._in_namespace: dict[tuple[Kind, str], dict[str, Obj]] = defaultdict(dict)
        self._of_router: dict[tuple[Kind, str, str], dict[str, Obj]] = defaultdict(dict)
        self._naming_secret: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.strangers: set[Key] = set()
        """Objects that no watch tells of: they were found where a name was taken."""

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, key: Key) -> Obj | None:
        """One object."""
        return self._objects.get(key)

    def in_namespace(self, kind: Kind, namespace: str) -> Mapping[str, Obj]:
        """By name; not a copy."""
        return self._in_namespace.get((kind, namespace), {})

    def of_router(self, kind: Kind, namespace: str, router: str) -> Mapping[str, Obj]:
        """What names the router, or carries its label, by name; not a copy."""
        return self._of_router.get((kind, namespace, router), {})

    def keys(self, kind: Kind) -> Iterator[Key]:
        """Every key of a kind."""
        return (key for key in tuple(self._objects) if key.kind is kind)

    def providers_naming(self, namespace: str, secret: str) -> frozenset[str]:
        """The ModelProviders that take their key from the Secret."""
        return frozenset(self._naming_secret.get((namespace, secret), ()))

    def lacks_data(self, key: Key) -> bool:
        """Whether the Secret is there, but its data was not kept since nothing named it."""
        obj = self._objects.get(key)
        return obj is not None and bool(obj.get("withoutData"))

    def put(self, key: Key, obj: Obj, *, is_alive: bool = False) -> bool:
        """Take a version in; False where it is not newer than what is there.

        A watch tells that an object is deleted also when it lost the label that the watch goes by, and at the version
        that it then has; ``is_alive`` says that the object was read and is there, whatever was told of that version.
        """
        version = version_of(obj)
        known = self._objects.get(key)
        deleted = self._deleted.get(key, -1)
        if version < deleted or (version == deleted and not is_alive):
            return False
        if known is not None and version <= version_of(known) and not self.lacks_data(key):
            return False
        self._forget(key)
        self._deleted.pop(key, None)
        kept = self._slimmed(key, obj)
        self._objects[key] = kept
        self._in_namespace[key.kind, key.namespace][key.name] = kept
        if router := router_of(kept):
            self._of_router[key.kind, key.namespace, router][key.name] = kept
        if key.kind is PROVIDER and (secret := secret_of(kept)):
            self._naming_secret[key.namespace, secret].add(key.name)
        return True

    def remove(self, key: Key, version: int = 0) -> bool:
        """The object is gone; ``version`` is that of its end, where it is known."""
        known = self._objects.get(key)
        if known is not None and version and version < version_of(known):
            return False
        self._deleted[key] = max(version, version_of(known) if known is not None else 0)
        while len(self._deleted) > _TOMBSTONES:
            self._deleted.pop(next(iter(self._deleted)))
        self.strangers.discard(key)
        return self._forget(key)

    def _forget(self, key: Key) -> bool:
        known = self._objects.pop(key, None)
        if known is None:
            return False
        _drop(self._in_namespace, (key.kind, key.namespace), key.name)
        if router := router_of(known):
            _drop(self._of_router, (key.kind, key.namespace, router), key.name)
        if key.kind is PROVIDER and (secret := secret_of(known)):
            names = self._naming_secret[key.namespace, secret]
            names.discard(key.name)
            if not names:
                del self._naming_secret[key.namespace, secret]
        return True

    def _slimmed(self, key: Key, obj: Obj) -> Obj:
        """Less what nobody reads; a Secret's data only where somebody names it."""
        metadata = {name: value for name, value in obj["metadata"].items() if name != "managedFields"}
        annotations = metadata.get("annotations")
        if annotations and _LAST_APPLIED in annotations:
            metadata["annotations"] = {name: text for name, text in annotations.items() if name != _LAST_APPLIED}
        kept: dict[str, Any] = {**obj, "apiVersion": key.kind.api_version, "kind": key.kind.kind, "metadata": metadata}
        labels = metadata.get("labels") or {}
        if key.kind is CONFIG_MAP and RUN_LABEL in labels:
            # A run's results, up to 900 KiB: that they are there is all that is asked.
            kept = {**kept, "binaryData": {}}
        if key.kind is RUN:
            kept = _without_rows_of_old(kept)
        is_needed = ROUTER_LABEL in labels or key in self.strangers
        if key.kind is SECRET and not is_needed and not self._naming_secret.get((key.namespace, key.name)):
            kept = {**kept, "data": {}, "withoutData": True}
        return kept


def _without_rows_of_old(run: dict[str, Any]) -> dict[str, Any]:
    """A run that has ended needs its rows no more, which may be a megabyte."""
    status = run.get("status") or {}
    if status.get("phase") not in (RunPhase.DECIDED, RunPhase.FAILED) or not status.get("results"):
        return run
    results = [{key: value for key, value in each.items() if key != "rows"} for each in status["results"]]
    return {**run, "status": {**status, "results": results}}


def _drop(index: dict[Any, dict[str, Obj]], at: Any, name: str) -> None:
    index[at].pop(name, None)
    if not index[at]:
        del index[at]


def newest_of(objects: Iterable[Obj]) -> tuple[tuple[str, str], ...]:
    """What tells one state of these objects from another."""
    return tuple((obj["metadata"].get("uid", ""), obj["metadata"].get("resourceVersion", "")) for obj in objects)
