"""What can go wrong between the operator and the API server."""

from tierrouter_core.errors import TierRouterError


class OperatorError(TierRouterError):
    """The operator can't start, or can't go on."""


class ApiError(OperatorError):
    """A request that was not answered as hoped; the message names the request and holds the server's words."""


class UnavailableError(ApiError):
    """No answer, or one that says to come back."""

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        """The least time to wait, as the server said it."""


class NotFoundError(ApiError):
    """The object, or the kind, is not there."""


class AlreadyExistsError(ApiError):
    """A POST of a name that is taken."""


class ConflictError(ApiError):
    """The object is another one, or another version, than the one that was seen."""


class RefusedError(ApiError):
    """The server's last word: not allowed, not valid, too much."""

    def __init__(self, message: str, said: str) -> None:
        super().__init__(message)
        self.said = said
        """The server's own words."""
