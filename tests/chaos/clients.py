"""Clients of the sidecar: a lean one for each dialect, and the official SDKs."""

import asyncio
import json
import time
from typing import Any

import aiohttp
import anthropic
import openai

from chaos.plan import Client, Dialect, TurnPlan
from chaos.reading import Stream, message_of_error, text_of_body
from chaos.seen import End, Seen

LIMIT_S = 40.0
"""Far longer than the sidecar may take by its settings; a turn that takes longer hangs."""
PATHS = {Dialect.CHAT: "/v1/chat/completions", Dialect.RESPONSES: "/v1/responses", Dialect.MESSAGES: "/v1/messages"}
_TASKS = {"reasoning": {"file_count": 39}, "local": {"sandboxed": True}}
_KEY = "sk-placeholder"
_SLOW_READ_BYTES = 4096
_SLOW_PAUSE_S = 0.005
_SLOW_REST_S = 2.5
"""Once, for longer than the sidecar waits for a provider that is idle: who waits here is the client."""
_SLOW_LIMIT_S = 6.0
"""After so long a slow reader reads the rest at once."""


def body_of(plan: TurnPlan) -> dict[str, Any]:
    """The request of a turn. Its tag stands in the prompt, where its provider finds it, and as the model."""
    said = [{"role": "user", "content": f"Count, {plan.tag}."}]
    body: dict[str, Any] = {"model": plan.tag, "stream": plan.stream}
    body |= {"input": said} if plan.dialect is Dialect.RESPONSES else {"messages": said}
    if plan.dialect is Dialect.MESSAGES:
        body["max_tokens"] = 1000
    return body


def headers_of(plan: TurnPlan) -> dict[str, str]:
    """What makes the turn belong to its tier."""
    headers = {"x-tierrouter-session": plan.session}
    if plan.client is Client.SLOW:
        # It may still be reading when the process that answered is long gone; the next turn must not get its connection.
        headers["connection"] = "close"
    if plan.tier == "deep":
        headers["x-tierrouter-hint"] = "deep"
    elif plan.tier in _TASKS:
        headers["x-tierrouter-task"] = json.dumps(_TASKS[plan.tier])
    return headers


