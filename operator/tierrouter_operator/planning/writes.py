"""What a plan may ask for. The shell does these in their order, and does not go on after one that failed."""

from dataclasses import dataclass

from tierrouter_operator.planning.kinds import Kind, Obj


@dataclass(frozen=True, slots=True)
class Create:
    """POST: fails where an object of that name is there already, whoever made it."""

    body: Obj


@dataclass(frozen=True, slots=True)
class Apply:
    """Server-side apply, forced, of an object that is ours: ``metadata.uid`` is set, so that no other is touched."""

    body: Obj


@dataclass(frozen=True, slots=True)
class Replace:
    """PUT of an object that is ours, at the ``metadata.resourceVersion`` seen: for what an apply can't remove."""

    body: Obj


@dataclass(frozen=True, slots=True)
class ApplyStatus:
    """Server-side apply of the status alone; ``metadata.uid`` is set."""

    body: Obj


@dataclass(frozen=True, slots=True)
class MergeStatus:
    """Merge patch of the status alone, at the ``metadata.resourceVersion`` seen.

    For a few fields of a status that others write too: an apply would take back what an earlier one of ours had.
    """

    body: Obj


@dataclass(frozen=True, slots=True)
class DeleteRevisions:
    """Delete those objects of ``kind`` (RouterRevision or ConfigMap) that are labelled with these revisions' names."""

    kind: Kind
    namespace: str
    router: str
    revisions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete this very object, with what it has made."""

    kind: Kind
    found: Obj


@dataclass(frozen=True, slots=True)
class PostEvent:
    """An event; losing it is no failure."""

    about: Obj
    """The TierRouter or ModelProvider, as it was observed."""
    type: str
    """``Normal`` or ``Warning``."""
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell those whom a suite names in ``spec.notify``; whether it reaches them holds nothing up."""

    namespace: str
    secret: str
    """The Secret that has the address."""
    key: str
    text: str


Write = Create | Apply | Replace | ApplyStatus | MergeStatus | DeleteRevisions | Delete | PostEvent | Tell


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that differs from what should be; nothing to write means that all is as it should be."""

    writes: tuple[Write, ...] = ()
    look_again_after_s: float | None = None
    """Something depends on the time: plan again then, even if nothing happens."""
