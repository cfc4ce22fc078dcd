"""Asks a router, again where what failed was not the model: no connection, 5xx, 429."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import aiohttp
import orjson

from tierrouter_core.names import SESSION_HEADER, Dialect
from tierrouter_evaluation.errors import EvaluationError, InfrastructureError
from tierrouter_evaluation.suites.dialects import PATHS, Said, body_of, said_in

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024


class RefusedError(EvaluationError):
    """The router refuses every request such as this: a wrong address, a missing token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """Where and how it is asked."""

    base_url: str
    dialect: Dialect
    model: str
    token: str
    """What it wants to be shown; empty for none."""
    timeout_s: float
    """Of one answer."""
    tries: int = 5
    pause_s: float = _FIRST_PAUSE_S


class Asker:
    """``async with Asker(router) as asker``."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def __aenter__(self) -> "Asker":
        self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._router.timeout_s))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def ask(self, task: str, prompt: str, max_tokens: int, told: Callable[[str], None]) -> Said:
        """One task's answer.

        Args:
            task: its id: the session.
            told: is told of each try that failed.

        Raises:
            InfrastructureError: none came, however often it was asked.
            RefusedError: none will come for any task.
        """
        pause_s = self._router.pause_s
        for number in range(1, self._router.tries + 1):
            try:
                return await self._once(task, prompt, max_tokens)
            except _TryAgainError as error:
                if number == self._router.tries:
                    raise InfrastructureError(f"{error} ({number} tries)") from None
                wait_s = max(error.after_s, pause_s * random.uniform(0.75, 1.25))  # noqa: S311
                told(f"{task}: {error}; trying again in {wait_s:.1f} s")
                await asyncio.sleep(wait_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        raise AssertionError("at least one try is made")

    async def _once(self, task: str, prompt: str, max_tokens: int) -> Said:
        router = self._router
        url = router.base_url + PATHS[router.dialect]
        headers = {SESSION_HEADER: task, "Content-Type": "application/json"}
        if router.dialect is Dialect.MESSAGES:
            headers["anthropic-version"] = "2023-06-01"
        if router.token:
            headers["Authorization"] = f"Bearer {router.token}"
        body = orjson.dumps(body_of(router.dialect, router.model, prompt, max_tokens))
        try:
            async with self._client.post(url, data=body, headers=headers, allow_redirects=False) as response:
                data = await response.content.read(_MAX_ANSWER_BYTES)
                while len(data) < _MAX_ANSWER_BYTES and (more := await response.content.read(_MAX_ANSWER_BYTES)):
                    data += more
                status, after = response.status, response.headers.get("Retry-After", "")
        except TimeoutError:
            raise InfrastructureError(f"no answer within {router.timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise _TryAgainError(f"{router.base_url}: {error or type(error).__name__}") from None
        if status == 200:
            try:
                return said_in(router.dialect, orjson.loads(data))
            except ValueError as error:
                raise InfrastructureError(f"the router's answer can't be read: {error}") from None
        said = f"{status}: {_message(data)}"
        if status == 429 or status >= 500:
            raise _TryAgainError(said, float(after) if after.isdigit() and int(after) <= 60 else 0.0)
        if status in (401, 403, 404, 405):
            raise RefusedError(f"{url} refuses to answer: {said}")
        raise InfrastructureError(f"the router refuses the task: {said}")


class _TryAgainError(Exception):
    """It may be answered in a moment."""

    def __init__(self, message: str, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


def _message(data: bytes) -> str:
    try:
        error = orjson.loads(data)["error"]
        return str(error["message"] if isinstance(error, dict) else error)[:300]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return " ".join(data.decode("utf-8", "replace").split())[:300] or "no message"
