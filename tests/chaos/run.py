"""The run: clients, weather and restarts until enough turns are done, then everything well again."""

import asyncio
import random
import signal
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from chaos import router
from chaos.clients import Clients
from chaos.invariants import (
    Verdict,
    check_accounts,
    check_endings,
    check_process,
    check_recovery,
    check_resources,
    check_storm,
    check_texts,
)
from chaos.plan import TIERS, Dialect, TurnPlan, draw, healthy
from chaos.resources import Held, held_by
from chaos.seen import WHOLE, End, Seen
from chaos.sidecar import Sidecar
from chaos.vendors import HELD_UP, Away, Log, Vendor
from tierrouter_sidecar.memory import LOOKED_EVERY_S

VENDORS = ("every", "messages", "chat")
_STEP_S = 0.05
_HELD_UP_S = 0.25
_WATCHED_S = 1.0
"""So much late within so long is as much as some patience of the sidecar under test."""
_COMES_BACK_S = 0.4
_IMPATIENT = 8
"""One client in so many does not wait for a sidecar that is being restarted."""
_RECOVERY_LIMIT_S = 90.0
"""A provider that throttled again and again is left alone for a minute at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is run."""

    turns: int = 5000
    minutes: float | None = None
    """In place of ``turns``."""
    seed: int = 1
    clients: tuple[int, int] = (16, 32)
    """How many are at work; it varies between these."""
    fault_share: float = 0.2
    readings: int = 10
    """Of what the process holds, all within one life."""
    rest_s: float = 2 * LOOKED_EVERY_S + 0.5
    """How long it is left alone before each, which is when it gives memory back."""
    restarts: int = 6
    """Every other one is a ``kill -9``."""
    final_turns: int = 100


@dataclass(slots=True, kw_only=True)
class Result:
    """What came of it."""

    settings: Settings
    seens: list[Seen] = field(default_factory=list)
    final: list[Seen] = field(default_factory=list)
    readings: list[Held] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    """That were met: a provider was asked and went wrong so."""
    faults_answered: Counter[str] = field(default_factory=Counter)
    """Of these, those whose turn was answered all the same."""
    gone_on: int = 0
    """Turns whose answer somebody was asked to go on with."""
    gone_on_whole: int = 0
    """Of these, those that were answered."""
    requests: int = 0
    """That reached providers."""
    rows: int = 0
    attempts: int = 0
    unreached: int = 0
    """Attempts that found no provider listening."""
    lasted_s: float = 0.0
    held_up_s: list[float] = field(default_factory=list)
    """How long this process itself did not get to run, each time."""
    recovery_s: float | None = None
    interrupted: bool = False

    @property
    def violations(self) -> int:
        """Of all invariants."""
        return sum(len(verdict.violations) for verdict in self.verdicts)


