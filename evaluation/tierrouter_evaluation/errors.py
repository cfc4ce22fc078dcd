"""What can go wrong with results and with those who take them. A message says what, where, and what to do."""

from tierrouter_core.errors import ResultsError, TierRouterError


class EvaluationError(TierRouterError):
    """Anything of a suite that can be explained."""


class ResultFilesError(EvaluationError, ResultsError):
    """What a harness wrote can't be read as results: half-written, of another format, twice the same task."""


class NoResultsError(ResultFilesError):
    """There are no results: no folder, no file, no task."""


class ApiServerError(EvaluationError):
    """The API server did not take the results, or can't be reached."""


class InfrastructureError(EvaluationError):
    """A task could not be tried: no answer, whatever the model is worth."""
