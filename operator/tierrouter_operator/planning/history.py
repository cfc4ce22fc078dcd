"""The revisions that a router has, and which of them the active ConfigMap says is in force."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tierrouter_core.canonical import canonical_json, digest
from tierrouter_core.contract import (
    CANARY_FILE,
    CANARY_REVISION,
    DOCUMENT_FILE,
    INPUTS_DIGEST,
    MOVED,
    REVISION_SPEC,
    ROLLOUT,
    SPEC_DIGEST,
    STABLE_FILE,
    STABLE_REVISION,
    UNPINNED_REVISION,
    active_name,
)
from tierrouter_core.resources.revision import Phase, TunedValues
from tierrouter_operator.planning.children import annotation, document_in, generation_of, is_ours
from tierrouter_operator.planning.kinds import Obj
from tierrouter_operator.planning.observed import Observed
from tierrouter_operator.planning.rollout import rollout_from, values_from


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision: a RouterRevision, or what its ConfigMap remembers of one that is gone."""

    name: str
    spec: Mapping[str, Any]
    obj: Obj | None
    """The RouterRevision; None where it has to be made again."""

    @property
    def number(self) -> int:
        """Counted from 1 for each router."""
        return int(self.spec["number"])

    @property
    def inputs_digest(self) -> str:
        """Digest of what was compiled."""
        return str(self.spec["inputsDigest"])

    @property
    def document_digest(self) -> str:
        """Digest of what came of it."""
        return str(self.spec["documentDigest"])

    @property
    def base(self) -> TunedValues:
        """What the router's spec said of what may be moved."""
        return values_from(self.spec["base"])

    @property
    def overlay(self) -> TunedValues:
        """What regression runs made of it."""
        return values_from(self.spec["overlay"])

    @property
    def phase(self) -> str:
        """Its phase as its status says it; empty where it says none."""
        return str(((self.obj or {}).get("status") or {}).get("phase", ""))


@dataclass(frozen=True, slots=True)
class Moved:
    """What regression runs have moved, and from what."""

    base: TunedValues
    """What the spec said then."""
    overlay: TunedValues


class History:
    """What a router has been. The annotations of the active ConfigMap are the truth, all else is made from them."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed
        router = observed.router
        self.active = self._own(active_name(router["metadata"]["name"]))
        found = {
            obj["metadata"]["name"]: Revision(obj["metadata"]["name"], obj["spec"], obj)
            for obj in observed.revisions
            if is_ours(obj, router)
        }
        self._numbers = [revision.number for revision in found.values()]
        stable, unpinned = self._annotation(STABLE_REVISION), self._annotation(UNPINNED_REVISION)
        self.canary_name = self._annotation(CANARY_REVISION)
        self.rollout = rollout_from(self._annotation(ROLLOUT))
        """The newest one, whether it is over or not; None where there was none yet."""
        tried = self.rollout.revision if self.rollout is not None and self.rollout.is_live else ""
        for name in observed.config_maps:
            remembered = None if name in found else self.remembered(name)
            if remembered is not None:
                # Its number stays taken even where the revision itself is not wanted any more.
                self._numbers.append(remembered.number)
                if name in (stable, unpinned, tried, router["spec"].get("pinnedRevision")):
                    found[name] = remembered
        if stable and stable not in found and (lost := self._spec_in(self.active)) is not None:
            # Its ConfigMap is gone as well: all there is of it is in force.
            found[stable] = Revision(stable, lost, None)
            self._numbers.append(found[stable].number)
        self.revisions = tuple(sorted(found.values(), key=lambda revision: -revision.number))
        """Newest first."""
        self.stable = found.get(stable) if stable else self._last_in_force()
        """In force: by the truth, or where that is lost, by what the statuses still say."""
        self.unpinned = found.get(unpinned)
        """In force when the pin began; None where there is no pin."""

    @property
    def basis(self) -> Revision | None:
        """The revision that decisions change: in force, or kept out of force by a pin."""
        return self.unpinned or self.stable

    @property
    def moved(self) -> Moved | None:
        """What regression runs have moved of the basis: the overlay in force, unless a pin holds another revision."""
        if self.basis is None:
            return None
        try:
            said = orjson.loads(self._annotation(MOVED))
            return Moved(values_from(said["base"]), values_from(said["overlay"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            return Moved(self.basis.base, self.basis.overlay)

    @property
    def inputs_digest(self) -> str:
        """Of the inputs that the stable revision stands for; empty where that is not known."""
        return self._annotation(INPUTS_DIGEST)

    @property
    def spec_digest(self) -> str:
        """Of the router's own part of them."""
        return self._annotation(SPEC_DIGEST)

    @property
    def next_number(self) -> int:
        """The number of a revision that would be made now."""
        return max(self._numbers, default=0) + 1

    @property
    def next_generation(self) -> int:
        """The number of the next bundle: higher than that of any that a sidecar can have seen."""
        if self.active is not None:
            return generation_of(self.active) + 1
        activations = [(revision.obj or {}).get("status", {}).get("activations") or () for revision in self.revisions]
        return sum(map(len, activations)) + 1

    def find(self, name: str) -> Revision | None:
        """The revision of that name."""
        return next((revision for revision in self.revisions if revision.name == name), None)

    def document_of(self, revision: Revision) -> bytes | None:
        """The revision's document, checked; None where it is lost.

        It is looked for in the revision's own ConfigMap, then in the active one.
        """
        own = self._own(revision.name)
        text = ((own or {}).get("data") or {}).get(DOCUMENT_FILE)
        if isinstance(text, str) and is_document(text.encode(), revision.document_digest):
            return text.encode()
        for file in (STABLE_FILE, CANARY_FILE):
            mounted = document_in(self.active, file)
            if is_document(mounted, revision.document_digest):
                return mounted
        return None

    def has_own_config_map(self, revision: Revision) -> bool:
        """Whether the revision's ConfigMap is there, whatever it holds."""
        return self._own(revision.name) is not None

    def _own(self, name: str) -> Obj | None:
        obj = self._observed.config_maps.get(name)
        return obj if obj is not None and is_ours(obj, self._observed.router) else None

    def _annotation(self, name: str) -> str:
        return annotation(self.active, name) if self.active is not None else ""

    def remembered(self, name: str) -> Revision | None:
        """What the ConfigMap of a revision says of it, where the revision itself is not there, or not yet."""
        spec = self._spec_in(self._own(name))
        return None if spec is None else Revision(name, spec, None)

    def _spec_in(self, own: Obj | None) -> Mapping[str, Any] | None:
        try:
            found = orjson.loads(annotation(own, REVISION_SPEC)) if own is not None else None
        except orjson.JSONDecodeError:
            return None
        return found if isinstance(found, dict) else None

    def _last_in_force(self) -> Revision | None:
        said = (self._observed.router.get("status") or {}).get("activeRevision")
        by_status = [revision for revision in self.revisions if revision.name == said]
        by_phase = [revision for revision in self.revisions if revision.phase == Phase.ACTIVE]
        return next(iter((*by_status, *by_phase)), None)


def is_document(data: bytes, sha256: str) -> bool:
    """Whether ``data`` is the document with this digest, whole."""
    try:
        body = orjson.loads(data)
        return body.pop("sha256") == sha256 and digest(canonical_json(body)) == sha256
    except (ValueError, KeyError, AttributeError, TypeError):
        return False
