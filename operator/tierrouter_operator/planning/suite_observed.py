"""What the operator saw of one suite, at one time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tierrouter_operator.planning.kinds import CONFIG_MAP, JOB, ROLE_BINDING, SERVICE_ACCOUNT, Kind, Obj
from tierrouter_operator.planning.observed import Observed, Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
    """What the operator was told about the Jobs of runs."""

    results_image: str = ""
    """The image of the container that collects results; empty where nobody said."""
    results_role: str = "tierrouter-results"
    """The ClusterRole that lets the Jobs' account write results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedSuite:
    """A suite and everything that decides what becomes of it and of its runs. Selected, never judged."""

    name: str
    namespace: str
    suite: Obj | None
    """None where it is gone, and runs that name it are left."""
    router: Observed | None
    """The router that it names, with all that belongs to it; None where that is not there."""
    runs: tuple[Obj, ...]
    """Every RegressionRun that names the suite."""
    taken: frozenset[str]
    """The names of all RegressionRuns of the namespace."""
    objects: Mapping[tuple[Kind, str], Obj] = field(default_factory=dict)
    """Jobs of its runs; the account of Jobs and its binding; ConfigMaps of runs, as far as they were seen: no watch
    tells of the last three."""
    lost_pods: Mapping[str, tuple[Obj, ...]] = field(default_factory=dict)
    """The pods of Jobs that have failed for them, and whose cells have no results, by the Job's name."""
    settings: JobSettings = field(default_factory=JobSettings)
    now: datetime
    """UTC."""
    refused: Refusal | None = None
    """The write that ended the last attempt, where that was the API server's last word."""

    def job(self, name: str) -> Obj | None:
        """The Job of that name, whoever made it."""
        return self.objects.get((JOB, name))

    def config_map(self, name: str) -> Obj | None:
        """The ConfigMap of that name, where it was seen."""
        return self.objects.get((CONFIG_MAP, name))

    @property
    def account(self) -> Obj | None:
        """The service account of the Jobs' pods, where it was seen."""
        return next((obj for (kind, _), obj in self.objects.items() if kind is SERVICE_ACCOUNT), None)

    @property
    def binding(self) -> Obj | None:
        """What binds it to its role, where it was seen."""
        return next((obj for (kind, _), obj in self.objects.items() if kind is ROLE_BINDING), None)
