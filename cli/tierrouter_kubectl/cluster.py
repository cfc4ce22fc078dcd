"""Routers, revisions and documents as the cluster has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from tierrouter_core.contract import (
    ACTIVATION,
    CANARY_REVISION,
    DOCUMENT_FILE,
    PROPOSAL,
    PROPOSED_REVISION,
    ROLLOUT,
    STABLE_REVISION,
    UNPINNED_REVISION,
    active_name,
)
from tierrouter_core.document.codec import named_document_from_bytes
from tierrouter_core.document.model import Document
from tierrouter_core.errors import DocumentError
from tierrouter_core.resources.kinds import did_you_mean
from tierrouter_core.resources.proposal import Proposal, proposal_from
from tierrouter_kubectl.errors import PluginError
from tierrouter_operator.client import Client
from tierrouter_operator.errors import ConflictError, NotFoundError, RefusedError
from tierrouter_operator.planning.kinds import CONFIG_MAP, REVISION, ROUTER, RUN, SUITE
from tierrouter_operator.planning.references import suite_of
from tierrouter_operator.planning.rollout import Rollout, rollout_from

Obj = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterState:
    """A router with its revisions, and what is in force."""

    router: Obj
    revisions: Sequence[Obj]
    """Newest first."""
    active: Obj | None
    """The active ConfigMap; None where nothing was published."""

    @property
    def name(self) -> str:
        """The router's name."""
        return str(self.router["metadata"]["name"])

    @property
    def in_force(self) -> str:
        """The name of the stable revision, by the active ConfigMap; empty for none."""
        return self._annotation(STABLE_REVISION)

    @property
    def canary(self) -> str:
        """The name of the canary revision; empty for none."""
        return self._annotation(CANARY_REVISION)

    @property
    def unpinned(self) -> str:
        """While a revision is pinned: what was in force before."""
        return self._annotation(UNPINNED_REVISION)

    @property
    def pinned(self) -> str:
        """What the spec pins; empty for nothing."""
        return str(self.router["spec"].get("pinnedRevision") or "")

    @property
    def activation(self) -> Mapping[str, Any]:
        """Why and since when the stable revision is in force."""
        try:
            found = orjson.loads(self._annotation(ACTIVATION))
        except orjson.JSONDecodeError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def rollout(self) -> Rollout | None:
        """The newest revision that a regression run made and that did not act at once; None for none yet."""
        return rollout_from(self._annotation(ROLLOUT))

    @property
    def proposal(self) -> Proposal | None:
        """The spec that is proposed; None for none, or for what is no proposal."""
        try:
            return proposal_from(str((self.router["metadata"].get("annotations") or {}).get(PROPOSAL, "")))
        except DocumentError:
            return None

    @property
    def proposed(self) -> str:
        """The name of the revision that was made of what is proposed now; empty for none, or none yet."""
        name, _, nonce = self._annotation(PROPOSED_REVISION).partition("@")
        proposal = self.proposal
        return name if proposal is not None and proposal.nonce == nonce else ""

    def find(self, wanted: str) -> Obj:
        """A revision by its name, its number, or ``active``, ``previous``.

        Raises:
            PluginError: there is no such thing.
        """
        if wanted == "active":
            wanted = self.in_force
        elif wanted == "previous":
            return self.previous()
        for revision in self.revisions:
            if wanted in (revision["metadata"]["name"], str(revision["spec"]["number"])):
                return revision
        names = [str(revision["metadata"]["name"]) for revision in self.revisions]
        there = ", ".join(f"{each['spec']['number']} ({each['metadata']['name']})" for each in self.revisions[:8])
        hint = did_you_mean(wanted, names) or f"; there are: {there or 'none'}"
        raise PluginError(f"router {self.name} has no revision {wanted}{hint}")

    def previous(self) -> Obj:
        """The revision that was in force before the present one; raises PluginError where none is kept."""
        times = [
            (str(activation.get("time", "")), revision["spec"]["number"], revision)
            for revision in self.revisions
            if revision["metadata"]["name"] != self.in_force
            for activation in (revision.get("status") or {}).get("activations") or ()
        ]
        if not times:
            raise PluginError(f"router {self.name} has no earlier revision that was in force: nothing to go back to")
        return max(times, key=lambda each: each[:2])[2]

    def _annotation(self, name: str) -> str:
        annotations = {} if self.active is None else self.active["metadata"].get("annotations") or {}
        return str(annotations.get(name, ""))


