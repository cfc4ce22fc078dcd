"""One sidecar, asked at its admin port."""

import os
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import orjson

from tierrouter_cli.top.look import Look, LookError
from tierrouter_core.summary.codec import summary_from_json
from tierrouter_core.summary.model import Summary

ANSWER_S: Final = 5.0
MOST_BYTES: Final = 4 * 1024 * 1024
OLDER: Final = "it has no /summary: it is older than this command"


class OneSidecar:
    """``async with aiohttp.ClientSession() as client: OneSidecar(client, "http://127.0.0.1:9464")``."""

    def __init__(self, client: aiohttp.ClientSession, url: str) -> None:
        self._client = client
        self._url = url.rstrip("/")

    async def look(self) -> Look:
        """As :meth:`Source.look`."""
        return Look(where=self._url, total=await self._asked())

    async def _asked(self) -> Summary:
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        try:
            async with self._client.get(f"{self._url}/summary", timeout=timeout, allow_redirects=False) as answer:
                body = await answer.content.read(MOST_BYTES)
                status = answer.status
        except TimeoutError:
            raise LookError(f"{self._url} gives no answer within {ANSWER_S:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise LookError(f"{self._url} does not answer ({_short(error)}); is a router running there?") from None
        if status == 404:
            raise LookError(f"{self._url} is no sidecar's admin port, or {OLDER}")
        return read_summary(self._url, status, body)


def read_summary(who: str, status: int, body: bytes) -> Summary:
    """What an answer says; raises LookError for one that no sidecar gives."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise LookError(f"{who} does not answer as a sidecar does (status {status}); name its admin port") from None
    if status != 200:
        why = said.get("error") if isinstance(said, dict) else None
        raise LookError(f"{who} answers {status}{f': {why}' if isinstance(why, str) else ''}")
    try:
        return summary_from_json(said)
    except ValueError as error:
        raise LookError(f"{who} does not answer as a sidecar does: {error}") from None


def check_url(url: str) -> str:
    """Why an address can't be one; empty where it can."""
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        is_one = False
    return "" if is_one else f"{url!r} is no address like http://127.0.0.1:9464"


def _short(error: Exception) -> str:
    cause = getattr(error, "os_error", error)
    number = getattr(cause, "errno", None)
    # asyncio words it otherwise, with the address once more.
    return os.strerror(number) if number and number > 0 else str(cause)[:200] or type(error).__name__