class ChaosRun:
    """One run."""

    def __init__(self, settings: Settings, folder: Path, say: Callable[[str], None] = print) -> None:
        self.interrupted = asyncio.Event()
        self._settings = settings
        self._result = Result(settings=settings)
        self._file = folder / "router.yaml"
        self._log = Log()
        self._vendors = {name: Vendor(name, self._log) for name in VENDORS}
        self._sidecar = Sidecar(folder, self._file)
        self._clients = Clients(self._sidecar.url)
        self._router = router.RouterSettings()
        self._say = say
        self._gate = asyncio.Event()
        self._gate.set()
        self._restarting = False
        self._calm = asyncio.Lock()
        """Held by whoever stops or starts something."""
        self._held_up: list[Away] = []
        self._number = 0
        self._active = 0
        self._width = settings.clients[1]
        self._began_s = 0.0
        self._counts: Counter[End] = Counter()
        self._served_by_this_life = 0

    async def go(self) -> Result:
        """Run it to its end, or until it is interrupted, and judge."""
        async with AsyncExitStack() as stack:
            for vendor in self._vendors.values():
                await vendor.start()
                stack.push_async_callback(vendor.stop)
            self._write_router()
            await self._sidecar.start()
            stack.push_async_callback(self._sidecar.close)
            stack.push_async_callback(self._clients.close)
            self._began_s = time.monotonic()
            broke = ""
            try:
                await self._storm()
            except* (aiohttp.ClientError, OSError, TimeoutError) as group:
                # The sidecar is gone, or does not end: that is a finding, and what was seen so far is worth a report.
                broke = "; ".join(map(repr, group.exceptions))
            self._result.lasted_s = time.monotonic() - self._began_s
            self._result.interrupted = self.interrupted.is_set()
            if not self._result.interrupted and not broke:
                await self._recover()
            if not broke:
                await self._sidecar.until_idle()
                await self._sidecar.stop(signal.SIGTERM)
        self._judge()
        if broke:
            self._result.verdicts[0].against_run(f"the run could not go on, the sidecar does not answer: {broke}")
        return self._result

    # The storm.

    @property
    def _progress(self) -> float:
        """From 0 to 1."""
        if self._settings.minutes is not None:
            return (time.monotonic() - self._began_s) / (self._settings.minutes * 60)
        return self._number / self._settings.turns

    @property
    def _over(self) -> bool:
        return self._progress >= 1 or self.interrupted.is_set()

    async def _storm(self) -> None:
        async with asyncio.TaskGroup() as work:
            beside = [work.create_task(each) for each in (self._weather(), self._tell(), self._watch_itself())]
            workers = [work.create_task(self._work(place)) for place in range(self._settings.clients[1])]
            await self._milestones()
            await asyncio.gather(*workers)
            async with self._calm:
                # Else a provider that was about to come back would stay away for the rest of the run.
                for task in beside:
                    task.cancel()

    async def _work(self, place: int) -> None:
        """One client, turn after turn."""
        while not self._over:
            while not self._gate.is_set() or (self._restarting and place % _IMPATIENT):
                await asyncio.sleep(0.02)
            if place >= self._width:
                await asyncio.sleep(0.1)
                continue
            if self._over:
                return
            self._number += 1
            seen = await self._turn(draw(self._settings.seed, self._number, self._settings.fault_share))
            self._result.seens.append(seen)
            self._counts[seen.end] += 1
            self._served_by_this_life += 1
            if seen.end in (End.REFUSED, End.BROKEN) or seen.status in (429, 503):
                # As agents do, who are told when to come back.
                await asyncio.sleep(_COMES_BACK_S)

    async def _turn(self, plan: TurnPlan) -> Seen:
        self._log.plans[plan.number] = plan
        self._active += 1
        try:
            return await self._clients.send(plan)
        finally:
            self._active -= 1

    async def _weather(self) -> None:
        """Providers that go away and come back, and a router file that changes."""
        rng = random.Random(f"{self._settings.seed}/weather")
        while True:
            await asyncio.sleep(rng.uniform(0.5, 2.0))
            self._width = rng.randint(*self._settings.clients)
            async with self._calm:
                event = rng.random()
                if event < 0.3:
                    self._result.events["provider stopped and started"] += 1
                    await self._vendors[rng.choice(VENDORS)].restart(rng.uniform(0.0, 0.7))
                elif event < 0.8:
                    self._result.events["configuration changed"] += 1
                    self._router = router.changed(self._router, rng)
                    self._write_router()
                elif event < 0.9:
                    self._result.events["invalid configuration"] += 1
                    router.write_invalid(self._file)
                    await asyncio.sleep(0.4)
                    self._write_router()

    async def _milestones(self) -> None:
        """Restarts first and last, and in between one life that is measured."""
        for at, what in _milestones(self._settings):
            while self._progress < at:
                if self.interrupted.is_set():
                    return
                await asyncio.sleep(0.02)
            async with self._calm:
                if what is None:
                    await self._measure()
                else:
                    await self._restart(what)

    async def _restart(self, number: signal.Signals) -> None:
        """In the middle of the turns. Most clients wait for the new one; those under way meet what happens."""
        self._result.events[f"sidecar stopped by {number.name} under load"] += 1
        self._restarting = True
        await self._sidecar.restart(number)
        self._restarting = False
        self._served_by_this_life = 0

    async def _measure(self) -> None:
        """Read what the process holds when no turn is under way and no connection is open."""
        await self._quiet()
        await self._clients.fresh()
        for vendor in self._vendors.values():
            await vendor.restart()
        await self._sidecar.until_idle()
        await asyncio.sleep(0.3)
        held = held_by(self._sidecar.pid, self._served_by_this_life)
        if held is not None:
            await asyncio.sleep(self._settings.rest_s)
            held = held_by(self._sidecar.pid, held.turns, held.resident_bytes)
        if held is not None:
            self._result.readings.append(held)
        self._gate.set()

    async def _quiet(self) -> None:
        self._gate.clear()
        while self._active:
            await asyncio.sleep(0.02)

    def _write_router(self) -> None:
        addresses = {name: vendor.base_url for name, vendor in self._vendors.items()}
        router.write(self._file, addresses, self._router)

    async def _watch_itself(self) -> None:
        """Note when this process did not get to run, at once or bit by bit, for then its providers are silent."""
        late: deque[tuple[float, float]] = deque()
        while True:
            before_s = time.monotonic()
            await asyncio.sleep(_STEP_S)
            after_s = time.monotonic()
            late.append((before_s, after_s - before_s - _STEP_S))
            # The newest stays: it may have lasted for longer than that alone.
            while len(late) > 1 and after_s - late[0][0] > _WATCHED_S:
                late.popleft()
            if sum(by_s for _, by_s in late) > _HELD_UP_S:
                self._held_up.append(Away(HELD_UP, late[0][0], after_s))
                late.clear()
                late.append((after_s, 0.0))

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(5)
            counts = ", ".join(f"{count} {end}" for end, count in self._counts.most_common())
            elapsed_s = time.monotonic() - self._began_s
            self._say(
                f"{elapsed_s:4.0f} s, {100 * min(1.0, self._progress):3.0f} %: {len(self._result.seens)} turns "
                f"({counts}), {self._active} under way, life {self._sidecar.lives} of the sidecar"
            )

    # And after it.

    async def _recover(self) -> None:
        """Everything is well: when is each tier back, and does it stay?"""
        self._log.healthy = True
        self._router = router.RouterSettings()
        self._write_router()
        began_s = time.monotonic()
        missing = set(TIERS)
        while missing and time.monotonic() - began_s < _RECOVERY_LIMIT_S:
            for tier in sorted(missing):
                seen = await self._well(tier)
                self._result.seens.append(seen)
                if seen.end is End.COMPLETE and seen.tier == tier:
                    missing.discard(tier)
            await asyncio.sleep(0.1)
        self._result.recovery_s = time.monotonic() - began_s
        for place in range(self._settings.final_turns):
            if self.interrupted.is_set():
                return
            seen = await self._well(TIERS[place % len(TIERS)])
            self._result.seens.append(seen)
            self._result.final.append(seen)

    async def _well(self, tier: str) -> Seen:
        self._number += 1
        dialect = list(Dialect)[self._number % len(Dialect)]
        return await self._turn(healthy(self._number, dialect, tier, stream=self._number % 4 != 0))

    # Judging.

    def _judge(self) -> None:
        result, log, stops = self._result, self._log, self._sidecar.stops
        aways = [*self._held_up, *(away for vendor in self._vendors.values() for away in vendor.away)]
        result.held_up_s = [round(away.to_s - away.from_s, 2) for away in self._held_up]
        for vendor in self._vendors.values():
            vendor.harvest()
        rows = self._sidecar.rows()
        result.rows, result.requests = len(rows), sum(log.seen.values())
        calls = [call for row in rows for call in row.calls]
        result.attempts, result.unreached = len(calls), sum(call.found_nobody for call in calls)
        for seen in result.seens:
            gone_on = any(each.begun for each in log.served.get(seen.plan.number, ()))
            result.gone_on += gone_on
            result.gone_on_whole += gone_on and seen.end in WHOLE
            for each in log.served.get(seen.plan.number, ()):
                if each.fault is not None:
                    result.faults[each.fault] += 1
                    result.faults_answered[each.fault] += seen.end in WHOLE
        result.verdicts = [
            check_endings(result.seens, stops),
            check_accounts(result.seens, rows, log.seen, stops, aways),
            check_texts(result.seens, log.served, stops, aways),
            check_resources(result.readings),
            check_recovery(result.final),
            check_process(self._sidecar.exits, self._sidecar.log, log.strangers),
            check_storm(result.seens, result.faults),
        ]


def _milestones(settings: Settings) -> list[tuple[float, signal.Signals | None]]:
    """``(progress, what)``: a restart by that signal, or None for a reading."""
    early = 2 if settings.restarts >= 4 else 0
    numbers = [signal.SIGKILL if place % 2 else signal.SIGTERM for place in range(settings.restarts)]
    first = [(0.03 + 0.03 * place, number) for place, number in enumerate(numbers[:early])]
    late = numbers[early:]
    last = [(0.74 + 0.22 * (place + 1) / len(late), number) for place, number in enumerate(late)]
    # A quarter of the measured life warms it up.
    begin, end = (0.24, 0.72) if early else (0.1, 0.7)
    steps = max(1, settings.readings - 1)
    readings = [(begin + (end - begin) * place / steps, None) for place in range(settings.readings)]
    return [*first, *readings, *last]
