"""The sixteen ways in which a provider fails, and what a router owes its agents in each.

``first`` is the provider of the tier that a turn belongs to, ``spare`` that of the fallback tier. A scenario says what
they do, sends its turns and asserts what came of them; the table in ``docs/reliability.md`` is made of them.
"""

import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from routers import router_text

from provider import Answer, Close, Delivery, Ending, Hang, Raw, Reset, ScriptedProvider, Status, to_model

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "wire"))

from stream_grammars import COMPLETE, FAILED, read_stream

from tierrouter_core.names import Dialect

CHAT, RESPONSES, MESSAGES = Dialect.CHAT, Dialect.RESPONSES, Dialect.MESSAGES
PATHS = {CHAT: "/v1/chat/completions", RESPONSES: "/v1/responses", MESSAGES: "/v1/messages"}
TEXT = [f"word-{number} " for number in range(40)]
GOOD = Answer(text=TEXT)
FROM_SPARE = Answer(text=["the spare answers"])

# Short, so that the table is made in minutes; the order between them is that of the defaults.
PATIENCE = (
    "  failover: {connectTimeout: 300ms, headersTimeout: 400ms, firstTokenTimeout: 700ms, idleTimeout: 900ms, "
    "totalTimeout: 2500ms, circuit: {failures: 3, coolDown: 1s}}"
)


@dataclass
class Seen:
    """One turn as its client saw it."""

    status: int
    tier: str
    reason: str
    retry_after: str
    text: str
    ended: str
    """``complete``, ``failed`` (an error, by status or inside the stream) or ``open``, which is a lie."""
    error: str
    took_s: float


@dataclass
class World:
    """A sidecar between a client and two providers."""

    client: Dialect
    stream: bool
    sidecar: Any
    first: ScriptedProvider
    spare: ScriptedProvider
    seen: list[Seen] = field(default_factory=list)

    async def turn(self, *, begun: str = "", headers: dict[str, str] | None = None) -> Seen:
        """Send one; ``begun`` is an answer that the model is to go on with."""
        ask = [{"role": "user", "content": "Count."}]
        if begun:
            ask.append({"role": "assistant", "content": begun})
        body: dict[str, Any] = {"model": "auto", "stream": self.stream}
        body |= {"input": ask} if self.client is RESPONSES else {"messages": ask}
        if self.client is MESSAGES:
            body["max_tokens"] = 500
        began = time.monotonic()
        got = await self.sidecar.post(PATHS[self.client], body, headers)
        took_s = time.monotonic() - began
        text, ended, error = _understood(self.client, got)
        seen = Seen(got.status, got.tier or "", got.reason, got.header("retry-after") or "", text, ended, error, took_s)
        self.seen.append(seen)
        return seen

    async def answered(self, tier: str, **more: Any) -> Seen:
        """A turn that has to be answered, whole, by this tier."""
        seen = await self.turn(**more)
        assert (seen.status, seen.ended, seen.tier) == (200, COMPLETE, tier), seen
        assert seen.text == ("".join(TEXT) if tier != "fallback" else "the spare answers"), seen
        return seen

    async def cut(self, of: str = "routine") -> Seen:
        """A turn whose answer breaks off: an error after a prefix of the text, and nothing of another's."""
        seen = await self.turn()
        assert (seen.status, seen.ended, seen.tier) == (200, FAILED, of), seen
        assert seen.text
        assert "".join(TEXT).startswith(seen.text), seen
        assert self.spare.requests == [], "after the first token nobody else is asked"
        return seen

    @property
    def asked(self) -> tuple[int, int]:
        """How many requests each provider has had."""
        return len(self.first.requests), len(self.spare.requests)


def _understood(client: Dialect, got: Any) -> tuple[str, str, str]:
    """``(text, how it ended, error)``."""
    if (got.header("content-type") or "").startswith("text/event-stream"):
        read = read_stream(client, got.body)
        return read.text, read.end, read.error
    payload = json.loads(got.body)
    if got.status != 200:
        error = payload["error"]
        return "", FAILED, error["message"]
    if client is CHAT:
        return payload["choices"][0]["message"]["content"], COMPLETE, ""
    if client is MESSAGES:
        return "".join(block["text"] for block in payload["content"] if block["type"] == "text"), COMPLETE, ""
    parts = [part for item in payload["output"] if item["type"] == "message" for part in item["content"]]
    return "".join(part["text"] for part in parts), COMPLETE, ""


