"""RegressionSuite and RegressionRun: what proves every night that the tiers are good enough (design section 3).

Nothing runs suites yet; the API server checks them.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from tierrouter_core.resources.fields import resource, setting
from tierrouter_core.resources.kinds import Boolean, Choice, FreeObject, Integer, ListOf, Money, ObjectOf, Text
from tierrouter_core.resources.metadata import API_VERSION, MAX_ROUTER_NAME, ObjectMetadata, dns_label
from tierrouter_core.resources.provider import MODEL_NAME
from tierrouter_core.resources.router import TIER
from tierrouter_core.resources.status import (
    CONDITIONS,
    CONDITIONS_DOC,
    GENERATION,
    MESSAGE,
    OBSERVED_GENERATION_DOC,
    REVISION_NAME,
    TIMESTAMP,
    Condition,
)

SUITE_KIND = "RegressionSuite"
RUN_KIND = "RegressionRun"
MAX_SUITE_NAME = 40
MAX_RUN_NAME = 57
"""With ``-tasks`` it is still a label's value."""

_CRON_FIELD = r"(?:\*|[0-9A-Za-z]+)(?:[-,/](?:\*|[0-9A-Za-z]+))*"
_CRON = Text(
    pattern=rf"(?:{_CRON_FIELD}(?: {_CRON_FIELD}){{4}}|@(?:hourly|daily|weekly|monthly))?",
    words="five fields of cron such as 0 3 * * *, or @daily",
    short="schedule of cron",
    max_length=128,
)
_PERCENT = Integer(maximum=100)
_DECIMAL_PERCENT = Text(
    pattern=r"(?:100(?:\.0{1,6})?|[0-9]{1,2}(?:\.[0-9]{1,6})?)",
    words="a percentage as a decimal in quotes",
    max_length=10,
)
_CELL = dns_label(63)


@resource
class Candidate:
    """A model that may take a tier over."""

    tier: str = setting(TIER, "The tier that it would serve.")
    provider: str = setting(dns_label(63), "The ModelProvider that has it.")
    model: str = setting(MODEL_NAME, "The model: a `models[].name` of that provider.")


@resource
class RegressionPolicy:
    """What follows from a suite's results."""

    promote_at_percent: int = setting(
        _PERCENT, "A cheaper candidate is promoted at this share of the incumbent's resolved tasks.", default=95
    )
    regress_below_percent: int = setting(
        _PERCENT, "Below this share of its earlier resolved tasks a tier has regressed.", default=95
    )
    tier_floor_percent: int = setting(
        _PERCENT, "Below this share of the strongest tier's resolved tasks a tier may not serve.", default=92
    )
    confidence_percent: int = setting(
        Integer(minimum=50, maximum=99), "How sure a decision must be, in percent.", default=95
    )
    min_tasks: int = setting(Integer(minimum=1, maximum=100_000), "Fewer tasks decide nothing.", default=30)


@resource
class SuiteSpec:
    """A RegressionSuite's ``spec``."""

    router: str = setting(dns_label(MAX_ROUTER_NAME), "The TierRouter whose tiers are tested.")
    schedule: str = setting(_CRON, "When a run begins, in UTC.", default="", means="only when somebody starts one")
    suspend: bool = setting(Boolean(), "No run begins by the schedule.", default=False)
    tiers: tuple[str, ...] = setting(
        ListOf(item=TIER, max_items=64, unique=True, ordered=False), "Tiers to test.", default=(), means="every tier"
    )
    candidates: tuple[Candidate, ...] = setting(
        ListOf(item=ObjectOf(cls=Candidate), max_items=64), "Models to test against the tiers' own.", default=()
    )
    job_template: Mapping[str, Any] = setting(
        FreeObject(), "The Job that runs your harness once, as `spec.jobTemplate` of a CronJob has it."
    )
    result_format: str = setting(
        Choice(of=("JUnit", "InspectLog", "JSONLines")), "What the harness writes.", default="JUnit"
    )
    policy: RegressionPolicy = setting(
        ObjectOf(cls=RegressionPolicy), "What follows from the results.", default_factory=RegressionPolicy
    )


@resource
class SuiteStatus:
    """A RegressionSuite's ``status``."""

    observed_generation: int = setting(GENERATION, OBSERVED_GENERATION_DOC, default=0)
    conditions: tuple[Condition, ...] = setting(CONDITIONS, CONDITIONS_DOC, default=())
    last_run: str = setting(dns_label(63, may_be_empty=True), "The newest RegressionRun.", default="")
    last_schedule_time: str | None = setting(TIMESTAMP, "When a run began by the schedule last.", default=None)


