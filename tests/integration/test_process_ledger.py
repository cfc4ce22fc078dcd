"""Rows survive what happens to processes and disks."""

import asyncio
import contextlib
import os
import resource
import shutil
import signal
import subprocess
import time

import aiohttp
import pytest
from tierrouter_process import KEYS, router_file, serving, until

from tierrouter_sidecar.ledger.read import read_rows

WINDOW_S = 0.2
"""What docs/ledger.md says that a kill can cost."""
SCHEDULING_S = 0.5
"""What a busy machine may add between the end of an answer and what the router does next."""


async def test_kill_9_under_load_costs_no_row_that_is_older_than_the_window(tmp_path, provider):
    file = router_file(tmp_path, provider)
    ended: dict[str, float] = {}

    async def load(router):
        with contextlib.suppress(aiohttp.ClientError):
            while True:
                answer = await router.post()
                ended[answer.headers["x-tierrouter-turn"]] = time.monotonic()

    async with serving(tmp_path, "-f", file, variables=KEYS) as router:
        workers = [asyncio.create_task(load(router)) for _ in range(8)]
        began = time.monotonic()
        await until(lambda: len(ended) > 200 and time.monotonic() - began > 2)
        killed = time.monotonic()
        router.send(signal.SIGKILL)
        await router.ended()
        await asyncio.gather(*workers)
    lost_at = {turn: round(killed - at, 3) for turn, at in ended.items()}
    old = {turn for turn, at in ended.items() if at < killed - WINDOW_S - SCHEDULING_S}
    async with serving(tmp_path, "-f", file, variables=KEYS) as router:
        last = (await router.post()).headers["x-tierrouter-turn"]
        assert await router.stop() == 0
        rows = {row.turn_id for row in read_rows(router.state_dir)}
    assert len(old) > 50
    assert {turn: lost_at[turn] for turn in old - rows} == {}, "age in seconds of turns that were lost"
    assert last in rows


class SmallDisk:
    """A file system of 1 MiB where one can be mounted; else a limit on the size of a process's files."""

    def __init__(self, folder):
        self.folder = folder
        self._filler = folder / "filler"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "none", str(folder)]
        self._mounted = (
            os.geteuid() == 0
            and shutil.which("mount") is not None
            and subprocess.run(mount, capture_output=True, check=False).returncode == 0
        )

    def fill(self, pid):
        if not self._mounted:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
            return
        with self._filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            for size in (4096, 1):
                with contextlib.suppress(OSError):
                    while file.write(b"x" * size):
                        pass

    def free(self, pid):
        if self._mounted:
            self._filler.unlink()
        else:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def close(self):
        if self._mounted:
            subprocess.run(["umount", str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path):
    disk = SmallDisk(tmp_path / "small")
    yield disk
    disk.close()


async def test_with_a_full_disk_turns_are_answered_and_their_rows_wait_for_space(tmp_path, provider, disk):
    file = router_file(tmp_path, provider)
    turns = []
    async with serving(tmp_path, "-f", file, variables=KEYS, state_dir=disk.folder) as router:

        async def send(count):
            for _ in range(count):
                answer = await router.post()
                assert answer.status == 200
                turns.append(answer.headers["x-tierrouter-turn"])

        async def pending():
            return await router.metric("tierrouter_ledger_pending_rows")

        await send(5)
        await until(lambda: len(list(read_rows(disk.folder))) == 5)
        disk.fill(router.process.pid)
        # The first ones may still fit into pages that the file has already.
        for _ in range(40):
            await send(10)
            await asyncio.sleep(0.15)
            if await pending() >= 10:
                break
        assert await pending() >= 10
        assert await router.metric("tierrouter_ledger_lost_rows_total") == 0
        assert (await router.get("/readyz")).status == 200
        await send(20)
        disk.free(router.process.pid)

        async def all_written():
            return await pending() == 0

        await until(all_written)
        await send(1)
        assert await router.stop() == 0
        assert sorted(row.turn_id for row in read_rows(disk.folder)) == sorted(turns)