class Clients:
    """Clients with connections that they keep; ``fresh`` closes all of them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._open()

    def _open(self) -> None:
        connector = aiohttp.TCPConnector(limit=0)
        self._raw = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))
        options: dict[str, Any] = {"api_key": _KEY, "max_retries": 0, "timeout": LIMIT_S}
        self._openai = openai.AsyncOpenAI(base_url=f"{self._url}/v1", **options)
        self._anthropic = anthropic.AsyncAnthropic(base_url=self._url, **options)

    async def close(self) -> None:
        """Close every connection."""
        await self._raw.close()
        await self._openai.close()
        await self._anthropic.close()

    async def fresh(self) -> None:
        """Begin anew without any connection."""
        await self.close()
        self._open()

    async def send(self, plan: TurnPlan) -> Seen:
        """Send one turn, exactly once, and see how it ends."""
        seen = Seen(plan=plan, began_s=time.monotonic())
        try:
            async with asyncio.timeout(LIMIT_S):
                await (self._by_sdk(seen) if plan.client is Client.SDK else self._by_hand(seen))
        except TimeoutError:
            seen.end = End.HUNG
        seen.ended_s = time.monotonic()
        return seen

    # By hand.

    async def _by_hand(self, seen: Seen) -> None:
        plan = seen.plan
        sending = asyncio.create_task(
            self._raw.post(
                self._url + PATHS[plan.dialect],
                json=body_of(plan),
                headers=headers_of(plan),
                read_bufsize=_SLOW_READ_BYTES if plan.client is Client.SLOW else 2**16,
            )
        )
        try:
            if plan.client is Client.LEAVES_EARLY:
                done, _ = await asyncio.wait({sending}, timeout=plan.leaves_after_s)
                if not done:
                    seen.end = End.LEFT
                    return
            response = await sending
        except aiohttp.ClientConnectorError:
            seen.end = End.REFUSED
            return
        except (aiohttp.ClientError, OSError) as error:
            seen.end, seen.error = End.BROKEN, f"{type(error).__name__} {error}"
            return
        finally:
            if not sending.done():
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        try:
            await self._read(seen, response)
        except (aiohttp.ClientError, OSError) as error:
            seen.end, seen.error = End.BROKEN, f"{type(error).__name__} {error}"
        finally:
            response.release()

    async def _read(self, seen: Seen, response: aiohttp.ClientResponse) -> None:
        plan = seen.plan
        _note_headers(seen, response.status, response.headers)
        if response.content_type != "text/event-stream":
            _judge_body(seen, await response.read())
            if plan.stream and seen.end is End.COMPLETE:
                seen.problem = "a stream was asked for, and a whole answer came"
            return
        stream = Stream(plan.dialect)
        try:
            await self._read_stream(seen, response, stream)
        finally:
            seen.text, seen.problem = stream.text, stream.problem
            seen.error = seen.error or stream.error
        if not plan.stream:
            seen.problem = seen.problem or "no stream was asked for"

    async def _read_stream(self, seen: Seen, response: aiohttp.ClientResponse, stream: Stream) -> None:
        plan, began_s, rests = seen.plan, time.monotonic(), seen.plan.details % 2
        while True:
            slow = plan.client is Client.SLOW and time.monotonic() - began_s < _SLOW_LIMIT_S
            chunk = await (response.content.read(_SLOW_READ_BYTES) if slow else response.content.readany())
            if not chunk:
                break
            stream.feed(chunk)
            if slow:
                await asyncio.sleep(_SLOW_REST_S if rests else _SLOW_PAUSE_S)
                rests = 0
            if plan.client is Client.LEAVES_MIDWAY and time.monotonic() - seen.began_s > plan.leaves_after_s:
                seen.end = End.LEFT
                response.close()
                return
        stream.over()
        seen.end = stream.end

    # By the SDKs.

    async def _by_sdk(self, seen: Seen) -> None:
        plan = seen.plan
        ways = {
            Dialect.CHAT: (self._chat_stream, self._chat_whole),
            Dialect.RESPONSES: (self._responses_stream, self._responses_whole),
            Dialect.MESSAGES: (self._messages_stream, self._messages_whole),
        }
        body = {name: value for name, value in body_of(plan).items() if name != "stream"}
        try:
            await ways[plan.dialect][not plan.stream](seen, body, headers_of(plan))
        except (openai.APIStatusError, anthropic.APIStatusError) as error:
            # Anthropic's SDK raises it for an error inside a stream too.
            _note_headers(seen, error.status_code, error.response.headers)
            seen.end, seen.error = End.FAILED, str(error)
        except (openai.APITimeoutError, anthropic.APITimeoutError):
            seen.end = End.HUNG
        except (openai.APIConnectionError, anthropic.APIConnectionError) as error:
            refused = type(error.__cause__).__name__ == "ConnectError"
            seen.end, seen.error = End.REFUSED if refused else End.BROKEN, repr(error.__cause__)
        except openai.APIError as error:
            seen.end, seen.error = End.FAILED, str(error)
        except Exception as error:
            # Whichever library carries the SDKs: what it raises in mid-stream is not wrapped.
            if not type(error).__module__.startswith("httpx"):
                raise
            seen.end, seen.error = End.BROKEN, f"{type(error).__name__} {error}"

    async def _chat_stream(self, seen: Seen, body: Any, headers: Any) -> None:
        stream = await self._openai.chat.completions.create(**body, stream=True, extra_headers=headers)
        _note_headers(seen, stream.response.status_code, stream.response.headers)
        seen.end = End.OPEN
        async for chunk in stream:
            for choice in chunk.choices:
                seen.text += choice.delta.content or ""
                if choice.finish_reason:
                    seen.end = End.COMPLETE

    async def _chat_whole(self, seen: Seen, body: Any, headers: Any) -> None:
        raw = await self._openai.chat.completions.with_raw_response.create(**body, extra_headers=headers)
        _note_headers(seen, raw.status_code, raw.headers)
        _judge_body(seen, raw.http_response.content)

    async def _responses_stream(self, seen: Seen, body: Any, headers: Any) -> None:
        stream = await self._openai.responses.create(**body, stream=True, extra_headers=headers)
        _note_headers(seen, stream.response.status_code, stream.response.headers)
        seen.end = End.OPEN
        async for event in stream:
            if event.type == "response.output_text.delta":
                seen.text += event.delta
            elif event.type in ("response.completed", "response.incomplete"):
                seen.end = End.COMPLETE
            elif event.type == "response.failed":
                seen.end, seen.error = End.FAILED, event.response.error.message

    async def _responses_whole(self, seen: Seen, body: Any, headers: Any) -> None:
        raw = await self._openai.responses.with_raw_response.create(**body, extra_headers=headers)
        _note_headers(seen, raw.status_code, raw.headers)
        _judge_body(seen, raw.http_response.content)

    async def _messages_stream(self, seen: Seen, body: Any, headers: Any) -> None:
        stream = await self._anthropic.messages.create(**body, stream=True, extra_headers=headers)
        _note_headers(seen, stream.response.status_code, stream.response.headers)
        seen.end = End.OPEN
        async for event in stream:
            if event.type == "content_block_delta":
                seen.text += event.delta.text
            elif event.type == "message_delta" and event.delta.stop_reason:
                seen.end = End.UNMARKED
            elif event.type == "message_stop":
                seen.end = End.COMPLETE

    async def _messages_whole(self, seen: Seen, body: Any, headers: Any) -> None:
        raw = await self._anthropic.messages.with_raw_response.create(**body, extra_headers=headers)
        _note_headers(seen, raw.status_code, raw.headers)
        _judge_body(seen, raw.http_response.content)


def _note_headers(seen: Seen, status: int, headers: Any) -> None:
    seen.status = status
    seen.turn_id = headers.get("x-tierrouter-turn", "")
    seen.tier = headers.get("x-tierrouter-tier", "")
    seen.reason = headers.get("x-tierrouter-reason", "")


def _judge_body(seen: Seen, body: bytes) -> None:
    """A body in one piece: a whole answer, an error, or neither."""
    try:
        payload = json.loads(body)
        if seen.status == 200:
            seen.text, seen.end = text_of_body(seen.plan.dialect, payload), End.COMPLETE
        else:
            seen.error, seen.end = message_of_error(seen.plan.dialect, payload), End.FAILED
    except ValueError as error:
        seen.end = End.OPEN if seen.status == 200 else End.FAILED
        seen.problem = f"status {seen.status}: {error}"
