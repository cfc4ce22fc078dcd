"""What the operator saw of one router or one provider, at one time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tierrouter_operator.planning.kinds import RUN, Kind, Obj
from tierrouter_operator.planning.model_server_state import Said
from tierrouter_operator.planning.sidecars import NOTHING_SEEN, Fleet


@dataclass(frozen=True, slots=True)
class Refusal:
    """A write that the API server would not take, however often it is tried."""

    what: str
    """The object, for people: ``ConfigMap agents/coding-active``."""
    kind: Kind
    message: str
    """The API server's own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A router and everything that decides what becomes of it. Selected, never judged."""

    router: Obj
    providers: Mapping[str, Obj]
    """Every ModelProvider of the namespace, by name."""
    secrets: Mapping[str, Obj]
    """Users' Secrets that those providers name, by name; one that is not there is missing here too."""
    revisions: tuple[Obj, ...]
    """Every RouterRevision of the namespace that names the router or carries its label."""
    config_maps: Mapping[str, Obj]
    """By name: those that carry the router's label, and any other whose name was found taken."""
    credentials: Obj | None
    """The Secret of that name, whoever made it."""
    now: datetime
    """UTC."""
    model_server: Mapping[Kind, Obj] = field(default_factory=dict)
    """What has the names of its model server's parts, whoever made it."""
    said: Said | None = None
    """How far its model server is."""
    suites: Mapping[str, Obj] = field(default_factory=dict)
    """RegressionSuites of the router, by name."""
    runs: tuple[Obj, ...] = ()
    """RegressionRuns of those suites."""
    fleet: Fleet = NOTHING_SEEN
    """What was seen of its pods."""
    refused: Refusal | None = None
    """The write that ended the last attempt, where that was the API server's last word."""

    @property
    def refused_run(self) -> Refusal | None:
        """Where what became of a decision can't be written into its run."""
        return self.refused if self.refused is not None and self.refused.kind is RUN else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedProvider:
    """A ModelProvider and its Secret."""

    provider: Obj
    secret: Obj | None
    """The Secret that it names; None where it names none, or that is not there."""
    now: datetime
    """UTC."""
