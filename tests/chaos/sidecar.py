"""The sidecar under test: a process that is started, stopped, killed and started again with the same state."""

import asyncio
import signal
import sqlite3
import sys
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from pathlib import Path

from chaos.invariants import Call, Row, Stop
from provider import closed_port
from tierrouter_sidecar.ledger.schema import LEDGER_FILE

# Processes are started as the integration tests start them.
sys.path.append(str(Path(__file__).parents[1] / "integration"))

from tierrouter_process import Served, serving

DRAIN_S = 3.0


class Sidecar:
    """One sidecar after another, at the same ports and with the same state."""

    def __init__(self, folder: Path, file: Path) -> None:
        self.stops: list[Stop] = []
        self.exits: list[tuple[str, int]] = []
        self.lives = 0
        self.state_dir = folder / "state"
        self._folder = folder
        self._file = file
        self._ports = closed_port(), closed_port()
        self._stack = AsyncExitStack()
        self._process: Served | None = None

    @property
    def url(self) -> str:
        """What agents are told."""
        return f"http://127.0.0.1:{self._ports[0]}"

    @property
    def process(self) -> Served:
        """The one that runs."""
        assert self._process is not None
        return self._process

    @property
    def pid(self) -> int:
        """Its number."""
        return self.process.process.pid

    @property
    def log(self) -> str:
        """What all of them said."""
        return "".join(file.read_text() for file in sorted(self._folder.glob("run-*.log")))

    async def start(self) -> None:
        """Start one and wait until it is ready."""
        port, admin_port = self._ports
        self.lives += 1
        self._process = await self._stack.enter_async_context(
            serving(
                self._folder,
                "-f",
                self._file,
                "--drain",
                str(DRAIN_S),
                port=port,
                admin_port=admin_port,
                state_dir=self.state_dir,
            )
        )

    async def stop(self, number: signal.Signals) -> None:
        """Signal and wait for its end."""
        began_s = time.monotonic()
        self.process.send(number)
        async with asyncio.timeout(DRAIN_S + 20):
            code = await self.process.process.wait()
        await self._stack.aclose()
        self._stack = AsyncExitStack()
        self._process = None
        self.exits.append((number.name, code))
        self.stops.append(Stop(number.name, began_s, time.monotonic()))

    async def restart(self, number: signal.Signals) -> None:
        """Signal, wait, start again."""
        await self.stop(number)
        await self.start()
        stop = self.stops[-1]
        self.stops[-1] = Stop(stop.signal, stop.from_s, time.monotonic())

    async def until_idle(self) -> None:
        """Wait until it serves no turn and its ledger is written."""
        async with asyncio.timeout(30):
            while True:
                waiting = [
                    await self.process.metric(name)
                    for name in ("tierrouter_turns_in_flight", "tierrouter_ledger_pending_rows")
                ]
                if not any(waiting):
                    return
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        """End what still runs."""
        await self._stack.aclose()

    def rows(self) -> list[Row]:
        """The ledger."""
        database = sqlite3.connect(f"file:{self.state_dir / LEDGER_FILE}?mode=ro", uri=True)
        try:
            calls: defaultdict[str, list[Call]] = defaultdict(list)
            for turn_id, provider, status, error in database.execute(
                "SELECT turn_id, provider, status, error FROM attempts ORDER BY turn_id, attempt"
            ):
                calls[turn_id].append(Call(provider, status, error))
            return [
                Row(turn_id=turn_id, requested_model=model, outcome=outcome, attempts=attempts, calls=calls[turn_id])
                for turn_id, model, outcome, attempts in database.execute(
                    "SELECT turn_id, requested_model, outcome, attempts FROM turns"
                )
            ]
        finally:
            database.close()