@resource
class RegressionSuite:
    """Tasks that every tier has to solve, and what follows when it does not."""

    api_version: str = setting(Choice(of=(API_VERSION,)), "The format's version.")
    kind: str = setting(Choice(of=(SUITE_KIND,)), "The resource's kind.")
    metadata: ObjectMetadata = setting(ObjectOf(cls=ObjectMetadata), "Its name.")
    spec: SuiteSpec = setting(ObjectOf(cls=SuiteSpec), "What is tested, when, and what follows.")
    status: SuiteStatus = setting(ObjectOf(cls=SuiteStatus), "What was observed.", default_factory=SuiteStatus)


class RunSource(StrEnum):
    """Who began a run."""

    SCHEDULE = "Schedule"
    MANUAL = "Manual"
    CI = "CI"


class RunPhase(StrEnum):
    """How far a run is."""

    PENDING = "Pending"
    RUNNING = "Running"
    COLLECTED = "Collected"
    DECIDED = "Decided"
    FAILED = "Failed"


@resource
class Cell:
    """One tier with one model: one Job."""

    name: str = setting(_CELL, "What results call it.")
    tier: str = setting(TIER, "The tier that is forced.")
    provider: str = setting(dns_label(63), "The ModelProvider that has the model.")
    model: str = setting(MODEL_NAME, "The model that serves.")
    is_candidate: bool = setting(Boolean(), "Whether the model is a candidate and not the tier's own.", key="candidate")


@resource
class RunSpec:
    """A RegressionRun's ``spec``: all required, so that nothing can be added later."""

    suite: str = setting(dns_label(MAX_SUITE_NAME), "The RegressionSuite.")
    revision: str = setting(dns_label(63), "The RouterRevision that is tested.")
    matrix: tuple[Cell, ...] = setting(
        ListOf(item=ObjectOf(cls=Cell), min_items=1, max_items=128, ordered=False, keyed_by="name"),
        "The tiers and candidates that are tested.",
    )
    source: RunSource = setting(Choice(of=RunSource), "Who began it.")


@resource
class CellResult:
    """What came of one cell; written once."""

    name: str = setting(_CELL, "The cell: a `matrix[].name`.")
    tasks: int = setting(Integer(), "Tasks that were tried.")
    resolved: int = setting(Integer(), "Those of them that were solved.")
    cost_usd: Decimal | None = setting(Money(), "What its turns cost in USD.", default=None, means="unknown")
    completion_time: str = setting(TIMESTAMP, "When it was collected.")


@resource
class RunDecision:
    """What follows from the results."""

    action: str = setting(Choice(of=("Nothing", "Promote", "Regress", "Reject")), "What is done.")
    reason: str = setting(MESSAGE, "Why, in one sentence.")
    low_percent: str | None = setting(_DECIMAL_PERCENT, "Lower end of the interval that decided.", default=None)
    high_percent: str | None = setting(_DECIMAL_PERCENT, "Upper end of it.", default=None)
    revision: str = setting(REVISION_NAME, "The RouterRevision that was made; empty for none.", default="")


@resource
class RunStatus:
    """A RegressionRun's ``status``."""

    observed_generation: int = setting(GENERATION, OBSERVED_GENERATION_DOC, default=0)
    conditions: tuple[Condition, ...] = setting(CONDITIONS, CONDITIONS_DOC, default=())
    phase: RunPhase = setting(Choice(of=RunPhase), "How far it is.", default=RunPhase.PENDING)
    results: tuple[CellResult, ...] = setting(
        ListOf(item=ObjectOf(cls=CellResult), max_items=128, ordered=False, keyed_by="name"),
        "What came of each cell. An entry never changes or leaves.",
        default=(),
    )
    decision: RunDecision | None = setting(
        ObjectOf(cls=RunDecision), "What follows; the operator's alone.", default=None
    )


@resource
class RegressionRun:
    """One time that a suite ran."""

    api_version: str = setting(Choice(of=(API_VERSION,)), "The format's version.")
    kind: str = setting(Choice(of=(RUN_KIND,)), "The resource's kind.")
    metadata: ObjectMetadata = setting(ObjectOf(cls=ObjectMetadata), "Its name.")
    spec: RunSpec = setting(ObjectOf(cls=RunSpec), "What is tested; it never changes.")
    status: RunStatus = setting(ObjectOf(cls=RunStatus), "What came of it.", default_factory=RunStatus)
