"""The words in which the operator speaks of suites and runs: conditions, their reasons, events.

They stand here and not with those of routers, for what they mean is explained elsewhere (docs/regression-runs.md).
"""

from enum import StrEnum


class RunCondition(StrEnum):
    """What is judged; True is the good state. ``Ready`` is a suite's, the others are a run's."""

    READY = "Ready"
    """The suite's runs can begin."""
    TASKS_STORED = "TasksStored"
    """The results task by task are in the run's ConfigMap."""
    DECIDED = "Decided"
    """It is said what follows from the results."""


class RunReason(StrEnum):
    """Why a condition of a suite or a run is as it is."""

    READY = "Ready"
    SUSPENDED = "Suspended"
    """``spec.suspend`` is set: no run begins by the schedule."""
    INVALID = "Invalid"
    """The suite's own spec can't be used."""
    JOB_TEMPLATE_INVALID = "JobTemplateInvalid"
    NO_COLLECTOR = "NoCollector"
    """The operator was not told which image collects results."""
    ROUTER_MISSING = "RouterMissing"
    ROUTER_INVALID = "RouterInvalid"
    """The router can't be compiled."""
    ROUTER_NOT_PUBLISHED = "RouterNotPublished"
    """No revision of the router is in force yet."""
    TIER_MISSING = "TierMissing"
    CANDIDATE_REFUSED = "CandidateRefused"
    """A candidate that can't take its tier over: another provider's, or a model that the provider has not."""
    WRITE_REFUSED = "WriteRefused"
    """The API server refuses what a run needs."""
    STORED = "Stored"
    TOO_LARGE = "TooLarge"
    """The results task by task are longer than a ConfigMap may be."""
    NAME_TAKEN = "NameTaken"
    """A ConfigMap that is not the run's has the name that it needs."""
    NO_RESULTS = "NoResults"
    """No cell has a task that counts, or they never came."""
    REVISION_GONE = "RevisionGone"
    SUITE_MISSING = "SuiteMissing"


class RunEvent(StrEnum):
    """Events about suites and runs."""

    RUN_STARTED = "RunStarted"
    RUN_SKIPPED = "RunSkipped"
    """A start that was due came to nothing."""
    CELL_STARTED = "CellStarted"
    CELL_FAILED = "CellFailed"
    """A cell has no results."""
    RUN_COLLECTED = "RunCollected"
    RUN_DECIDED = "RunDecided"
    RUN_FAILED = "RunFailed"
    SUITE_NOT_READY = "SuiteNotReady"
