"""Starting the browser, and one page of it."""

import asyncio
import base64
import contextlib
import itertools
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "chromium.sh"
_PATIENCE_S = 30.0
_KEYS = {"Tab": 9, "Enter": 13, " ": 32, "ArrowDown": 40, "ArrowRight": 39}
_QUIET = (
    "--headless=new",
    "--remote-debugging-port=0",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--metrics-recording-only",
    "--password-store=basic",
    "--use-mock-keychain",
)


class BrowserMissing(Exception):
    """There is no Chromium, and the message says why."""


def find_chromium() -> str:
    """The program; raises BrowserMissing."""
    done = subprocess.run([str(SCRIPT)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BrowserMissing(done.stderr.strip() or f"{SCRIPT.name} ended with {done.returncode}")
    return done.stdout.strip()


class Page:
    """One tab. What it wrote to its console, and what it asked for, is kept."""

    def __init__(self, browser: "Chromium", session: str) -> None:
        self._browser = browser
        self._session = session
        self.console: list[str] = []
        """Errors and warnings: of scripts, of the content security policy, of loading."""
        self.requested: list[str] = []
        """Every address that was asked for."""

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol."""
        return await self._browser.send(method, self._session, **parameters)

    def happened(self, method: str, event: dict[str, Any]) -> None:
        """An event of this page."""
        if method == "Runtime.exceptionThrown":
            self.console.append(str(event["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning", "assert"):
            self.console.append(str(event["args"]))
        elif method == "Log.entryAdded" and event["entry"]["level"] in ("error", "warning"):
            self.console.append(f"{event['entry']['text']} {event['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requested.append(event["request"]["url"])

    async def goto(self, url: str) -> None:
        """Open an address."""
        found = await self.send("Page.navigate", url=url)
        assert "errorText" not in found, found

    async def js(self, expression: str) -> Any:
        """The value of an expression, in the page."""
        found = await self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        async with asyncio.timeout(_PATIENCE_S):
            while not await self.js(expression):
                await asyncio.sleep(0.05)

    async def press(self, key: str) -> None:
        """Press a key and let go of it, as a person does."""
        # Enter and the space bar act by the text that they write.
        text = {"Enter": "\r", " ": " "}.get(key)
        named = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": _KEYS[key]}
        await self.send("Input.dispatchKeyEvent", type="keyDown", **named, **({"text": text} if text else {}))
        await self.send("Input.dispatchKeyEvent", type="keyUp", **named)

    async def looks(self, *, width: int, height: int, scheme: str = "light", scale: float = 1) -> None:
        """The size of the screen, and whether its user wants it dark."""
        mobile = width < 600
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile
        )
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        await self.send("Emulation.setEmulatedMedia", features=features)

    async def screenshot(self) -> bytes:
        """The whole page as PNG, below what is seen of it too."""
        found = await self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(found["data"])


class Chromium:
    """``async with Chromium(program) as browser``."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
            address = await self._start(stack, folder)
            client = await stack.enter_async_context(aiohttp.ClientSession())
            self._socket = await stack.enter_async_context(client.ws_connect(address, max_msg_size=0))
            reading = asyncio.create_task(self._read())
            stack.callback(reading.cancel)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self, stack: contextlib.AsyncExitStack, folder: Path) -> str:
        # Chromium's sandbox wants a user who is not root, or namespaces; the one page that it opens is ours.
        flags = [*_QUIET, f"--user-data-dir={folder}", *(["--no-sandbox"] if os.getuid() == 0 else [])]
        log = stack.enter_context((folder / "log").open("wb"))
        process = await asyncio.create_subprocess_exec(
            self._program, *flags, "about:blank", stdout=log, stderr=log, start_new_session=True
        )
        stack.push_async_callback(self._end, process)
        told = folder / "DevToolsActivePort"
        async with asyncio.timeout(_PATIENCE_S):
            while not (told.exists() and len(told.read_text().splitlines()) == 2):
                assert process.returncode is None, (folder / "log").read_text()
                await asyncio.sleep(0.05)
        port, path = told.read_text().splitlines()
        return f"ws://127.0.0.1:{port}{path}"

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    async def send(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """One command of the protocol, and its answer."""
        number = next(self._numbers)
        answered = self._waiting[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        await self._socket.send_json(message)
        async with asyncio.timeout(_PATIENCE_S):
            answer = await answered
        assert "error" not in answer, f"{method}: {answer['error']}"
        found: dict[str, Any] = answer["result"]
        return found

    async def _read(self) -> None:
        async for message in self._socket:
            data = message.json()
            if "id" in data:
                self._waiting.pop(data["id"]).set_result(data)
            elif (page := self._pages.get(data.get("sessionId", ""))) is not None:
                page.happened(data["method"], data["params"])

    @asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        """A tab of its own."""
        target = (await self.send("Target.createTarget", url="about:blank"))["targetId"]
        session = (await self.send("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.send(f"{domain}.enable")
        yield page
        del self._pages[session]
        await self.send("Target.closeTarget", targetId=target)
