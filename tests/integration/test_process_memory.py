"""A slow client slows the provider down: what is under way never piles up in the sidecar."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
from tierrouter_process import KEYS, router_file, serving

from provider import Answer, Delivery

WORDS = 200
WORD = "x" * 1024 * 1024
STREAM = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "Much."}]}


def resident_mb(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
async def test_memory_stays_flat_while_200_mb_go_to_a_client_that_reads_slowly(tmp_path, provider):
    provider.always(Answer(text=[WORD] * WORDS, delivery=Delivery()))
    async with serving(tmp_path, "-f", router_file(tmp_path, provider), variables=KEYS) as router:
        pid = router.process.pid
        await router.post()
        before_mb = resident_mb(pid)
        async with aiohttp.ClientSession(read_bufsize=2**16) as client:
            url = f"http://127.0.0.1:{router.port}/v1/chat/completions"
            async with client.post(url, json=STREAM) as answer:
                got, most_mb = 0, before_mb
                for _ in range(10):
                    got += len(await answer.content.read(2**20))
                    await asyncio.sleep(0.1)
                    most_mb = max(most_mb, resident_mb(pid))
                assert got < 20 * 2**20
                while chunk := await answer.content.read(2**20):
                    got += len(chunk)
                    most_mb = max(most_mb, resident_mb(pid))
        assert got > WORDS * len(WORD)
        assert most_mb - before_mb < 48, f"{before_mb:.0f} MB before, {most_mb:.0f} MB at most"
