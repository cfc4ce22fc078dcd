"""What the plugin can't do, and how that is said."""

from collections.abc import Iterator
from contextlib import contextmanager

from tierrouter_cli.exits import CANNOT_START, PROBLEM, explained_errors, say
from tierrouter_core.errors import TierRouterError
from tierrouter_operator.errors import OperatorError


class PluginError(TierRouterError):
    """What was asked for can't be done; the message says why, and what can."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors into one line on stderr and an exit code."""
    with explained_errors(extra="kubectl"):
        try:
            yield
        except PluginError as error:
            say(f"kubectl tierrouter: {error}")
            raise SystemExit(PROBLEM) from None
        except OperatorError as error:
            say(f"kubectl tierrouter: {error}")
            raise SystemExit(CANNOT_START) from None
