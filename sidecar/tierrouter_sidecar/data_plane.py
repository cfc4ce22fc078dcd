"""What the agent talks to: the endpoints of the three dialects on the data port."""

from aiohttp import web

from tierrouter_core.names import MODEL_ALIAS_PREFIX, Dialect
from tierrouter_core.wire.dialects import Endpoint, EndpointKind, dialect_of_path, endpoint_for, models_listing
from tierrouter_core.wire.failures import Meaning, final_error
from tierrouter_sidecar import metrics as m
from tierrouter_sidecar.answer import error_response
from tierrouter_sidecar.guard import is_json, why_refused
from tierrouter_sidecar.live import InForce, LiveConfiguration
from tierrouter_sidecar.settings import MAX_BODY_BYTES
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
        metrics: m.Metrics,
        live: LiveConfiguration,
        allowed_hosts: frozenset[str],
        router_name: str,
    ) -> None:
        self._turns = turns
        self._side_calls = side_calls
        self._metrics = metrics
        self._live = live
        self._allowed_hosts = allowed_hosts
        self._router_name = router_name
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
        if self.draining:
            return self._reject(path, headers, Meaning.DRAINING, "the router is shutting down", "draining")
        in_force = self._live.in_force
        if in_force is None:
            message = f"no configuration for router {self._router_name}"
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
        try:
            body = await http.read()
        except web.HTTPRequestEntityTooLarge:
            message = f"the body is larger than {MAX_BODY_BYTES // 2**20} MiB"
            response = self._reject(http.path, headers, Meaning.TOO_LARGE, message, "too_large")
            # The rest of the body is still under way: the connection can't be used again.
            response.force_close()
            return response
        if endpoint.kind.generates or endpoint.kind is EndpointKind.COMPACT:
            return await self._turns.serve(http, endpoint, in_force, headers, body)
        return await self._side_calls.forward(http, endpoint, in_force, headers, body)

    def _reject(self, path: str, headers: dict[str, str], meaning: Meaning, message: str, reason: str) -> web.Response:
        self._metrics.count(m.REJECTED, reason)
        dialect: Dialect = dialect_of_path(path, anthropic_version="anthropic-version" in headers)
        return error_response(final_error(dialect, meaning, message))


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
