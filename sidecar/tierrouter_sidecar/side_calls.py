"""Calls that are no turns: counting tokens, and what only OpenAI's own servers keep."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

import orjson
from aiohttp import web

from tierrouter_core.errors import MalformedRequestError
from tierrouter_core.names import Dialect
from tierrouter_core.routing.fitting import dialect_for
from tierrouter_core.routing.targets import Target
from tierrouter_core.wire.dialects import Endpoint, EndpointKind
from tierrouter_core.wire.edits import with_model
from tierrouter_core.wire.failures import Meaning, final_error
from tierrouter_core.wire.request import Request
from tierrouter_sidecar.answer import error_response, headers_of, read_body
from tierrouter_sidecar.errors import CredentialError
from tierrouter_sidecar.live import InForce
from tierrouter_sidecar.outgoing import outgoing, raw_query
from tierrouter_sidecar.turn import ONLY_OPENAI, TurnServer, openai_targets
from tierrouter_sidecar.upstream import AttemptFailed

log = logging.getLogger("tierrouter")

COUNT_PATIENCE_S = 3.0
"""Agents wait for a count before every turn; past this our own estimate serves better."""
NO_COUNT_STATUSES = frozenset({404, 405, 501})
"""A provider's ways to say that it doesn't count."""
NOT_ASKED_AGAIN_S = 600.0
"""For so long a provider that doesn't count a model's tokens isn't asked to."""
LEFT_ALONE_S = 30.0
"""As long for one that gave no answer: agents would wait for it before every turn."""


class SideCalls:
    """Answers them here, or by the tier that the conversation would go to."""

    def __init__(self, turns: TurnServer, clock: Callable[[], float] = time.monotonic) -> None:
        self._turns = turns
        self._clock = clock
        self._not_before: dict[tuple[EndpointKind, str, str], float] = {}
        """When a model's provider may be asked to count again."""

    async def forward(
        self, http: web.BaseRequest, endpoint: Endpoint, in_force: InForce, headers: Mapping[str, str], body: bytes
    ) -> web.StreamResponse:
        """Answer one call that is not a turn."""
        if endpoint.kind.counts:
            return await self._count(http, endpoint, in_force, headers, body)
        return await self._stored(http, endpoint, in_force, headers, body)

    async def _count(
        self, http: web.BaseRequest, endpoint: Endpoint, in_force: InForce, headers: Mapping[str, str], body: bytes
    ) -> web.StreamResponse:
        try:
            understood = self._turns.understand(in_force, endpoint, headers, body)
        except MalformedRequestError as error:
            return error_response(final_error(endpoint.dialect, Meaning.BAD_REQUEST, str(error)))
        read = understood.read
        tokens = read.measured().tokens
        for target in understood.decision.targets[:1]:
            counted = await self._counted_by(target, http, endpoint, in_force, headers, read.request)
            if counted is not None:
                return counted
            tokens = self._turns.tokens_for(target, read)
        answer: dict[str, object] = {"input_tokens": tokens}
        if endpoint.dialect is Dialect.RESPONSES:
            answer["object"] = "response.input_tokens"
        return web.Response(body=orjson.dumps(answer), content_type="application/json")

    async def _counted_by(
        self,
        target: Target,
        http: web.BaseRequest,
        endpoint: Endpoint,
        in_force: InForce,
        headers: Mapping[str, str],
        request: Request,
    ) -> web.Response | None:
        """The provider's own count, or None if it has none to give."""
        if dialect_for(request, target) is not endpoint.dialect:
            return None  # the turn would be translated, and a count of the client's own words would be of another text
        asked = (endpoint.kind, *target.key)
        if self._clock() < self._not_before.get(asked, 0.0):
            return None
        body = with_model(request, target.model_id)
        try:
            counted = await self._relay(target, http, endpoint, in_force, headers, body, COUNT_PATIENCE_S)
        except CredentialError as error:
            log.debug("counting tokens here, %s does not: %s", target.provider.name, error)
            return None
        except AttemptFailed as failure:
            log.debug("counting tokens here, %s does not: %s", target.provider.name, failure)
            self._leave_alone(asked, LEFT_ALONE_S)
            return None
        if counted.status == 200:
            return counted
        if counted.status in NO_COUNT_STATUSES:
            self._leave_alone(asked, NOT_ASKED_AGAIN_S)
        return None

    def _leave_alone(self, asked: tuple[EndpointKind, str, str], wait_s: float) -> None:
        now_s = self._clock()
        self._not_before = {key: until_s for key, until_s in self._not_before.items() if until_s > now_s}
        self._not_before[asked] = now_s + wait_s

    async def _stored(
        self, http: web.BaseRequest, endpoint: Endpoint, in_force: InForce, headers: Mapping[str, str], body: bytes
    ) -> web.StreamResponse:
        """Responses kept by OpenAI: only the provider that has them can answer."""
        for target in openai_targets(in_force.document):
            wait_s = in_force.document.failover.headers_timeout_ms / 1000
            try:
                relayed = await self._relay(target, http, endpoint, in_force, headers, body, wait_s)
            except AttemptFailed as failure:
                return error_response(final_error(Dialect.RESPONSES, Meaning.WAIT, str(failure), retry_after_s=5))
            except CredentialError as error:
                return error_response(final_error(Dialect.RESPONSES, Meaning.FINAL, str(error)))
            return relayed
        return error_response(final_error(Dialect.RESPONSES, Meaning.NOT_FOUND, ONLY_OPENAI))

    async def _relay(
        self,
        target: Target,
        http: web.BaseRequest,
        endpoint: Endpoint,
        in_force: InForce,
        headers: Mapping[str, str],
        body: bytes,
        wait_s: float,
    ) -> web.Response:
        call = outgoing(self._turns.credentials, target, endpoint, headers, raw_query(http))
        failover = in_force.document.failover
        upstream = await self._turns.upstream.send(
            target.provider, http.method, call.path, call.headers, body or None, failover, wait_s
        )
        try:
            late_s = asyncio.get_running_loop().time() + wait_s
            content = await read_body(upstream, target.provider.name, late_s)
            if upstream.status != 200:
                content = self._turns.credentials.redacted(content)
            relayed = headers_of(upstream, (), matches_requested=True)
            return web.Response(status=upstream.status, body=content, headers=relayed)
        finally:
            upstream.release()
