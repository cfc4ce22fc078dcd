"""Makes the pictures of docs/top.md: ``make pictures``.

A real sidecar, some hundred turns of agents that work side by side, and a provider that answers by a script, with the
times and token counts that such models have. The page is drawn by Chromium, the terminal's picture is the frame of
``tierrouter top``.
"""

import asyncio
import io
import json
import random
import re
import sys
import tempfile
from datetime import datetime
from pathlib import Path

import aiohttp
from rich.console import Console
from tierrouter_process import KEYS, ROOT, Served, router_text, serving

from browser import BrowserMissing, Chromium, Page, find_chromium
from provider import Answer, Delivery, RecordedRequest, ScriptedProvider, Status, to_model
from provider.usage import Tokens
from tierrouter_cli.top.frame import Shown, frame
from tierrouter_cli.top.one import OneSidecar

IMAGES = ROOT / "docs" / "images"
SESSIONS, AT_ONCE = 110, 12
MORE = """  deepShare: {maxPercent: 5, by: Turns, window: 24h, minPrompts: 20, action: Alert}
  budgets:
    - {name: deep-session, scope: Session, window: 24h, limitUSD: "2.00", tiers: [deep], onExhausted: Downgrade, downgradeTo: reasoning}
    - {name: team-day, scope: Router, window: 24h, limitUSD: "25.00", onExhausted: Warn}"""
PACES_S = {
    "moonshotai/kimi-k2.6": 0.7,
    "gpt-5.5": 1.6,
    "claude-opus-4-7": 2.1,
    "qwen3.6:27b": 0.4,
    "deepseek/deepseek-v4-flash": 0.5,
}
LOTS = random.Random(3)


def answered(request: RecordedRequest) -> Answer:
    """By how long the conversation is, with a cache that is warm more often than not."""
    messages = len(json.loads(request.body)["messages"])
    size = 9000 + 1700 * messages + LOTS.randrange(2500)
    cached = int(size * LOTS.choice([0, 0.75, 0.85, 0.9, 0.94])) if messages > 1 else 0
    delivery = Delivery(first_delay_s=PACES_S.get(request.model, 0.5) * LOTS.choice([0.6, 0.8, 1, 1, 1.3, 2.2]))
    usage = Tokens(input=size, cached=cached, output=LOTS.randrange(60, 900))
    return Answer(text="Done.", usage=usage, delivery=delivery)


def conversation(calls: int, session: int) -> list[dict[str, object]]:
    """A prompt, and so many calls of tools since."""
    messages: list[dict[str, object]] = [{"role": "user", "content": f"Mend test {session}"}]
    for n in range(calls):
        call = {"id": f"c{n}", "type": "function", "function": {"name": "read_file", "arguments": '{"path": "a.py"}'}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{n}", "content": "ok"})
    return messages


async def work(served: Served, session: int, limit: asyncio.Semaphore) -> None:
    """One agent with one task."""
    headers = {"x_tierrouter_session": f"session-{session}"}
    lot = LOTS.random()
    if lot < 0.02:
        headers["x_tierrouter_hint"] = "deep"
    elif lot < 0.055:
        headers["x_tierrouter_task"] = '{"file_count": 12}'
    elif lot < 0.2:
        headers["x_tierrouter_task"] = '{"sandboxed": true}'
    async with limit:
        for calls in range(LOTS.randrange(1, 8)):
            body = {"model": "auto", "stream": True, "messages": conversation(calls, session)}
            await served.post(body, **headers)


async def a_working_day(served: Served, vendor: ScriptedProvider) -> None:
    """All of them, and at the end a provider that has had enough of one model."""
    limit = asyncio.Semaphore(AT_ONCE)
    # The second try works, but for the last.
    vendor.script(Status(500), when=to_model("qwen3.6:27b"))
    await asyncio.gather(*(work(served, session, limit) for session in range(SESSIONS)))
    vendor.script(Status(500), Status(500), when=to_model("moonshotai/kimi-k2.6"))
    await work(served, SESSIONS, limit)
    vendor.script(Status(429, headers={"retry-after": "90"}), when=to_model("gpt-5.5"))
    await served.post(x_tierrouter_hint="reasoning", x_tierrouter_session="throttled")
    for session in range(SESSIONS + 1, SESSIONS + 6):
        await work(served, session, limit)


async def draw_page(page: Page, url: str) -> None:
    for name, scheme in (("page-light", "light"), ("page-dark", "dark")):
        await page.looks(width=1280, height=900, scheme=scheme)
        await page.goto(url)
        await page.until("document.querySelectorAll('#tiers tbody tr').length > 3")
        (IMAGES / f"{name}.png").write_bytes(await page.screenshot())


async def draw_terminal(url: str) -> None:
    async with aiohttp.ClientSession() as client:
        look = await OneSidecar(client, url).look()
    console = Console(record=True, width=110, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    shown = Shown(look=look, at=datetime.now().astimezone(), keys="q quits")
    console.print(frame(shown, console, 40))
    drawn = console.export_svg(title="tierrouter top")
    # It would ask a server for its font.
    (IMAGES / "top.svg").write_text(re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL))


async def main() -> int:
    try:
        program = find_chromium()
    except BrowserMissing as error:
        print(error, file=sys.stderr)
        return 3
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "router.yaml"
        async with ScriptedProvider() as vendor, ScriptedProvider() as spare:
            vendor.always(answered)
            spare.always(answered)
            file.write_text(router_text(vendor.base_url, spare.base_url, more=MORE))
            async with serving(folder, "-f", file, variables=KEYS, admin_port=9464) as served:
                await a_working_day(served, vendor)
                await draw_terminal(served.admin_url)
                async with Chromium(program) as browser, browser.page() as page:
                    await draw_page(page, served.admin_url + "/")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
