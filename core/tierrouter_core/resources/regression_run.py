"""RegressionRun: one time that a suite ran, what came of it, and what follows (design section 3)."""

from decimal import Decimal
from enum import StrEnum

from tierrouter_core.resources.fields import resource, setting
from tierrouter_core.resources.kinds import Boolean, Choice, Integer, ListOf, Money, ObjectOf, Text
from tierrouter_core.resources.metadata import API_VERSION, ObjectMetadata, dns_label
from tierrouter_core.resources.provider import MODEL_NAME
from tierrouter_core.resources.regression import MAX_SUITE_NAME, STATE, RunAction
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

RUN_KIND = "RegressionRun"
MAX_RUN_NAME = 57
"""With ``-tasks`` it is still a label's value."""
MAX_ROWS_BYTES = 256 * 1024
"""Of one cell's rows in a run's status, as base64."""
MAX_ROWS_OF_RUN_BYTES = 900 * 1024
"""Of all cells' together: an object may have 1.5 MiB in all, and what is decided has to have room, too."""

_DECIMAL_PERCENT = Text(
    pattern=r"(?:100(?:\.0{1,6})?|[0-9]{1,2}(?:\.[0-9]{1,6})?)",
    words="a percentage as a decimal in quotes",
    max_length=10,
)
_CELL = dns_label(63)
_TASKS = Integer()


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
class DecidedFrom:
    """Where a decision begins."""

    base: TunedValues = setting(
        ObjectOf(cls=TunedValues), "What the router's spec said when the revision in force was made."
    )
    overlay: TunedValues = setting(ObjectOf(cls=TunedValues), "What regression runs had moved.")


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
    decided_from: DecidedFrom | None = setting(
        ObjectOf(cls=DecidedFrom),
        "What was in force when it was decided: the decision moves what is different between that and `overlay`.",
        default=None,
        means="the values of the revision that was tested",
    )
    cells: tuple[CellJudgement, ...] = setting(
        ListOf(item=ObjectOf(cls=CellJudgement), max_items=128, ordered=False, keyed_by="name"),
        "What is to be said of each cell.",
        default=(),
    )
    state: str = setting(STATE, "What is handed on to the next run's decision, as JSON.", default="")


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
