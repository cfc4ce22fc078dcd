"""RegressionSuite: what proves every night that the tiers are good enough (design section 3)."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from tierrouter_core.resources.fields import resource, setting
from tierrouter_core.resources.kinds import (
    Boolean,
    Choice,
    Duration,
    FreeObject,
    Integer,
    ListOf,
    Money,
    ObjectOf,
    Text,
)
from tierrouter_core.resources.metadata import API_VERSION, MAX_ROUTER_NAME, ObjectMetadata, dns_label
from tierrouter_core.resources.provider import MODEL_NAME, SecretRef
from tierrouter_core.resources.router import TIER
from tierrouter_core.resources.status import (
    CONDITIONS,
    CONDITIONS_DOC,
    GENERATION,
    MESSAGE,
    OBSERVED_GENERATION_DOC,
    TIMESTAMP,
    Condition,
)

SUITE_KIND = "RegressionSuite"
MAX_SUITE_NAME = 40

MAX_STATE_BYTES = 64 * 1024
"""Of what one run hands on to the next, as text."""

_CRON_FIELD = r"(?:\*|[0-9A-Za-z]+)(?:[-,/](?:\*|[0-9A-Za-z]+))*"
_CRON = Text(
    pattern=rf"(?:{_CRON_FIELD}(?: {_CRON_FIELD}){{4}}|@(?:hourly|daily|weekly|monthly))?",
    words="five fields of cron such as 0 3 * * *, or @daily",
    short="schedule of cron",
    max_length=128,
)
_PERCENT = Integer(maximum=100)
STATE = Text(words="JSON", max_length=MAX_STATE_BYTES, multiline=True)
_HOUR_MS = 3_600_000


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
        _PERCENT,
        "A candidate that solves this share of the tasks, or more, and is not worse than the incumbent, becomes the "
        "tier's model.",
        default=95,
    )
    regress_below_percent: int = setting(
        _PERCENT,
        "Where all tiers' own models together solve less than this share of their tasks, thresholds move one "
        "`onRegression` step.",
        default=95,
    )
    tier_floor_percent: int = setting(
        _PERCENT,
        "Where one tier's model solves less than this share of its tasks, and less than `regressBelowPercent` for "
        "certain, thresholds move one `onRegression` step. A candidate has to be above it for certain.",
        default=92,
    )
    margin_percent: int = setting(
        Integer(minimum=1, maximum=50),
        "A candidate that may solve fewer tasks than the incumbent by so many percentage points is not promoted.",
        default=3,
    )
    confidence_percent: int = setting(
        Integer(minimum=50, maximum=99),
        "How sure a decision must be, in percent: of 30 runs on end, and of all tiers or candidates together.",
        default=95,
    )
    min_tasks: int = setting(
        Integer(minimum=1, maximum=100_000), "A cell of which fewer tasks count decides nothing.", default=30
    )


class RunAction(StrEnum):
    """What follows from a run's results."""

    NOTHING = "Nothing"
    PROMOTE = "Promote"
    REGRESS = "Regress"
    REJECT = "Reject"
    RECOVER = "Recover"


class Notice(StrEnum):
    """What somebody may want to be told of."""

    REGRESS = RunAction.REGRESS.value
    PROMOTE = RunAction.PROMOTE.value
    RECOVER = RunAction.RECOVER.value
    REJECT = RunAction.REJECT.value
    NOTHING = RunAction.NOTHING.value
    FAILED = "Failed"
    """A run has ended without a decision."""


DEFAULT_NOTICES = tuple(notice for notice in Notice if notice is not Notice.NOTHING)


@resource
class Notify:
    """Where decisions are told."""

    secret_ref: SecretRef = setting(
        ObjectOf(cls=SecretRef),
        "A Secret's entry with the address of a webhook that takes Slack's JSON: the address is a key itself.",
    )
    about: tuple[Notice, ...] = setting(
        ListOf(item=Choice(of=Notice), min_items=1, max_items=len(Notice), unique=True, ordered=False),
        "Of which decisions each step is told; `Failed`: of runs that end without one.",
        default=DEFAULT_NOTICES,
        means="all but `Nothing`",
    )


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
    parallelism: int = setting(Integer(minimum=1, maximum=128), "Jobs of one run that run at once.", default=2)
    timeout_ms: int = setting(
        Duration(minimum_ms=1000, maximum_ms=7 * 24 * _HOUR_MS),
        "How long one Job may take, retries included; then its cell has no results.",
        default=2 * _HOUR_MS,
    )
    retries: int = setting(
        Integer(maximum=10),
        "How often a pod that its node lost, evicted or ran out of memory for is made again. What a harness exits with "
        "is never retried.",
        default=2,
    )
    max_cost_usd: Decimal | None = setting(
        Money(),
        "What the turns of one run may cost in USD; beyond it no further Job begins.",
        default=None,
        means="no limit",
    )
    history_limit: int = setting(
        Integer(minimum=1, maximum=100), "Runs that are kept when they have ended; the oldest go.", default=10
    )
    notify: Notify | None = setting(
        ObjectOf(cls=Notify), "Who is told of decisions, beside the Events.", default=None, means="nobody"
    )


@resource
class SuiteStatus:
    """A RegressionSuite's ``status``."""

    observed_generation: int = setting(GENERATION, OBSERVED_GENERATION_DOC, default=0)
    conditions: tuple[Condition, ...] = setting(CONDITIONS, CONDITIONS_DOC, default=())
    last_run: str = setting(dns_label(63, may_be_empty=True), "The newest RegressionRun.", default="")
    last_schedule_time: str | None = setting(TIMESTAMP, "When a run began by the schedule last.", default=None)
    next_schedule_time: str | None = setting(TIMESTAMP, "When the next one begins.", default=None)
    last_run_now: str = setting(
        Text(max_length=253), "The annotation `tierrouter.dev/run-now` that began a run last.", default=""
    )
    last_decision: str = setting(Text(max_length=32), "The newest decision's `action`.", default="")
    last_reason: str = setting(MESSAGE, "Its reason.", default="")
    steps: tuple[str, ...] = setting(
        ListOf(item=Text(max_length=256), max_items=64),
        "Steps of thresholds that stand, each with the tier that caused it.",
        default=(),
    )
    state: str = setting(STATE, "What the newest decision handed on to the next, as JSON.", default="")


@resource
class RegressionSuite:
    """Tasks that every tier has to solve, and what follows when it does not."""

    api_version: str = setting(Choice(of=(API_VERSION,)), "The format's version.")
    kind: str = setting(Choice(of=(SUITE_KIND,)), "The resource's kind.")
    metadata: ObjectMetadata = setting(ObjectOf(cls=ObjectMetadata), "Its name.")
    spec: SuiteSpec = setting(ObjectOf(cls=SuiteSpec), "What is tested, when, and what follows.")
    status: SuiteStatus = setting(ObjectOf(cls=SuiteStatus), "What was observed.", default_factory=SuiteStatus)
