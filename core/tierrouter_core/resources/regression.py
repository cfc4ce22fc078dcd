"""RegressionSuite and RegressionRun: what proves every night that the tiers are good enough (design section 3)."""

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
from tierrouter_core.resources.revision import TunedValues
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

MAX_STATE_BYTES = 64 * 1024
"""Of what one run hands on to the next, as text."""
MAX_ROWS_BYTES = 256 * 1024
"""Of one cell's rows in a run's status, as base64."""
MAX_ROWS_OF_RUN_BYTES = 900 * 1024
"""Of all cells' together: an object may have 1.5 MiB in all, and what is decided has to have room, too."""

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
_TASKS = Integer()
_STATE = Text(words="JSON", max_length=MAX_STATE_BYTES, multiline=True)
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
    state: str = setting(_STATE, "What the newest decision handed on to the next, as JSON.", default="")


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
    tasks: int = setting(_TASKS, "Tasks that were solved or not; those of `errors` are not among them.")
    resolved: int = setting(_TASKS, "Those of them that were solved.")
    cost_usd: Decimal | None = setting(Money(), "What its turns cost in USD.", default=None, means="unknown")
    completion_time: str = setting(TIMESTAMP, "When it was collected.")
    errors: int | None = setting(_TASKS, "Tasks that tell nothing, for the harness failed.", default=None, means="none")
    calls: int | None = setting(_TASKS, "Turns of all tasks.", default=None, means="unknown")
    output_tokens: int | None = setting(
        Integer(maximum=2**53), "Tokens that were put out, of all tasks.", default=None, means="unknown"
    )
    duration_ms: int | None = setting(
        _TASKS, "How long a task took in milliseconds, the median.", default=None, means="unknown", key="durationMs"
    )
    rows: str = setting(
        Text(pattern=r"[A-Za-z0-9+/]*={0,2}", words="base64", max_length=MAX_ROWS_BYTES),
        "The results task by task: JSON lines, compressed by gzip, as base64. The operator gathers them.",
        default="",
    )
    error: str = setting(MESSAGE, "Why the cell has no results; then no task counts.", default="")


@resource
class CellJudgement:
    """What is to be said of one cell."""

    name: str = setting(_CELL, "The cell: a `matrix[].name`.")
    accuracy_percent: str | None = setting(
        _DECIMAL_PERCENT, "Tasks that it solved, of those that count.", default=None, means="no task counts"
    )
    low_percent: str | None = setting(_DECIMAL_PERCENT, "Lower end of the interval.", default=None)
    high_percent: str | None = setting(_DECIMAL_PERCENT, "Upper end of it.", default=None)
    sentence: str = setting(MESSAGE, "The same in a sentence.", default="")


@resource
class RunDecision:
    """What follows from the results; said once."""

    action: str = setting(Choice(of=RunAction), "What is done.")
    reason: str = setting(MESSAGE, "Why, in one sentence.")
    low_percent: str | None = setting(_DECIMAL_PERCENT, "Lower end of the interval that decided.", default=None)
    high_percent: str | None = setting(_DECIMAL_PERCENT, "Upper end of it.", default=None)
    revision: str = setting(
        REVISION_NAME, "The RouterRevision that was made; empty for none, or none yet. Set once.", default=""
    )
    overlay: TunedValues | None = setting(
        ObjectOf(cls=TunedValues),
        "All that regression runs have moved, this decision included: what the revision is made with.",
        default=None,
    )
    cells: tuple[CellJudgement, ...] = setting(
        ListOf(item=ObjectOf(cls=CellJudgement), max_items=128, ordered=False, keyed_by="name"),
        "What is to be said of each cell.",
        default=(),
    )
    state: str = setting(_STATE, "What is handed on to the next run's decision, as JSON.", default="")


@resource
class RunStatus:
    """A RegressionRun's ``status``."""

    observed_generation: int = setting(GENERATION, OBSERVED_GENERATION_DOC, default=0)
    conditions: tuple[Condition, ...] = setting(CONDITIONS, CONDITIONS_DOC, default=())
    phase: RunPhase = setting(
        Choice(of=RunPhase), "How far it is. Decided and Failed are the end.", default=RunPhase.PENDING
    )
    start_time: str | None = setting(TIMESTAMP, "When its first Job was made.", default=None)
    completion_time: str | None = setting(TIMESTAMP, "When it came to its end.", default=None)
    started: tuple[str, ...] = setting(
        ListOf(item=_CELL, max_items=128, unique=True, ordered=False),
        "Cells whose Job was made: a Job that is gone is not made again.",
        default=(),
    )
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
