"""What the agent talks to: the endpoints of the three dialects on the data port."""

import asyncio

from aiohttp import HttpVersion11, web
from aiohttp.streams import StreamReader

from tierrouter_core.names import MODEL_ALIAS_PREFIX, Dialect
from tierrouter_core.observability import sidecar as m
from tierrouter_core.wire.dialects import Endpoint, EndpointKind, dialect_of_path, endpoint_for, models_listing
from tierrouter_core.wire.failures import Meaning, final_error
from tierrouter_sidecar.answer import error_response
from tierrouter_sidecar.guard import is_json, own_names, shows_token, why_refused
from tierrouter_sidecar.live import InForce, LiveConfiguration
from tierrouter_sidecar.metrics import Metrics
from tierrouter_sidecar.settings import MAX_BODY_BYTES, Settings
from tierrouter_sidecar.side_calls import SideCalls
from tierrouter_sidecar.turn import TurnServer

_PROBES = frozenset({"/", "/api/hello"})
"""Claude Code asks for these with HEAD, to see whether anyone is there."""
_OAUTH_PREFIX = "bearer sk-ant-oat"


class DataPlane:
    """Looks at each request once: may it be here, what is it, who answers."""

    def __init__(
        self,
        turns: TurnServer,
        side_calls: SideCalls,
        metrics: Metrics,
        live: LiveConfiguration,
        settings: Settings,
    ) -> None:
        self._turns = turns
        self._side_calls = side_calls
        self._metrics = metrics
        self._live = live
        self._settings = settings
        self._allowed_hosts = own_names(settings.host, settings.allowed_hosts)
        self._router_name = settings.router_name
        self._held_bytes = 0
        self.reading = 0
        """Requests whose bodies are on their way."""
        self.draining = False

    async def handle(self, http: web.BaseRequest) -> web.StreamResponse:
        """Answer one HTTP request."""
        path = http.path
        headers = lower_headers(http)
        refused = why_refused(http.method, http.headers, self._allowed_hosts)
        if refused is not None:
            return self._reject(path, headers, Meaning.FORBIDDEN, refused, "guard")
        endpoint = endpoint_for(http.method, path)
        if endpoint is None:
            if http.method == "HEAD" and path in _PROBES:
                return web.Response()
            message = f"{http.method} {path[:200]} is not an endpoint of this router"
            return self._reject(path, headers, Meaning.NOT_FOUND, message, "unknown_path")
        if self._settings.token and not shows_token(headers, self._settings.token):
            message = "this router wants its token as the API key (TIERROUTER_TOKEN says which)"
            return self._reject(path, headers, Meaning.UNAUTHENTICATED, message, "token")
        if self.draining:
            return self._reject(path, headers, Meaning.DRAINING, "the router is shutting down", "draining")
        in_force = self._live.in_force
        if in_force is None:
            why = self._live.why_none
            message = f"no configuration for router {self._router_name}" + (f": {why}" if why else "")
            return self._reject(path, headers, Meaning.NO_CONFIGURATION, message, "no_configuration")
        if endpoint.kind is EndpointKind.MODELS:
            return web.Response(
                body=models_listing(_offered(in_force), anthropic="anthropic-version" in headers),
                content_type="application/json",
            )
        if headers.get("authorization", "").lower().startswith(_OAUTH_PREFIX):
            message = "a claude.ai login can't be used through a router; set ANTHROPIC_AUTH_TOKEN to any placeholder"
            return self._reject(path, headers, Meaning.UNAUTHENTICATED, message, "oauth")
        if http.method != "POST":
            return await self._side_calls.forward(http, endpoint, in_force, headers, b"")
        return await self._post(http, endpoint, in_force, headers)

    async def _post(
        self, http: web.BaseRequest, endpoint: Endpoint, in_force: InForce, headers: dict[str, str]
    ) -> web.StreamResponse:
        if not is_json(headers.get("content-type", "")):
            message = "POST needs the header content-type: application/json"
            return self._reject(http.path, headers, Meaning.UNSUPPORTED_MEDIA, message, "content_type")
        if headers.get("content-encoding", "identity") != "identity":
            message = f"a body with content-encoding {headers['content-encoding'][:40]} is not accepted; send it plain"
            return self._reject(http.path, headers, Meaning.UNSUPPORTED_MEDIA, message, "content_encoding")
        if http.content_length is not None and http.content_length > MAX_BODY_BYTES:
            # Before it is held: what is never taken must keep nobody else out.
            return self._reject_too_large(http, headers)
        # A body in chunks says its length when it is over: until then it is the longest that is taken.
        held = http.content_length if http.content_length is not None else MAX_BODY_BYTES * http.body_exists
        full = self._why_full(held)
        if full:
            response = self._reject(http.path, headers, Meaning.WAIT, full, "full")
            response.force_close()
            return response
        self._held_bytes += held
        try:
            body = await self._read(http, headers)
            if isinstance(body, web.Response):
                return body
            self._held_bytes += len(body) - held
            held = len(body)
            if endpoint.kind.generates or endpoint.kind is EndpointKind.COMPACT:
                return await self._turns.serve(http, endpoint, in_force, headers, body)
            return await self._side_calls.forward(http, endpoint, in_force, headers, body)
        finally:
            self._held_bytes -= held

    def _why_full(self, announced: int) -> str:
        """Why no more is taken now; empty where it is."""
        most = self._settings
        if self._turns.in_flight >= most.max_turns:
            return f"{most.max_turns} turns are under way, and no more are taken until one ends"
        if self._held_bytes and self._held_bytes + announced > most.max_held_bytes:
            return f"requests of {self._held_bytes} bytes are under way, and no more are taken until one ends"
        return ""

    async def _read(self, http: web.BaseRequest, headers: dict[str, str]) -> bytes | web.Response:
        """The request's body, or why it is not taken."""
        self.reading += 1
        try:
            return await self._body(http, headers.get("expect", ""))
        except TimeoutError:
            message = f"the body did not come in {self._settings.body_patience_s:g} s"
            response = self._reject(http.path, headers, Meaning.TOO_SLOW, message, "slow_body")
            response.force_close()
            return response
        except web.HTTPRequestEntityTooLarge:
            return self._reject_too_large(http, headers)
        finally:
            self.reading -= 1

    async def _body(self, http: web.BaseRequest, expects: str) -> bytes:
        """The request's body; TimeoutError where it drips in."""
        content = http.content
        if content.is_eof():
            return _within_limit(content, content.read_nowait())
        if expects.lower() == "100-continue" and http.version >= HttpVersion11:
            # Who asks whether the body is wanted may wait for the answer, as curl does with large ones.
            await http.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            http.writer.output_size = 0
        patience_s = self._settings.body_patience_s
        timer = asyncio.get_running_loop().call_later(patience_s, content.set_exception, TimeoutError())
        # aiohttp's own read() copies each body twice more, and most are hundreds of kilobytes.
        chunks: list[bytes] = []
        try:
            while chunk := await content.readany():
                chunks.append(_within_limit(content, chunk))
        finally:
            timer.cancel()
        return b"".join(chunks)

    def _reject_too_large(self, http: web.BaseRequest, headers: dict[str, str]) -> web.Response:
        message = f"the body is larger than {MAX_BODY_BYTES // 2**20} MiB"
        response = self._reject(http.path, headers, Meaning.TOO_LARGE, message, "too_large")
        # The rest of the body is still under way: the connection can't be used again.
        response.force_close()
        return response

    def _reject(self, path: str, headers: dict[str, str], meaning: Meaning, message: str, reason: str) -> web.Response:
        self._metrics.count(m.REJECTED, reason)
        dialect: Dialect = dialect_of_path(path, anthropic_version="anthropic-version" in headers)
        return error_response(final_error(dialect, meaning, message))


def _within_limit(content: StreamReader, chunk: bytes) -> bytes:
    """``chunk``; HTTPRequestEntityTooLarge where more has come than a body may have."""
    if content.total_bytes > MAX_BODY_BYTES:
        raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES)
    return chunk


def lower_headers(http: web.BaseRequest) -> dict[str, str]:
    """The request's headers by lower-case name; repeated ones are joined, as HTTP allows."""
    headers: dict[str, str] = {}
    for name, value in http.headers.items():
        name = name.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _offered(in_force: InForce) -> list[str]:
    """Names that a request may ask for: ``auto``, a tier by alias, a tier's model."""
    document = in_force.document
    aliases = [MODEL_ALIAS_PREFIX + tier for tier in document.tiers] if document.hints.model_aliases else []
    return list(dict.fromkeys(["auto", *aliases, *(tier.model for tier in document.tiers.values())]))
