"""What the operator asks of model servers over HTTP."""

from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp
import orjson

from tierrouter_operator.errors import OperatorError
from tierrouter_operator.http_client import HttpClient

_ANSWER_S: Final = 5.0
_LOAD_S: Final = 1800.0
"""Weights are read from a disk that may be slow."""
_PULL_SILENCE_S: Final = 120.0
"""Ollama tells of a pull's progress several times in a second; this long a silence is no pull."""
_LONGEST: Final = 4 << 20
"""Octets of an answer."""


class ModelServerError(OperatorError):
    """The server did not answer, or not as hoped; the message is fit for a status."""


class ModelServerClient(HttpClient):
    """``async with ModelServerClient() as client``. It carries no keys, follows no redirects and uses no proxy."""

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_ANSWER_S))

    async def get(self, url: str) -> Any:
        """The JSON at a URL; None where the server does not know it.

        Raises:
            ModelServerError: there is none.
        """
        try:
            async with self._session.get(url, allow_redirects=False) as answer:
                if answer.status == 404:
                    return None
                return await _json(answer)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise ModelServerError(_words(error)) from None

    async def load(self, root: str, model: str) -> None:
        """Have Ollama load a model and keep it.

        Raises:
            ModelServerError: it can't.
        """
        timeout = aiohttp.ClientTimeout(total=_LOAD_S)
        body = {"model": model, "keep_alive": -1, "stream": False}
        try:
            async with self._session.post(f"{root}/api/generate", json=body, timeout=timeout) as answer:
                await _json(answer)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise ModelServerError(_words(error)) from None

    async def pull(self, root: str, model: str, *, is_plain_http: bool) -> AsyncIterator[Any]:
        """Have Ollama pull a model; what it says of that, line by line.

        Raises:
            ModelServerError: the server has gone, or does not want to.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_ANSWER_S, sock_read=_PULL_SILENCE_S)
        body = {"model": model, "stream": True, "insecure": is_plain_http}
        try:
            async with self._session.post(f"{root}/api/pull", json=body, timeout=timeout) as answer:
                if answer.status != 200:
                    yield await _json(answer)
                async for line in answer.content:
                    yield orjson.loads(line)
        except (aiohttp.ClientError, OSError, TimeoutError, orjson.JSONDecodeError, ValueError) as error:
            raise ModelServerError(_words(error)) from None


async def _json(answer: aiohttp.ClientResponse) -> Any:
    text = await answer.content.read(_LONGEST)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = None
    if answer.status != 200:
        said = value.get("error") if isinstance(value, dict) else None
        raise ModelServerError(f"status {answer.status}{f': {said}' if isinstance(said, str) else ''}")
    if value is None:
        raise ModelServerError("it answers something else than JSON")
    return value


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
