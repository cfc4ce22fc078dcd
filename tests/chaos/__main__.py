"""``python -m chaos``: run, tell, print the report, write it into the page; 1 where an invariant was broken."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from chaos.report import text, write_page
from chaos.run import ChaosRun, Result, Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
_RESTARTS_A_MINUTE = 1.2
_READINGS_A_MINUTE = 0.7
"""Each rests for some 20 s, and they are to take no more than half of the life that is measured."""


def settings_of(environment: dict[str, str]) -> Settings:
    """What the variables ask for; ValueError where one is no number."""
    minutes = environment.get("CHAOS_MINUTES")
    chosen = {
        "turns": int(environment.get("CHAOS_TURNS") or 5000),
        "minutes": float(minutes) if minutes else None,
        "seed": int(environment.get("CHAOS_SEED") or 1),
    }
    if minutes:
        chosen["restarts"] = max(6, round(float(minutes) * _RESTARTS_A_MINUTE))
        chosen["readings"] = min(16, max(2, int(float(minutes) * _READINGS_A_MINUTE)))
    return Settings(**chosen)


async def _run(settings: Settings, folder: Path) -> Result:
    run = ChaosRun(settings, folder, say=lambda line: print(line, flush=True))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, run.interrupted.set)
    return await run.go()


def main() -> int:
    """The exit status: 0, or 1 where an invariant was broken, or 2 where a setting makes no sense."""
    try:
        settings = settings_of(dict(os.environ))
    except ValueError as error:
        print(f"chaos: CHAOS_TURNS, CHAOS_MINUTES and CHAOS_SEED are numbers: {error}", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="tierrouter-chaos-"))
    result = asyncio.run(_run(settings, folder))
    print(text(result))
    if result.violations:
        print(f"the ledger and the sidecar's logs are kept in {folder}")
        return 1
    shutil.rmtree(folder)
    if not result.interrupted:
        write_page(PAGE, result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
