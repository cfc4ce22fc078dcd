"""What asks over HTTP: with one aiohttp session, from the beginning of a context to its end."""

from abc import ABC, abstractmethod
from typing import Self

import aiohttp


class HttpClient(ABC):
    """``async with`` it: connections are kept while the context lasts, and closed with it."""

    _opened: aiohttp.ClientSession | None = None

    @abstractmethod
    def _open(self) -> aiohttp.ClientSession:
        """The session, made in the event loop that uses it."""

    @property
    def _session(self) -> aiohttp.ClientSession:
        assert self._opened is not None, "use it as a context"
        return self._opened

    async def __aenter__(self) -> Self:
        self._opened = self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._opened is not None:
            await self._opened.close()