Run = Callable[[World], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """One of the sixteen."""

    number: int
    name: str
    promise: str
    """What the client sees, streamed or not."""
    deadline_s: float
    """For each of its turns, with the patience that is set here."""
    run: Run
    more: str = ""
    """Of the router's spec."""


SCENARIOS: list[Scenario] = []


def scenario(name: str, promise: str, *, deadline_s: float, more: str = "") -> Callable[[Run], Run]:
    """Registers one."""

    def registered(run: Run) -> Run:
        SCENARIOS.append(Scenario(len(SCENARIOS) + 1, name, promise, deadline_s, run, more))
        return run

    return registered


@scenario(
    "429 with Retry-After",
    "a second is waited for; for longer the fallback answers, and the provider is left alone",
    deadline_s=1.6,
)
async def throttled_for_a_time(world: World) -> None:
    world.first.script(Status(429, headers={"retry-after": "1"}))
    assert (await world.answered("routine")).took_s >= 1.0
    world.first.script(Status(429, headers={"retry-after": "30"}))
    await world.answered("fallback")
    assert "throttled" in (await world.answered("fallback")).reason
    assert world.asked == (3, 2)


@scenario("persistent 429", "the fallback answers every turn; the provider is asked once in the pause", deadline_s=0.5)
async def throttled_for_ever(world: World) -> None:
    world.first.always(Status(429))
    for _ in range(5):
        await world.answered("fallback")
    assert world.asked == (1, 5)


@scenario("one 500", "answered in the same place after a moment", deadline_s=1.5)
async def one_500(world: World) -> None:
    world.first.script(Status(500))
    await world.answered("routine")
    assert world.asked == (2, 0)


@scenario("503", "the fallback answers at once", deadline_s=0.5)
async def unavailable(world: World) -> None:
    world.first.always(Status(503))
    for _ in range(5):
        await world.answered("fallback")
    assert world.asked == (3, 5), "after three failures the circuit is open"


@scenario("TCP reset", "tried again once, then the fallback answers", deadline_s=1.5)
async def reset(world: World) -> None:
    world.first.script(Reset())
    await world.answered("routine")
    world.first.script(Reset(), Close())
    await world.answered("fallback")


@scenario("no response", "the fallback answers when the patience for headers is over", deadline_s=2.3)
async def no_response(world: World) -> None:
    world.first.always(Hang())
    seen = await world.answered("fallback")
    assert seen.took_s >= 0.4
    await world.first.disconnected(1)


@scenario("slow first token", "the fallback answers when the patience for it is over", deadline_s=1.7)
async def slow_first_token(world: World) -> None:
    world.first.always(Answer(text=TEXT, delivery=Delivery(body_delay_s=30, pings_before=3)))
    seen = await world.answered("fallback")
    assert seen.took_s >= 0.7
    await world.first.disconnected(1)


@scenario("stream cut", "an error event after what came; a body is asked for again", deadline_s=1.5)
async def cut(world: World) -> None:
    for ending in (Ending.CLOSE, Ending.RESET):
        if world.stream:
            world.first.script(Answer(text=TEXT, delivery=Delivery(cut_after_events=12, ending=ending)))
            await world.cut()
        else:
            world.first.script(Answer(text=TEXT, delivery=Delivery(cut_after_bytes=90, ending=ending)))
            await world.answered("routine")


@scenario(
    "stall in mid-stream", "an error event when the patience is over; a body comes from the fallback", deadline_s=1.5
)
async def stall(world: World) -> None:
    if world.stream:
        world.first.always(Answer(text=TEXT, delivery=Delivery(cut_after_events=12, ending=Ending.STALL)))
        assert (await world.cut()).took_s >= 0.9
    else:
        world.first.always(Answer(text=TEXT, delivery=Delivery(cut_after_bytes=90, ending=Ending.STALL)))
        await world.answered("fallback")


@scenario("malformed chunk", "an error event in its place; before the first token the fallback answers", deadline_s=1.5)
async def malformed(world: World) -> None:
    if world.stream:
        world.first.script(Answer(text=TEXT, delivery=Delivery(garbage_after_events=12)))
        await world.cut()
        at_once = Answer(text=TEXT, delivery=Delivery(garbage_after_events=0))
        world.first.script(at_once, at_once)
    else:
        world.first.script(*[Raw(b'{"choices": [{"mess', "application/json")] * 2)
    await world.answered("fallback")


@scenario("missing terminator", "an error event, never a forged end; a body is asked for again", deadline_s=1.5)
async def no_terminator(world: World) -> None:
    if world.stream:
        world.first.script(Answer(text=TEXT, delivery=Delivery(cut_after_events=12)))
        await world.cut()
    else:
        world.first.script(Raw(b'{"id": "x", "choices": [{"mess', "application/json"))
        await world.answered("routine")


@scenario("context length", "a tier with a larger window answers; without one the provider's own words", deadline_s=0.5)
async def too_long(world: World) -> None:
    words = "prompt is too long: 300000 tokens > 262144 maximum (context_length_exceeded)"
    refusal = Status(400, message=words)
    world.first.always(refusal, when=to_model("moonshotai/kimi-k2.6"))
    await world.answered("reasoning")
    world.first.always(refusal)
    seen = await world.turn()
    assert (seen.status, seen.ended) == (400, FAILED)
    assert words in seen.error
    assert world.spare.requests == [], "its window is no larger"


FLAGGED = """
  rules:
    - {name: flagged, when: "turn.output_flagged", tier: reasoning, escalate: true}
"""


@scenario(
    "content filter",
    "the tier that a rule names for it answers; a filtered answer is given as it is, and the next turn goes there",
    deadline_s=0.5,
    more=FLAGGED,
)
async def filtered(world: World) -> None:
    session = {"x-tierrouter-session": "s"}
    refusal = Status(400, message="filtered by our content management policy (content_filter)")
    world.first.script(refusal)
    await world.answered("reasoning", headers={"x-tierrouter-session": "other"})
    finish = "refusal" if MESSAGES in _spoken_by(world.first) else "content_filter"
    world.first.script(Answer(text=["I "], finish=finish))
    seen = await world.turn(headers=session)
    assert (seen.tier, seen.text, seen.ended) == ("routine", "I ", COMPLETE)
    await world.answered("reasoning", headers=session)
    await world.answered("routine", headers=session)


def _spoken_by(provider: ScriptedProvider) -> set[Dialect]:
    return {dialect for dialect, path in PATHS.items() for request in provider.requests if request.path == path}


@scenario(
    "fallback rejects an assistant prefill", "its objection is not shown: the next stand-in answers", deadline_s=0.6
)
async def no_prefill(world: World) -> None:
    objection = Status(400, message="This model does not support assistant message prefill.")
    world.first.always(Status(503), when=to_model("moonshotai/kimi-k2.6"))
    world.spare.always(objection)
    await world.answered("local", begun="word-0")
    world.first.always(Status(503))
    seen = await world.turn(begun="word-0")
    assert (seen.ended, seen.status) == (FAILED, 429), "it is to come back, not to change its request"
    assert 1 <= int(seen.retry_after) <= 60
    assert "prefill" in seen.error


@scenario("flapping provider", "every turn is answered; after some failures the provider is left alone", deadline_s=1.5)
async def flapping(world: World) -> None:
    for _ in range(8):
        world.first.script(Status(500), GOOD)
    for _ in range(8):
        seen = await world.turn()
        assert (seen.status, seen.ended) == (200, COMPLETE), seen
    assert any("is left alone" in seen.reason for seen in world.seen)


@scenario("accounting over all of that", "rows = turns, attempts = calls, costs = what was used", deadline_s=1.6)
async def accounting(world: World) -> None:
    for step in (Status(500), Reset(), Status(429, headers={"retry-after": "1"}), GOOD):
        world.first.script(step)
        await world.turn()
    world.first.script(Status(503))
    await world.answered("fallback")


async def check_accounts(world: World) -> None:
    """What holds after every scenario: each turn is one row, each call one attempt, and the row's cost is their sum."""
    rows = await world.sidecar.rows(len(world.seen))
    assert len(rows) == len(world.seen)
    calls = sum(world.asked)
    assert sum(row.attempts for row in rows) == calls
    for row, seen in zip(rows, world.seen, strict=True):
        outcome = {COMPLETE: "answered", FAILED: "upstream_error"}[seen.ended]
        if seen.status == 200 and seen.ended == FAILED:
            assert row.outcome in ("cut", "upstream_error")
            assert row.output_tokens > 0, "what came before the cut is paid for"
        else:
            assert row.outcome == outcome
        assert row.tier == seen.tier or not row.tier
        assert (row.baseline_cost_usd is not None) == (row.outcome == "answered")
        if row.outcome == "answered":
            assert row.usage_source == "reported"
            assert row.cost_usd is not None
            assert row.cost_usd > 0 or row.tier == "local"


def router_of(
    first: ScriptedProvider, spare: ScriptedProvider, case: Scenario, firsts: Dialect, spares: Dialect
) -> str:
    """The router of a scenario: the fallback tier is at another provider, and ``local`` stands in for it."""
    text = router_text(first.base_url, spare.base_url, dialects=firsts, spare_dialects=spares)
    head, _, rest = text.partition("  failover: ")
    text = head + PATIENCE + "\n" + rest.partition("\n")[2]
    if case.more:
        head, _, rest = text.partition("  rules:\n")
        text = head + case.more.lstrip("\n") + "  hints:" + rest.partition("  hints:")[2]
    return text.replace("maxTokens: 8192}", "maxTokens: 8192, fallbackTo: [fallback, local]}", 1)
