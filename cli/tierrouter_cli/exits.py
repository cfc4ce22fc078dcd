"""Exit codes and the one way an error is shown: a line on stderr, never a traceback."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from tierrouter_core.errors import ConfigurationError, DocumentError, TierRouterError

OK: Final = 0
PROBLEM: Final = 1
"""Something that was read is wrong: a router file, a request, a ledger, benchmark results."""
USAGE: Final = 2
"""The command's own words are off."""
CANNOT_START: Final = 3
"""A port in use, a folder that can't be written, no embedded model."""
SLIPPED: Final = 4
"""A decision that a pipeline should stop at: a tier has slipped, or a candidate is rejected."""
STILL_GOING: Final = 124
"""What is followed had no end when the time for it was over, as timeout(1) has it."""
INTERRUPTED: Final = 130
"""Ctrl-C, as shells and other commands have it."""

_EXTRA_OF: Final = {
    "aiohttp": "sidecar",
    "prometheus_client": "sidecar",
    "kopf": "operator",
    "kubernetes": "kubectl",
    "opentelemetry": "otel",
    "numpy": "analysis",
    "pyarrow": "analysis",
}
"""Packages that an installation may lack, and the extra that brings them."""
_IN_SEVERAL: Final = frozenset({"aiohttp", "kubernetes", "prometheus_client"})
"""Those of them that several extras bring; which one is meant, the command knows."""


def say(message: str) -> None:
    """One message on stderr. Where its reader has left nobody is told, and what is done goes on."""
    # None where the process was started without one; print would then take stdout, which is for data alone.
    if sys.stderr is not None:
        try:
            print(message, file=sys.stderr, flush=True)
        except BrokenPipeError:
            _forget(sys.stderr)


def write_out(data: bytes) -> None:
    """The command's result on stdout; all of it, or an OSError."""
    if sys.stdout is None:
        raise OSError("there is no standard output to write to")
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


@contextmanager
def quiet_interrupt() -> Iterator[None]:
    """Turn Ctrl-C into its exit code."""
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


@contextmanager
def explained_errors(extra: str = "") -> Iterator[None]:
    """Turn errors that we can explain into messages and exit codes; ``extra``: the one that all of this needs."""
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
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRA_OF:
            raise
        brings_it = extra if extra and package in _IN_SEVERAL else _EXTRA_OF[package]
        install = f"pip install 'tierrouter[{brings_it}]'"
        say(f"tierrouter: this needs {error.name}, which is not installed; run: {install}")
        raise SystemExit(CANNOT_START) from None
    except BrokenPipeError:
        # The reader of our output (head, less) has left: nothing is wrong.
        forget_output()
        raise SystemExit(OK) from None
    except OSError as error:
        forget_output()
        where = f"{error.filename}: " if error.filename else ""
        say(f"tierrouter: {where}{error.strerror or error}")
        raise SystemExit(PROBLEM) from None


def forget_output() -> None:
    """Let what could not be written go nowhere: the interpreter tries once more at its end, and complains."""
    if sys.stdout is not None:
        _forget(sys.stdout)


def _forget(stream: TextIO) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _is_about_data(error: TierRouterError) -> bool:
    from tierrouter_core.errors import MalformedRequestError, ResultsError, RuleError

    return isinstance(error, (MalformedRequestError, ResultsError, RuleError))
