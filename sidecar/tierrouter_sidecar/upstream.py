"""One call to a provider, and how it failed where no answer came."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Sequence
from types import TracebackType

import aiohttp

from tierrouter_core.document.model import Failover, Provider
from tierrouter_core.failover.failure import Failure, FailureKind
from tierrouter_sidecar.exchange import Answer, Connections, Limits, Stopped

BROKEN = (aiohttp.ClientError, OSError, asyncio.IncompleteReadError, TimeoutError)
"""What reading an answer raises where it breaks off."""


class AttemptFailed(Exception):  # noqa: N818 (it is an outcome, handled by the next attempt)
    """A provider could not serve a turn, and somebody else may."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Interrupted(AttemptFailed):
    """An answer broke off that another model may go on with; ``ending`` tells the client of it if none does."""

    def __init__(self, failure: Failure, ending: bytes) -> None:
        super().__init__(failure)
        self.ending = ending


class FirstTokenLate(Exception):  # noqa: N818 (set on a stream, so that who reads it learns)
    """The first token has not come in time."""


class Lingers(Exception):  # noqa: N818 (likewise)
    """A stream is over, and its provider has not ended it."""


def attempt_failed(kind: FailureKind, message: str, status: int = 0) -> AttemptFailed:
    """A failure that is known by its kind alone."""
    return AttemptFailed(Failure(kind=kind, message=message, status=status))


class Upstream:
    """The connections to all providers."""

    def __init__(self) -> None:
        self._connections: Connections | None = None
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._closing = asyncio.Event()

    async def __aenter__(self) -> "Upstream":
        self._connections = Connections()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Break every call off; the turns that wait for them fail, and say that it was us."""
        self._closing.set()
        if self._connections is not None:
            await self._connections.close()

    async def pause(self, seconds: float) -> None:
        """Wait before a call is made again, but not past the moment at which all of them are broken off."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    def _ssl(self, provider: Provider) -> ssl.SSLContext | bool:
        if not provider.ca_bundle:
            return True
        context = self._contexts.get(provider.ca_bundle)
        if context is None:
            context = ssl.create_default_context()
            # Remarks between the certificates may be in any language; ssl takes ASCII alone.
            bundle = provider.ca_bundle.encode("ascii", "replace").decode("ascii")
            try:
                context.load_verify_locations(cadata=bundle)
            except ssl.SSLError as error:
                message = f"the caBundle of {provider.name} can't be read, so nobody's certificate is accepted: {error}"
                raise attempt_failed(FailureKind.TLS, message) from None
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
        on_sent: Callable[[], None] | None = None,
    ) -> Answer:
        """Send a request and wait at most ``wait_s`` for the answer's headers. Redirects are never followed.

        ``on_sent`` is told when the provider gets the request.

        Raises:
            AttemptFailed: no answer came.
        """
        assert self._connections is not None
        origin = provider.origin
        where = f"{provider.name} ({origin})"
        if self._connections.closed:
            raise AttemptFailed(broken_off(where, Stopped()))
        limits = Limits(wait_s, failover.connect_timeout_ms / 1000, failover.idle_timeout_ms / 1000)
        tls = self._ssl(provider)
        # A provider's address is its origin and the path that all its endpoints begin with.
        path = provider.base_url.removeprefix(origin) + path
        try:
            return await self._connections.request(method, origin, path, headers, body, limits, tls, on_sent)
        except aiohttp.ConnectionTimeoutError:
            raise attempt_failed(
                FailureKind.TIMEOUT, f"{where} took no connection in {failover.connect_timeout_ms} ms"
            ) from None
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise attempt_failed(FailureKind.TLS, f"{where} has no acceptable certificate: {error}") from None
        except aiohttp.ClientConnectorError as error:
            raise attempt_failed(FailureKind.UNREACHABLE, f"{where} can't be reached: {error.os_error}") from None
        except TimeoutError:
            raise attempt_failed(FailureKind.TIMEOUT, f"{where} sent no headers in {wait_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            cause = Stopped() if self._connections.closed else error
            raise AttemptFailed(broken_off(f"{where} broke off before answering", cause)) from None


def forget_frames(error: BaseException) -> None:
    """Drop the tracebacks of an error that is an outcome: nobody will read them.

    What failed often keeps its error, and the error's frames keep what failed. Such a ring holds a whole turn, its body
    too, until the garbage collector comes by, and that comes seldom.
    """
    seen: BaseException | None = error
    while seen is not None:
        seen.__traceback__ = None
        seen = seen.__cause__ or seen.__context__


def broken_off(by_provider: str, error: Exception) -> Failure:
    """The failure of a call that broke off with ``error``; at our own end the provider has done nothing wrong."""
    if isinstance(error, Stopped):
        return Failure(kind=FailureKind.STOPPED, message=str(error))
    if isinstance(error, aiohttp.ServerTimeoutError):
        return Failure(kind=FailureKind.STALLED, message=f"{by_provider}: nothing came for too long")
    return Failure(kind=FailureKind.CUT, message=f"{by_provider}: {str(error) or type(error).__name__}")
