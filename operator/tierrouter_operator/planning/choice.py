"""Which revision is to be in force: the newest that can be, the one that is pinned, or the one that is in force."""

from dataclasses import dataclass, replace

from tierrouter_core.contract import ConditionReason
from tierrouter_core.document.codec import document_digest, document_from_bytes, document_to_bytes, revision_name
from tierrouter_core.document.model import MAX_DOCUMENT_BYTES, Document
from tierrouter_core.errors import ConfigurationError, DocumentError
from tierrouter_core.resources.compile import compile_router, needs_prices
from tierrouter_core.resources.inputs import canonical
from tierrouter_core.resources.prices import PriceOf
from tierrouter_core.resources.revision import OriginType
from tierrouter_operator.planning.asked import Asked, read_asked
from tierrouter_operator.planning.changes import what_changed
from tierrouter_operator.planning.children import Whose, whose
from tierrouter_operator.planning.history import History, Moved, Revision, is_document
from tierrouter_operator.planning.observed import Observed
from tierrouter_operator.planning.providers import judge
from tierrouter_operator.planning.references import secret_of
from tierrouter_operator.planning.trouble import Trouble, in_one_message, problems_of


@dataclass(frozen=True, slots=True)
class Choice:
    """The revision to be in force, and why that one."""

    revision: Revision
    document: bytes
    reason: OriginType
    """Why it comes into force, where it is not already."""
    message: str
    inputs_digest: str
    spec_digest: str
    is_pinned: bool = False
    trouble: Trouble | None = None
    """Why this is not, or not all, that was asked for."""
    run: str = ""
    """The RegressionRun that decided it; empty for none."""
    moved: Moved | None = None
    """What regression runs have moved of it; None where the revision's own spec says that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What makes a new revision."""

    cause: OriginType
    run: str
    message: str
    number: int


