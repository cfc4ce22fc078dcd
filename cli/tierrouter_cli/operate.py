"""What runs in a cluster for everybody, the operator and the webhook, as a process."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from tierrouter_operator.app import run
from tierrouter_operator.settings import Settings
from tierrouter_telemetry.logs import LogFormat, log_to, stderr


def operate(settings: Settings) -> None:
    """Run the operator until SIGTERM or Ctrl-C."""
    run_logged(run(settings), settings.log_format)


def run_logged(running: Coroutine[Any, Any, None], log_format: LogFormat) -> None:
    """Run it to its end, with log lines on stderr."""
    log_to(stderr(), log_format)
    try:
        import uvloop
    except ImportError:
        asyncio.run(running)
    else:
        uvloop.run(running)
