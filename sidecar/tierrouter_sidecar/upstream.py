"""One call to a provider, and what its failure means."""

import asyncio
import ssl
import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import TracebackType
from weakref import WeakSet

import aiohttp
from yarl import URL

from tierrouter_core.document.model import Failover, Provider
from tierrouter_core.wire.failures import parse_retry_after

FAILOVER_STATUSES = frozenset({408, 429, 500, 502, 503, 504, 529})
"""Answers that say nothing of the request, only of the provider's state: another tier may do better."""
_READ_LIMIT = 2**18
_STOPPING = "the router is shutting down"


class AttemptKind(StrEnum):
    """How an attempt failed: a metric's label."""

    UNREACHABLE = "unreachable"
    TLS = "tls"
    TIMEOUT = "timeout"
    CUT = "cut"
    THROTTLED = "throttled"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    CREDENTIAL = "credential"


class AttemptFailed(Exception):  # noqa: N818 (it is an outcome, handled by the next attempt)
    """A provider could not serve a turn, and nothing has been sent to the client yet."""

    def __init__(self, kind: AttemptKind, message: str, *, status: int = 0, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.status = status
        self.retry_after_s = retry_after_s


def kind_of_status(status: int) -> AttemptKind:
    """What a failing status means."""
    if status == 429:
        return AttemptKind.THROTTLED
    if status in (503, 529):
        return AttemptKind.OVERLOADED
    if status in (401, 403):
        return AttemptKind.CREDENTIAL
    return AttemptKind.SERVER_ERROR


class Upstream:
    """The connections to all providers."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._timeouts: dict[tuple[int, int], aiohttp.ClientTimeout] = {}
        self._urls: dict[tuple[str, str], URL] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._responses: WeakSet[aiohttp.ClientResponse] = WeakSet()

    async def __aenter__(self) -> "Upstream":
        # No limit of connections: an agent's turns must never queue behind each other in here. No cookies, no proxies
        # from the environment and no decompression: what a provider sent is relayed as it is.
        connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=60, keepalive_timeout=30)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=_READ_LIMIT,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Break every call off; to the turns that wait for them it is as if the providers had done it."""
        for response in list(self._responses):
            # Closing the session alone would leave those who read waiting for ever.
            response.content.set_exception(aiohttp.ClientPayloadError(_STOPPING))
        if self._session is not None:
            await self._session.close()

    def _url(self, provider: Provider, path: str) -> URL:
        key = (provider.base_url, path)
        url = self._urls.get(key)
        if url is None:
            url = self._urls[key] = URL(provider.base_url + path, encoded=True)
        return url

    def _timeout(self, failover: Failover) -> aiohttp.ClientTimeout:
        key = (failover.connect_timeout_ms, failover.idle_timeout_ms)
        timeout = self._timeouts.get(key)
        if timeout is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=key[0] / 1000, sock_read=key[1] / 1000)
            self._timeouts[key] = timeout
        return timeout

    def _ssl(self, provider: Provider) -> ssl.SSLContext | bool:
        if not provider.ca_bundle:
            return True
        context = self._contexts.get(provider.ca_bundle)
        if context is None:
            context = ssl.create_default_context()
            context.load_verify_locations(cadata=provider.ca_bundle)
            self._contexts[provider.ca_bundle] = context
        return context

    async def send(
        self,
        provider: Provider,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes | None,
        failover: Failover,
        wait_s: float,
    ) -> aiohttp.ClientResponse:
        """Send a request and wait at most ``wait_s`` for the answer's headers.

        Raises:
            AttemptFailed: no answer came.
        """
        assert self._session is not None
        if self._session.closed:
            raise AttemptFailed(AttemptKind.CUT, _STOPPING)
        where = f"{provider.name} ({provider.origin})"
        try:
            # Redirects are never followed: a key goes only where its owner said.
            request = self._session.request(
                method,
                self._url(provider, path),
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=self._timeout(failover),
                ssl=self._ssl(provider),
            )
            async with asyncio.timeout(wait_s):
                response = await request
        except aiohttp.ConnectionTimeoutError:
            raise AttemptFailed(
                AttemptKind.UNREACHABLE, f"{where} took no connection in {failover.connect_timeout_ms} ms"
            ) from None
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise AttemptFailed(AttemptKind.TLS, f"{where} has no acceptable certificate: {error}") from None
        except aiohttp.ClientConnectorError as error:
            raise AttemptFailed(AttemptKind.UNREACHABLE, f"{where} can't be reached: {error.os_error}") from None
        except TimeoutError:
            raise AttemptFailed(AttemptKind.TIMEOUT, f"{where} sent no headers in {wait_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise AttemptFailed(AttemptKind.CUT, f"{where} broke off before answering: {error}") from None
        self._responses.add(response)
        return response


def failure_of(provider: Provider, status: int, headers: Mapping[str, str]) -> AttemptFailed:
    """The failure that a status stands for."""
    lower = {name.lower(): value for name, value in headers.items()}
    retry_after_s = parse_retry_after(lower, time.time())
    return AttemptFailed(
        kind_of_status(status), f"{provider.name} answered {status}", status=status, retry_after_s=retry_after_s
    )
