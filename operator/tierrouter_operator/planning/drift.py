"""Whether an object still is as we made it, though the API server has filled in what we left out."""

from collections.abc import Mapping, Sequence
from typing import Any

from tierrouter_core.canonical import canonical_json, digest
from tierrouter_core.contract import WANTED_DIGEST
from tierrouter_operator.injection.quantities import amount
from tierrouter_operator.planning.kinds import CLAIM, Obj, kind_of
from tierrouter_operator.planning.writes import Apply, Create, Replace, Write


def put_right(wanted: Obj, found: Obj | None) -> list[Write]:
    """The writes after which ``found`` is as ``wanted``; none where it is.

    What others have added is let be, so that there is no quarrel with those who mean well, until we ourselves want
    something else than before: then it goes.
    """
    mark = digest(canonical_json(wanted["spec"]))
    metadata = {**wanted["metadata"], "annotations": {WANTED_DIGEST: mark}}
    wanted = {**wanted, "metadata": metadata}
    if found is None:
        return [Create(wanted)]
    if kind_of(wanted) is CLAIM:
        return _grown(wanted, found)
    there = found["metadata"]
    labels, annotations = there.get("labels") or {}, there.get("annotations") or {}
    is_marked = metadata["labels"].items() <= labels.items() and annotations.get(WANTED_DIGEST) == mark
    if is_marked and holds(found.get("spec"), wanted["spec"]):
        return []
    merged = {**metadata, "labels": {**labels, **metadata["labels"]}}
    merged["annotations"] = {**annotations, WANTED_DIGEST: mark}
    merged |= {key: there[key] for key in ("uid", "resourceVersion", "finalizers") if key in there}
    # The rest of the spec is the API server's (addresses of a Service), and can't be changed.
    return [Replace({**wanted, "metadata": merged, "spec": {**(found.get("spec") or {}), **wanted["spec"]}})]


def _grown(wanted: Obj, found: Obj) -> list[Write]:
    """A claim can become larger, and nothing else."""
    asked = amount(wanted["spec"]["resources"]["requests"]["storage"])
    has = amount((((found.get("spec") or {}).get("resources") or {}).get("requests") or {}).get("storage"))
    if asked is None or (has is not None and asked <= has):
        return []
    spec = {"resources": wanted["spec"]["resources"]}
    return [Apply({**wanted, "metadata": {**wanted["metadata"], "uid": found["metadata"]["uid"]}, "spec": spec})]


def holds(found: Any, wanted: Any) -> bool:
    """Whether ``found`` says everything that ``wanted`` says.

    A field more is no difference: it may be the API server's default. Neither is a named item more in a list.
    Quantities are equal that mean the same, since the API server writes them in its own way (``1024Mi``: ``1Gi``).
    """
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            key in found and holds(found[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        return isinstance(found, Sequence) and not isinstance(found, str) and _holds_items(found, wanted)
    return bool(found == wanted) or _is_same_quantity(found, wanted)


def _holds_items(found: Sequence[Any], wanted: Sequence[Any]) -> bool:
    if wanted and all(isinstance(item, Mapping) and "name" in item for item in wanted):
        named = {item.get("name"): item for item in found if isinstance(item, Mapping)}
        return all(holds(named.get(item["name"]), item) for item in wanted)
    return len(found) == len(wanted) and all(holds(there, item) for there, item in zip(found, wanted, strict=True))


def _is_same_quantity(found: Any, wanted: Any) -> bool:
    if not (isinstance(found, str) and isinstance(wanted, str)):
        return False
    number = amount(wanted)
    return number is not None and amount(found) == number
