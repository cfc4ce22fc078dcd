"""One call to a provider, and what its failure means."""

import ssl
import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import TracebackType

import aiohttp

from tierrouter_core.document.model import Failover, Provider
from tierrouter_core.wire.failures import parse_retry_after
from tierrouter_sidecar.exchange import Answer, Connections, Limits, Stopped

FAILOVER_STATUSES = frozenset({408, 429, 500, 502, 503, 504, 529})
"""Answers that say nothing of the request, only of the provider's state: another tier may do better."""


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
    REASONING = "reasoning"
    """The provider refuses what its own model thought before: the same without it may go."""
    UNFIT = "unfit"
    """The tier can't be given the turn: what it holds has no counterpart in the tier's dialect."""


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
        self._connections: Connections | None = None
        self._contexts: dict[str, ssl.SSLContext] = {}

    async def __aenter__(self) -> "Upstream":
        self._connections = Connections()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Break every call off; the turns that wait for them fail, and say that it was us."""
        if self._connections is not None:
            await self._connections.close()

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
    ) -> Answer:
        """Send a request and wait at most ``wait_s`` for the answer's headers. Redirects are never followed.

        Raises:
            AttemptFailed: no answer came.
        """
        assert self._connections is not None
        where = f"{provider.name} ({provider.origin})"
        if self._connections.closed:
            raise broken_off(where, Stopped())
        limits = Limits(wait_s, failover.connect_timeout_ms / 1000, failover.idle_timeout_ms / 1000)
        tls = self._ssl(provider)
        # A provider's address is its origin and the path that all its endpoints begin with.
        path = provider.base_url.removeprefix(provider.origin) + path
        try:
            return await self._connections.request(method, provider.origin, path, headers, body, limits, tls)
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
            cause = Stopped() if self._connections.closed else error
            raise broken_off(f"{where} broke off before answering", cause) from None


def broken_off(by_provider: str, error: Exception) -> AttemptFailed:
    """The failure of a call that broke off with ``error``, which says who did it."""
    return AttemptFailed(AttemptKind.CUT, why_broken_off(by_provider, error))


def why_broken_off(by_provider: str, error: Exception) -> str:
    """``by_provider`` and what happened; at our own end the provider has done nothing wrong."""
    if isinstance(error, Stopped):
        return str(error)
    return f"{by_provider}: {str(error) or type(error).__name__}"


def failure_of(provider: Provider, status: int, headers: Mapping[str, str]) -> AttemptFailed:
    """The failure that a status stands for."""
    lower = {name.lower(): value for name, value in headers.items()}
    retry_after_s = parse_retry_after(lower, time.time())
    return AttemptFailed(
        kind_of_status(status), f"{provider.name} answered {status}", status=status, retry_after_s=retry_after_s
    )
