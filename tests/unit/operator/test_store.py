"""The store's promises: the newest version, and no more than is needed."""

from typing import Any

from tierrouter_core.contract import ROUTER_LABEL
from tierrouter_operator.planning.kinds import CONFIG_MAP, PROVIDER, REVISION, SECRET, Key, Kind
from tierrouter_operator.store import Store


def made(kind: Kind, name: str, version: int, **more: Any) -> tuple[Key, dict[str, Any]]:
    metadata = {"name": name, "namespace": "a", "resourceVersion": str(version), **more.pop("metadata", {})}
    return Key(kind, "a", name), {"metadata": metadata, **more}


def test_an_older_version_never_replaces_a_newer_one() -> None:
    store = Store()
    assert store.put(*made(CONFIG_MAP, "x", 9, data={"v": "9"}))
    assert not store.put(*made(CONFIG_MAP, "x", 8, data={"v": "8"}))
    assert store.get(Key(CONFIG_MAP, "a", "x"))["data"] == {"v": "9"}
    assert store.put(*made(CONFIG_MAP, "x", 10, data={"v": "10"})), "versions are numbers, not texts"


def test_a_late_event_does_not_bring_a_deleted_object_back() -> None:
    store = Store()
    key, obj = made(CONFIG_MAP, "x", 5)
    store.put(key, obj)
    store.remove(key, 7)
    assert not store.put(*made(CONFIG_MAP, "x", 6))
    assert store.get(key) is None
    assert store.put(*made(CONFIG_MAP, "x", 8))


def test_what_only_lost_its_label_is_there_when_it_was_read() -> None:
    store = Store()
    key, obj = made(CONFIG_MAP, "x", 5)
    store.put(key, obj)
    store.remove(key, 6)
    assert not store.put(*made(CONFIG_MAP, "x", 6))
    assert store.put(*made(CONFIG_MAP, "x", 6), is_alive=True)


def test_a_late_deletion_of_an_earlier_object_does_not_take_the_new_one() -> None:
    store = Store()
    key, obj = made(CONFIG_MAP, "x", 9)
    store.put(key, obj)
    assert not store.remove(key, 7)
    assert store.get(key) is not None


def test_a_secret_that_nobody_names_is_kept_without_its_data() -> None:
    store = Store()
    key, obj = made(SECRET, "x", 1, data={"api-key": "c2VjcmV0"})
    store.put(key, obj)
    assert store.lacks_data(key)
    assert "c2VjcmV0" not in str(store.get(key))
    spec = {"credential": {"secretRef": {"name": "x"}}}
    store.put(*made(PROVIDER, "p", 2, spec=spec))
    assert store.put(key, obj), "read again at the same version, now with its data"
    assert store.get(key)["data"] == {"api-key": "c2VjcmV0"}
    assert store.providers_naming("a", "x") == {"p"}


def test_objects_are_found_by_their_router_as_long_as_they_name_it() -> None:
    store = Store()
    store.put(*made(REVISION, "r-1", 1, spec={"router": "r"}))
    label = {"labels": {ROUTER_LABEL: "r"}}
    store.put(*made(CONFIG_MAP, "r-active", 2, metadata=label))
    assert set(store.of_router(REVISION, "a", "r")) == {"r-1"}
    assert set(store.of_router(CONFIG_MAP, "a", "r")) == {"r-active"}
    store.put(*made(CONFIG_MAP, "r-active", 3))
    assert set(store.of_router(CONFIG_MAP, "a", "r")) == set()


def test_what_nobody_reads_is_not_kept() -> None:
    store = Store()
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "long", "theirs": "x"}
    key, obj = made(CONFIG_MAP, "x", 1, metadata={"managedFields": [{}], "annotations": annotations})
    store.put(key, obj)
    assert store.get(key)["metadata"].keys() >= {"name", "annotations"}
    assert "managedFields" not in store.get(key)["metadata"]
    assert store.get(key)["metadata"]["annotations"] == {"theirs": "x"}
