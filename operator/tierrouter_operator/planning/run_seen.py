"""A RegressionRun as it was observed, read with care: nothing here is judged."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tierrouter_core.resources.regression_run import Cell, RunPhase, RunSource
from tierrouter_operator.planning.kinds import Obj
from tierrouter_operator.planning.references import suite_of


@dataclass(frozen=True, slots=True)
class Run:
    """One run. The API server has checked its form."""

    obj: Obj

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.obj["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return str(self.obj["metadata"]["namespace"])

    @property
    def suite(self) -> str:
        """The suite that it names."""
        return suite_of(self.obj)

    @property
    def revision(self) -> str:
        """The revision that is tested."""
        return str(self.obj["spec"]["revision"])

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The matrix, in its order."""
        return tuple(
            Cell(
                name=each["name"],
                tier=each["tier"],
                provider=each["provider"],
                model=each["model"],
                is_candidate=each["candidate"],
            )
            for each in self.obj["spec"]["matrix"]
        )

    @property
    def has_jobs(self) -> bool:
        """Whether its results come from Jobs; CI brings its own."""
        return str(self.obj["spec"]["source"]) != RunSource.CI

    @property
    def status(self) -> Mapping[str, Any]:
        """As it stands."""
        return self.obj.get("status") or {}

    @property
    def phase(self) -> RunPhase:
        """How far it is."""
        return RunPhase(self.status.get("phase") or RunPhase.PENDING)

    @property
    def has_ended(self) -> bool:
        """Nothing more becomes of it."""
        return self.phase in (RunPhase.DECIDED, RunPhase.FAILED)

    @property
    def is_leaving(self) -> bool:
        """Somebody deletes it."""
        return bool(self.obj["metadata"].get("deletionTimestamp"))

    @property
    def results(self) -> Mapping[str, Mapping[str, Any]]:
        """By cell."""
        return {each["name"]: each for each in self.status.get("results") or ()}

    @property
    def started(self) -> tuple[str, ...]:
        """Cells whose Job was made at some time."""
        return tuple(self.status.get("started") or ())

    @property
    def decision(self) -> Mapping[str, Any]:
        """As it stands; empty before there is one."""
        return self.status.get("decision") or {}

    @property
    def made_at(self) -> datetime:
        """When it was made."""
        return time_of(self.obj["metadata"].get("creationTimestamp")) or _LONG_AGO

    @property
    def ended_at(self) -> datetime:
        """When it came to its end; of one that has none, when it was made."""
        return time_of(self.status.get("completionTime")) or self.made_at


_LONG_AGO = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def time_of(text: Any) -> datetime | None:
    """A time as Kubernetes writes it; None for what is none."""
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def oldest_first(runs: Iterable[Run]) -> Sequence[Run]:
    """In the order in which they were made."""
    return sorted(runs, key=lambda run: (run.made_at, run.name))


def newest_decided(runs: Iterable[Run]) -> Run | None:
    """The run that was decided last: what the next decision goes on from."""
    decided = [run for run in runs if run.phase is RunPhase.DECIDED and run.decision]
    return max(decided, key=lambda run: (run.ended_at, run.name), default=None)