class Chooser:
    """Reads what is asked for once, and decides."""

    def __init__(self, observed: Observed, history: History) -> None:
        self._observed = observed
        self._history = history
        self._basis = history.basis
        self.asked = read_asked(observed, history.moved)

    def wanted_prices(self) -> tuple[tuple[str, str, str], ...]:
        """What has to be looked up before :meth:`choose`; empty where nothing has to be compiled."""
        if isinstance(self.asked, Trouble) or self._pinned() is not None or self.settled(self.asked) is not None:
            return ()
        try:
            return needs_prices(self.asked.router, self.asked.providers)
        except ConfigurationError:
            return ()

    def choose(self, price_of: PriceOf) -> Choice | Trouble:
        """The choice, or why there is nothing that could be in force."""
        wanted = str(self._observed.router["spec"].get("pinnedRevision") or "")
        if not wanted:
            return self._newest(price_of)
        found = self._pinned()
        if found is not None:
            return self._held(*found)
        trouble = self._why_not_pinned(wanted)
        return self._in_force(trouble) or self._with_trouble(self._newest(price_of), trouble)

    def _newest(self, price_of: PriceOf) -> Choice | Trouble:
        if isinstance(self.asked, Trouble):
            return self._in_force(self.asked) or self.asked
        chosen = self.settled(self.asked) or self.compiled(self.asked, price_of)
        if isinstance(chosen, Trouble):
            return self._in_force(chosen) or chosen
        stable = self._history.stable
        if stable is not None and chosen.revision.name != stable.name:
            trouble = self._not_better(chosen.document)
            if trouble is not None:
                return self._in_force(trouble) or chosen
        return chosen

    def settled(self, asked: Asked) -> Choice | None:
        """A revision that is there and stands for exactly what is asked; prices of today play no part in it."""
        history = self._history
        candidates = [revision for revision in history.revisions if revision.inputs_digest == asked.inputs_digest]
        if history.stable is not None and history.inputs_digest == asked.inputs_digest:
            candidates.insert(0, history.stable)
        for revision in candidates:
            document = history.document_of(revision)
            if document is not None:
                return self._return_to(revision, document, asked)
        return None

    def _return_to(self, revision: Revision, document: bytes, asked: Asked) -> Choice:
        is_unpinned = self._history.unpinned is not None
        if not is_unpinned and _was_proposed(revision):
            return _choice(revision, document, OriginType.MANUAL, str(revision.spec["origin"]["message"]), asked)
        reason = OriginType.MANUAL if is_unpinned else self._cause(asked)
        message = f"{'the pin is gone' if is_unpinned else 'asked for again'}: what revision {revision.number} holds"
        return _choice(revision, document, reason, message, asked)

    def compiled(self, asked: Asked, price_of: PriceOf, why: Why | None = None) -> Choice | Trouble:
        """A revision of what is asked, a new one where there is none; ``why`` it is made, if not by its user."""
        try:
            document = compile_router(asked.router, asked.providers, price_of).document
        except ConfigurationError as error:
            return Trouble(ConditionReason.INVALID, problems_of(error))
        if document.baseline is not None and document.baseline.price is None:
            return Trouble(
                ConditionReason.BASELINE_PRICE_MISSING,
                f"spec.baselineModel: no price is known for {document.baseline.model}, so no saving can be told; give "
                "it a priceUSDPerMTok in a ModelProvider, or name another model, or none",
            )
        try:
            data = document_to_bytes(document)
        except DocumentError as error:
            is_large = str(MAX_DOCUMENT_BYTES) in str(error)
            reason = ConditionReason.DOCUMENT_TOO_LARGE if is_large else ConditionReason.INVALID
            return Trouble(reason, str(error))
        name = revision_name(document)
        known = self._history.find(name)
        if known is not None and is_document(data, known.document_digest):
            return self._return_to(known, data, asked)
        begun = self._history.remembered(name)
        if begun is not None and is_document(data, begun.document_digest):
            # The ConfigMap was written, and then nothing more.
            cause, said = OriginType(begun.spec["origin"]["type"]), begun.spec["origin"]["message"]
            return _choice(begun, data, cause, said, asked)
        return self._taken(name, data) or self._new(name, data, document, asked, why)

    def _new(self, name: str, data: bytes, document: Document, asked: Asked, why: Why | None) -> Choice:
        why = why or self._by_user(document, asked)
        spec = {
            "router": asked.router.name,
            "number": why.number,
            "inputsDigest": asked.inputs_digest,
            "documentDigest": document_digest(document),
            "base": canonical(asked.base),
            "overlay": canonical(asked.overlay),
            "origin": {"type": str(why.cause), "run": why.run, "message": why.message},
        }
        return _choice(Revision(name, spec, None), data, why.cause, why.message, asked)

    def _by_user(self, document: Document, asked: Asked) -> Why:
        cause, message = self._cause(asked), "the first revision"
        if self._basis is not None:
            before = self._history.document_of(self._basis)
            # A basis that is lost tells nothing of what changed.
            message = "made again" if before is None else what_changed(document_from_bytes(before), document)
        if self._basis is not None and self._basis.inputs_digest == asked.inputs_digest:
            cause, message = OriginType.RECOVERY, f"the document of revision {self._basis.number} was lost"
        return Why(cause=cause, run="", message=message, number=self._history.next_number)

    def _cause(self, asked: Asked) -> OriginType:
        before = self._history.spec_digest
        return OriginType.PROVIDER_CHANGE if before == asked.spec_digest else OriginType.SPEC_CHANGE

    def _taken(self, name: str, data: bytes) -> Trouble | None:
        """Whether something else has the new revision's name."""
        router = self._observed.router
        found = self._observed.config_maps.get(name)
        same_name = [obj for obj in self._observed.revisions if obj["metadata"]["name"] == name]
        for obj, what in [(found, "ConfigMap"), *((obj, "RouterRevision") for obj in same_name)]:
            if obj is None:
                continue
            if whose(obj, router) is Whose.EARLIER:
                return waiting(what, name)
            if whose(obj, router) is Whose.FOREIGN or self._history.find(name) is not None:
                return taken(what, name)
        if found is not None and data.decode() not in (found.get("data") or {}).values():
            return taken("ConfigMap", name)
        return None

    def _not_better(self, document: bytes) -> Trouble | None:
        """Keys that the new document needs and that are not there, though the one in force does without them."""
        missing = []
        in_force = self._stable_document()
        served = {} if in_force is None else document_from_bytes(in_force).providers
        for name, provider in document_from_bytes(document).providers.items():
            before, obj = served.get(name), self._observed.providers.get(name)
            reference = (provider.secret_name, provider.secret_key)
            if before is not None and (before.secret_name, before.secret_key) == reference:
                continue
            judged = None if obj is None else judge(obj, self._observed.secrets.get(secret_of(obj)))
            if judged is not None and judged.trouble is not None:
                missing.append(judged.trouble)
        if not missing:
            return None
        return Trouble(missing[0].reason, in_one_message([trouble.message for trouble in missing]))

    def _pinned(self) -> tuple[Revision, bytes] | None:
        revision = self._history.find(str(self._observed.router["spec"].get("pinnedRevision") or ""))
        document = None if revision is None else self._history.document_of(revision)
        return None if revision is None or document is None else (revision, document)

    def _why_not_pinned(self, wanted: str) -> Trouble:
        if self._history.find(wanted) is not None:
            return lost(wanted)
        there = ", ".join(revision.name for revision in self._history.revisions[:10]) or "none"
        message = f"spec.pinnedRevision: there is no revision {wanted} of this router; there are: {there}"
        return Trouble(ConditionReason.PIN_MISSING, message)

    def _held(self, revision: Revision, document: bytes) -> Choice:
        digest, spec = revision.inputs_digest, ""
        if self._history.stable is not None and self._history.stable.name == revision.name:
            digest, spec = self._history.inputs_digest or digest, self._history.spec_digest
        message = f"spec.pinnedRevision holds revision {revision.number}"
        moved = self._history.moved
        return Choice(revision, document, OriginType.MANUAL, message, digest, spec, is_pinned=True, moved=moved)

    def _in_force(self, trouble: Trouble) -> Choice | None:
        """What is in force stays so; None where there is nothing, or its document is lost."""
        stable, unpinned = self._history.stable, self._history.unpinned
        if unpinned is not None and not self._observed.router["spec"].get("pinnedRevision"):
            # The pin is gone and there is nothing newer: what it kept out of force comes back.
            document = self._history.document_of(unpinned)
            if document is not None:
                message = f"the pin is gone: back to revision {unpinned.number}"
                digest = unpinned.inputs_digest
                moved = self._history.moved
                return Choice(unpinned, document, OriginType.MANUAL, message, digest, "", trouble=trouble, moved=moved)
        document = self._stable_document()
        if stable is None or document is None:
            return None
        digest = self._history.inputs_digest or stable.inputs_digest
        spec = self._history.spec_digest
        said, moved = "put back in force", self._history.moved
        return Choice(stable, document, OriginType.RECOVERY, said, digest, spec, trouble=trouble, moved=moved)

    def _stable_document(self) -> bytes | None:
        return None if self._history.stable is None else self._history.document_of(self._history.stable)

    def _with_trouble(self, choice: Choice | Trouble, trouble: Trouble) -> Choice | Trouble:
        return replace(choice, trouble=trouble) if isinstance(choice, Choice) else trouble


