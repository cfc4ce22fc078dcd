"""What runs in a cluster for everybody, the operator and the webhook, as a process."""

import asyncio
import json
import logging
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

from tierrouter_operator.app import run
from tierrouter_operator.settings import LogFormat, Settings


class JSONLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and a traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def operate(settings: Settings) -> None:
    """Run the operator until SIGTERM or Ctrl-C."""
    run_logged(run(settings), settings.log_format)


def run_logged(running: Coroutine[Any, Any, None], log_format: LogFormat) -> None:
    """Run it to its end, with log lines on stderr."""
    handler = logging.StreamHandler(sys.stderr)
    is_json = log_format is LogFormat.JSON
    handler.setFormatter(JSONLines() if is_json else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    try:
        import uvloop
    except ImportError:
        asyncio.run(running)
    else:
        uvloop.run(running)
