"""Exit codes and the one way an error is shown: a line on stderr, never a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tierrouter_core.errors import ConfigurationError, DocumentError, TierRouterError

OK: Final = 0
PROBLEM: Final = 1
"""Something that was read is wrong: a router file, a request, a ledger."""
USAGE: Final = 2
"""The command's own words are off."""
CANNOT_START: Final = 3
"""A port in use, a folder that can't be written, no embedded model."""


def say(message: str) -> None:
    """One message on stderr."""
    print(message, file=sys.stderr, flush=True)


@contextmanager
def explained_errors() -> Iterator[None]:
    """Turn errors that we can explain into messages and exit codes."""
    try:
        yield
    except ConfigurationError as error:
        count = len(error.problems)
        say(f"{error}\ntierrouter: {count} problem{'s' if count != 1 else ''} found")
        raise SystemExit(PROBLEM) from None
    except TierRouterError as error:
        say(f"tierrouter: {error}")
        code = PROBLEM if isinstance(error, DocumentError) or _is_about_data(error) else CANNOT_START
        raise SystemExit(code) from None
    except BrokenPipeError:
        # The reader of our output (head, less) has left: nothing is wrong.
        sys.stderr.close()
        raise SystemExit(OK) from None


def _is_about_data(error: TierRouterError) -> bool:
    from tierrouter_core.errors import MalformedRequestError, RuleError

    return isinstance(error, (MalformedRequestError, RuleError))