class Cluster:
    """What the plugin asks of the API server, in one namespace."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self.namespace = namespace

    async def routers(self, namespace: str | None = None) -> list[Obj]:
        """Every router of the namespace; of all namespaces for an empty one."""
        where = self.namespace if namespace is None else namespace
        try:
            return [each async for each in self._client.list(ROUTER.path(where))]
        except NotFoundError:
            raise PluginError("the cluster does not know TierRouters; apply crds/*.yaml first") from None

    async def state(self, name: str, namespace: str | None = None) -> RouterState:
        """One router; raises PluginError where there is none of that name."""
        where = self.namespace if namespace is None else namespace
        try:
            router = await self._client.get(ROUTER.path(where, name))
        except NotFoundError:
            names = [str(each["metadata"]["name"]) for each in await self.routers(where)]
            hint = did_you_mean(name, names) or (f"; there are: {', '.join(names)}" if names else "")
            raise PluginError(f"there is no TierRouter {name} in namespace {where}{hint}") from None
        found = [each async for each in self._client.list(REVISION.path(where)) if each["spec"]["router"] == name]
        try:
            active: Obj | None = await self._client.get(CONFIG_MAP.path(where, active_name(name)))
        except NotFoundError:
            active = None
        revisions = sorted(found, key=lambda each: -int(each["spec"]["number"]))
        return RouterState(router=router, revisions=revisions, active=active)

    async def runs(self, name: str) -> list[Obj]:
        """The RegressionRuns of a router's suites."""
        suites = {
            str(each["metadata"]["name"])
            async for each in self._client.list(SUITE.path(self.namespace))
            if each["spec"].get("router") == name
        }
        return [each async for each in self._client.list(RUN.path(self.namespace)) if suite_of(each) in suites]

    async def annotate(self, router: Obj, annotation: str, value: str | None) -> None:
        """Set an annotation of a TierRouter, or take it away; raises PluginError where that is not allowed."""
        metadata = router["metadata"]
        body = {"metadata": {"uid": metadata["uid"], "annotations": {annotation: value}}}
        try:
            await self._client.merge(ROUTER.path(self.namespace, str(metadata["name"])), body)
        except RefusedError as error:
            raise PluginError(f"the API server refuses it: {error.said}") from None

    async def take_over(self, router: Obj, proposal: Proposal) -> None:
        """Write what is proposed into the router, which was proposed for this very state of it.

        Raises:
            PluginError: it has changed meanwhile, or that is not allowed.
        """
        metadata = router["metadata"]
        annotations = {key: value for key, value in metadata["annotations"].items() if key != PROPOSAL}
        # A PUT at the version that was read: of what is proposed nothing is merged with what is there.
        body = {
            **router,
            "metadata": {**metadata, "annotations": annotations},
            "spec": proposal.brought_to(router["spec"]),
        }
        try:
            await self._client.replace(ROUTER.path(self.namespace, str(metadata["name"])), body)
        except ConflictError:
            raise PluginError(f"{metadata['name']} has changed meanwhile; try again") from None
        except RefusedError as error:
            raise PluginError(f"the API server refuses it: {error.said}") from None

    async def only_router(self) -> str:
        """The name of the namespace's only router; raises PluginError where that is not one."""
        names = [str(each["metadata"]["name"]) for each in await self.routers()]
        if len(names) == 1:
            return names[0]
        found = f"has {len(names)} TierRouters ({', '.join(names)})" if names else "has no TierRouter"
        raise PluginError(f"namespace {self.namespace} {found}; name one with --router")

    async def document(self, revision: Obj) -> Document:
        """The document of a RouterRevision; raises PluginError where it is lost, or is another."""
        name = revision["metadata"]["name"]
        try:
            config_map = await self._client.get(CONFIG_MAP.path(self.namespace, name))
            document, named = named_document_from_bytes(str(config_map["data"][DOCUMENT_FILE]).encode())
        except (NotFoundError, KeyError, DocumentError) as error:
            raise PluginError(f"the document of revision {name} is lost ({error})") from None
        if named != name:
            raise PluginError(f"the document of revision {name} is lost: its ConfigMap holds another one")
        return document

    async def pin(self, router: Obj, revision: str | None, *, force: bool) -> Obj:
        """Set ``spec.pinnedRevision`` as the plugin's own field, or let go of it for None.

        Raises:
            PluginError: the field is somebody else's.
        """
        name = str(router["metadata"]["name"])
        body: dict[str, Any] = {
            "apiVersion": ROUTER.api_version,
            "kind": ROUTER.kind,
            # With its uid: one that was made anew meanwhile is not meant.
            "metadata": {"name": name, "namespace": self.namespace, "uid": router["metadata"]["uid"]},
            # The rest of the spec is its user's; an apply of nothing gives up what was applied before.
            **({} if revision is None else {"spec": {"pinnedRevision": revision}}),
        }
        try:
            return await self._client.apply(ROUTER.path(self.namespace, name), body, force=force)
        except ConflictError as error:
            said = str(error).partition(": 409 ")[2]
            raise PluginError(
                f"spec.pinnedRevision of {name} is somebody else's ({said}); take it with --force, or change it there"
            ) from None
        except RefusedError as error:
            raise PluginError(f"the API server refuses it: {error.said}") from None
