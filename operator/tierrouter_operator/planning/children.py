"""The objects that belong to a router: whose an object is, and what each should hold."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

import orjson

from tierrouter_core.canonical import canonical_json, digest
from tierrouter_core.contract import (
    DOCUMENT_FILE,
    MANAGED_BY_LABEL,
    OPERATOR,
    REVISION_LABEL,
    REVISION_SPEC,
    ROUTER_LABEL,
    SPLIT_FILE,
    STABLE_FILE,
    active_name,
    credentials_name,
)
from tierrouter_core.resources.metadata import GROUP
from tierrouter_operator.planning.kinds import CONFIG_MAP, REVISION, ROUTER, SECRET, Kind, Obj
from tierrouter_operator.planning.writes import Apply, Create, Replace, Write

SPLIT_SCHEMA = "1.0"
_OUR_PREFIX = f"{GROUP}/"


class Whose(Enum):
    """To whom an object belongs, seen from a router."""

    OURS = auto()
    EARLIER = auto()
    """A child of a deleted router of the same name: the garbage collector has yet to take it away."""
    FOREIGN = auto()


def whose(obj: Obj, router: Obj) -> Whose:
    """Ownership goes by the controller reference alone: labels and names are easily copied."""
    for reference in obj["metadata"].get("ownerReferences", ()):
        if reference.get("controller") and reference.get("kind") == ROUTER.kind:
            if reference.get("uid") == router["metadata"]["uid"]:
                return Whose.OURS
            if reference.get("name") == router["metadata"]["name"]:
                return Whose.EARLIER
    return Whose.FOREIGN


def is_ours(obj: Obj, router: Obj) -> bool:
    """Whether the router controls it."""
    return whose(obj, router) is Whose.OURS


def annotation(obj: Obj, name: str) -> str:
    """An annotation; empty where there is none."""
    value = (obj["metadata"].get("annotations") or {}).get(name, "")
    return value if isinstance(value, str) else ""


def revision_config_map(router: Obj, name: str, document: bytes, spec: Mapping[str, Any]) -> Create:
    """The revision's document. It carries the RouterRevision's spec too, so that one can be made again from it."""
    body = child(CONFIG_MAP, router, name, {REVISION_LABEL: name}, {REVISION_SPEC: canonical_json(spec).decode()})
    return Create({**body, "immutable": True, "data": {DOCUMENT_FILE: document.decode()}})


def router_revision(router: Obj, name: str, spec: Mapping[str, Any]) -> Create:
    """The RouterRevision itself."""
    return Create({**child(REVISION, router, name, {REVISION_LABEL: name}), "spec": dict(spec)})


def active_config_map(router: Obj, annotations: Mapping[str, str], data: Mapping[str, str]) -> Obj:
    """What pods mount, as it should be."""
    name = active_name(router["metadata"]["name"])
    return {**child(CONFIG_MAP, router, name, {}, annotations), "data": dict(data)}


def credentials_secret(router: Obj, data: Mapping[str, str]) -> Obj:
    """The keys that pods mount, as they should be. ``data`` is in base64, as the API has it."""
    name = credentials_name(router["metadata"]["name"])
    return {**child(SECRET, router, name, {}), "type": "Opaque", "data": dict(data)}


def brought_to(wanted: Obj, found: Obj | None) -> list[Write]:
    """The writes after which the mutable object ``found`` is as ``wanted``; none where it is.

    An apply leaves alone what others own, and what our own POST wrote before there was an apply. So where something
    has to go, the object is replaced, at the version that was seen.
    """
    if found is None:
        return [Create(wanted)]
    metadata, there = wanted["metadata"], found["metadata"]
    labels, annotations = there.get("labels") or {}, there.get("annotations") or {}
    asked = metadata.get("annotations") or {}
    superfluous = {name for name in annotations if name.startswith(_OUR_PREFIX)} - asked.keys()
    if superfluous or (found.get("data") or {}).keys() - wanted["data"].keys():
        kept = {name: value for name, value in annotations.items() if name not in superfluous}
        merged = {**metadata, "labels": {**labels, **metadata["labels"]}, "annotations": {**kept, **asked}}
        merged |= {key: there[key] for key in ("uid", "resourceVersion", "finalizers") if key in there}
        return [Replace({**wanted, "metadata": merged})]
    is_there = (
        metadata["labels"].items() <= labels.items()
        and asked.items() <= annotations.items()
        and found.get("data") == wanted["data"]
    )
    return [] if is_there else [Apply({**wanted, "metadata": {**metadata, "uid": there["uid"]}})]


def split_file(percent: int, salt: str, generation: int, since: str = "") -> str:
    """``split.json``: which sessions try the canary (``percent`` of those that start), and the bundle's number.

    ``since``: when this trial began; with the canary's name and the salt it is what counts of it go by.
    """
    body: dict[str, Any] = {"percent": percent, "salt": salt, "generation": generation, "schema": SPLIT_SCHEMA}
    if since:
        body["since"] = since
    return canonical_json({**body, "sha256": digest(canonical_json(body))}).decode()


def generation_of(active: Obj | None) -> int:
    """The number of the bundle that the active ConfigMap holds; 0 where it says none."""
    try:
        value = orjson.loads(active["data"][SPLIT_FILE])["generation"] if active else 0
    except (KeyError, TypeError, orjson.JSONDecodeError):
        return 0
    return value if isinstance(value, int) else 0


def document_in(active: Obj | None, file: str) -> bytes:
    """A document that the active ConfigMap holds, the stable one or the canary's; empty where there is none."""
    text = ((active or {}).get("data") or {}).get(file, "")
    return text.encode() if isinstance(text, str) else b""


def stable_document(active: Obj | None) -> bytes:
    """The stable one."""
    return document_in(active, STABLE_FILE)


def owner_reference(router: Obj) -> Mapping[str, Any]:
    """Makes the garbage collector take the child away with the router, whether an operator runs or not."""
    metadata = router["metadata"]
    return {
        "apiVersion": ROUTER.api_version,
        "kind": ROUTER.kind,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": False,
    }


def child(
    kind: Kind, router: Obj, name: str, labels: Mapping[str, str], annotations: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What all of a router's children have in common."""
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": router["metadata"]["namespace"],
        "labels": {MANAGED_BY_LABEL: OPERATOR, ROUTER_LABEL: router["metadata"]["name"], **labels},
        "ownerReferences": [owner_reference(router)],
    }
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}
