"""Whether a suite's runs can begin, and with what: the suite, its router and the document in force, read together."""

from dataclasses import dataclass

from tierrouter_core.document.codec import document_from_bytes
from tierrouter_core.document.model import Document
from tierrouter_core.errors import DocumentError
from tierrouter_core.regression.words import RunReason
from tierrouter_core.resources.fields import read
from tierrouter_core.resources.regression import RegressionSuite, SuiteSpec
from tierrouter_core.resources.regression_run import Cell
from tierrouter_core.resources.revision import TunedValues
from tierrouter_operator.planning.asked import Asked, read_asked
from tierrouter_operator.planning.history import History, Moved, Revision
from tierrouter_operator.planning.kinds import SUITE, Obj
from tierrouter_operator.planning.observed import Observed
from tierrouter_operator.planning.providers import as_raw
from tierrouter_operator.planning.run_hindrance import Hindrance
from tierrouter_operator.planning.run_jobs import template_problem
from tierrouter_operator.planning.run_matrix import matrix_of
from tierrouter_operator.planning.schedules import Schedule, ScheduleError, read_schedule
from tierrouter_operator.planning.trouble import Trouble, in_one_message


@dataclass(frozen=True, slots=True)
class InForce:
    """What the router's sidecars serve."""

    revision: Revision
    document: Document
    asked: Asked
    """The router as its user has written it, with what regression runs have moved."""
    base: TunedValues
    """What the user had written when the revision was made: not always what ``asked`` has by now."""

    @property
    def moved(self) -> Moved:
        """Where a decision begins."""
        return Moved(self.base, self.asked.overlay)


def read_suite(obj: Obj) -> SuiteSpec | Hindrance:
    """The suite's spec, or all that is wrong with it."""
    name = f"{SUITE.kind}/{obj['metadata']['name']}"
    reading = read(RegressionSuite, as_raw(SUITE, obj), name)
    if reading.value is None or reading.problems:
        return Hindrance(RunReason.INVALID, in_one_message([str(problem) for problem in reading.problems]))
    return reading.value.spec


def schedule_of(spec: SuiteSpec) -> Schedule | Hindrance | None:
    """When runs begin by themselves; None for never."""
    if not spec.schedule or spec.suspend:
        return None
    try:
        return read_schedule(spec.schedule)
    except ScheduleError as error:
        return Hindrance(RunReason.INVALID, f"spec.schedule: {error}")


def read_in_force(router: Observed | None, name: str) -> InForce | Hindrance:
    """What is in force of the suite's router."""
    if router is None:
        return Hindrance(RunReason.ROUTER_MISSING, f"there is no TierRouter {name} in this namespace; create it")
    history = History(router)
    moved = history.moved
    data = None if history.stable is None else history.document_of(history.stable)
    if history.stable is None or moved is None or data is None:
        return Hindrance(RunReason.ROUTER_NOT_PUBLISHED, f"no revision of TierRouter {name} is in force yet")
    asked = read_asked(router, moved)
    if isinstance(asked, Trouble):
        return Hindrance(RunReason.ROUTER_INVALID, f"TierRouter {name} can't be used as it is: {asked.message}")
    try:
        document = document_from_bytes(data)
    except DocumentError as error:
        return Hindrance(RunReason.ROUTER_NOT_PUBLISHED, f"the document of TierRouter {name} can't be read: {error}")
    return InForce(history.stable, document, asked, moved.base)


def cells_of(spec: SuiteSpec, in_force: InForce, image: str) -> tuple[Cell, ...] | Hindrance:
    """What a run that begins now tests; or why none can begin."""
    if not image:
        message = "the operator was not told which image collects results; start it with --results-image"
        return Hindrance(RunReason.NO_COLLECTOR, message)
    problem = template_problem(spec.job_template)
    if problem:
        return Hindrance(RunReason.JOB_TEMPLATE_INVALID, problem)
    return matrix_of(spec, in_force.document)