def _was_proposed(revision: Revision) -> bool:
    """Whether a revision was made of a proposal, and has been in force at no time."""
    activations = ((revision.obj or {}).get("status") or {}).get("activations")
    return revision.spec["origin"]["type"] == OriginType.MANUAL and not activations


def _choice(revision: Revision, document: bytes, reason: OriginType, message: str, asked: Asked) -> Choice:
    moved = Moved(asked.base, asked.overlay)
    return Choice(revision, document, reason, message, asked.inputs_digest, asked.spec_digest, moved=moved)


def taken(what: str, name: str) -> Trouble:
    """An object that is not the router's has a name that it needs."""
    return Trouble(
        ConditionReason.NAME_TAKEN,
        f"there is a {what} {name} that this router did not make; it is left alone. Delete or rename it, or rename "
        "the router",
    )


def waiting(what: str, name: str) -> Trouble:
    """An object of a deleted router of the same name is still there."""
    return Trouble(
        ConditionReason.WAITING_FOR_DELETION,
        f"the {what} {name} of a deleted router of this name is being deleted; the router goes on when it is gone",
    )


def lost(name: str) -> Trouble:
    """A revision has no document."""
    return Trouble(
        ConditionReason.DOCUMENT_LOST,
        f"the document of revision {name} is lost: its ConfigMap is gone, or holds something else",
    )
