"""A real sidecar on real ports, with the scriptable provider behind it."""

import csv
import io
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from provider import ScriptedProvider
from tierrouter_core.spend.row import COLUMNS, TurnRow
from tierrouter_sidecar.configuration import RouterFiles
from tierrouter_sidecar.credentials import Credentials
from tierrouter_sidecar.ledger.read import read_rows
from tierrouter_sidecar.server import Running, running
from tierrouter_sidecar.settings import Settings

sys.path.insert(0, str(Path(__file__).parents[3]))  # for `bench`
sys.path.insert(0, str(Path(__file__).parent))

from reliability import FROM_SPARE
from routers import SPARE_KEY, VENDOR_KEY, router_text

ENVIRONMENT = {"VENDOR_API_KEY": VENDOR_KEY, "SPARE_API_KEY": SPARE_KEY}


@dataclass
class Sidecar:
    """A sidecar under test and a client of it."""

    running: Running
    client: aiohttp.ClientSession
    state_dir: Path
    file: Path
    stop: Callable[[], Awaitable[None]]
    """Ends it before the test does."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.running.port}"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.running.admin_port}"

    async def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> "Got":
        data = body if isinstance(body, bytes) else None
        json = None if isinstance(body, bytes) else body
        both = {"content-type": "application/json", **(headers or {})}
        async with self.client.post(self.url + path, data=data, json=json, headers=both) as response:
            return Got(response.status, dict(response.headers), await response.read())

    async def get(self, url: str, headers: dict[str, str] | None = None) -> "Got":
        async with self.client.get(url, headers=headers) as response:
            return Got(response.status, dict(response.headers), await response.read())

    async def rows(self, count: int = 1) -> list[TurnRow]:
        """The ledger's rows, once there are ``count``; they are written within a fifth of a second."""
        import asyncio

        for _ in range(100):
            rows = list(read_rows(self.state_dir))
            if len(rows) >= count:
                return rows
            await asyncio.sleep(0.05)
        raise AssertionError(f"{count} rows were expected, {len(rows)} came")

    async def metric(self, line: str) -> float:
        """The value of one series, by its whole name with labels; 0 if there is none."""
        text = (await self.get(self.admin_url + "/metrics")).body.decode()
        return next((float(row.rpartition(" ")[2]) for row in text.splitlines() if row.startswith(line + " ")), 0.0)


@dataclass(frozen=True)
class Got:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        import json

        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)

    @property
    def tier(self) -> str | None:
        return self.header("x-tierrouter-tier")

    @property
    def reason(self) -> str:
        return self.header("x-tierrouter-reason") or ""


Start = Callable[..., Any]


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch):
    """The SDKs read keys and addresses from the environment; none may reach these tests."""
    for name in ("API_KEY", "AUTH_TOKEN", "BASE_URL", "ORG_ID", "PROJECT_ID", "CUSTOM_HEADERS"):
        for vendor in ("OPENAI", "ANTHROPIC"):
            monkeypatch.delenv(f"{vendor}_{name}", raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
async def spare() -> AsyncIterator[ScriptedProvider]:
    """The provider of the fallback tier, where that is at another one."""
    async with ScriptedProvider() as running:
        running.always(FROM_SPARE)
        yield running


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts sidecars from router texts."""
    async with AsyncExitStack() as stack:
        count = 0

        async def begin(
            text: str,
            environment: dict[str, str] | None = None,
            clock: Any = time.monotonic,
            state: str = "",
            port: int = 0,
            **settings: Any,
        ) -> Sidecar:
            nonlocal count
            count += 1
            state_dir = tmp_path / (state or f"state-{count}")
            state_dir.mkdir(exist_ok=bool(state))
            file = tmp_path / f"router-{count}.yaml"
            file.write_text(text)
            chosen = Settings(port=port, admin_port=0, state_dir=state_dir, reload_poll_s=0.02, **settings)
            credentials = Credentials(
                settings.get("credentials_dir"), ENVIRONMENT if environment is None else environment
            )
            source = RouterFiles([file], None)
            own = await stack.enter_async_context(AsyncExitStack())
            serving = await own.enter_async_context(running(chosen, source, credentials, clock=clock))
            client = await own.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
            return Sidecar(serving, client, state_dir, file, own.aclose)

        yield begin


@pytest.fixture
async def sidecar(start: Start, provider: ScriptedProvider) -> Sidecar:
    """A sidecar with the design's five tiers, all at the scriptable provider."""
    return await start(router_text(provider.base_url))


def cells(text: str) -> list[dict[str, str]]:
    """The rows of a ledger CSV."""
    rows = list(csv.DictReader(io.StringIO(text)))
    assert not rows or tuple(rows[0]) == COLUMNS
    return rows
