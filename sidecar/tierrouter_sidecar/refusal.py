"""How a turn ends that nobody serves: by a status, or inside the stream where that has begun."""

from collections.abc import Sequence

from aiohttp import web

from tierrouter_core.caps.budgets import clock_time
from tierrouter_core.caps.cap import Cap
from tierrouter_core.failover.failure import FailureKind
from tierrouter_core.failover.ladder import GiveUp
from tierrouter_core.names import BUDGET_RESET_HEADER, TURN_HEADER, Dialect, Outcome
from tierrouter_core.wire.failures import Meaning, final_error
from tierrouter_core.wire.in_band import in_band_error
from tierrouter_core.wire.translated_error import CONTEXT_CODE, told_too_long, translated_error
from tierrouter_sidecar.answer import error_response, send
from tierrouter_sidecar.reply import Reply
from tierrouter_sidecar.under_way import UnderWay, Unfinished


async def give_up(way: UnderWay, now: GiveUp) -> web.StreamResponse:
    """Tell the client: what the provider said, or what will help its own retries."""
    shown, dialect = now.shown, way.record.request.dialect
    too_long = shown is not None and shown.failure.kind is FailureKind.CONTEXT_LENGTH
    code = CONTEXT_CODE if too_long else None
    if now.meaning is not None or shown is None or shown.failure.said is None:
        message = told_too_long(dialect, now.message) if too_long else now.message
        return await refuse(way, now.meaning or Meaning.WAIT, message, now.retry_after_s, code)
    if way.reply is not None and way.reply.begun:
        message = told_too_long(dialect, shown.failure.message) if too_long else shown.failure.message
        return await refuse(way, Meaning.BAD_REQUEST, message, code=code)
    record, said = way.record, shown.failure.said
    record.target = shown.target
    ours = way.our_headers(shown.target)
    # After a 5xx agents would ask again, and Codex after a 413 too, each time with the whole body.
    is_asked_again = said.status >= 500 or (said.status == 413 and said.dialect is Dialect.RESPONSES)
    if said.dialect is dialect and not is_asked_again:
        response = web.Response(status=said.status, body=said.body, headers=[*said.headers, *ours])
    else:
        error = translated_error(dialect, said.dialect, said.status, said.body, record.turn_id)
        response = error_response(error)
        response.headers.extend(ours)
    await send(way.http, response, record)
    return response


async def leave_unfinished(way: UnderWay, reply: Reply, unfinished: Unfinished) -> web.StreamResponse:
    """Nobody goes on with an answer: tell the client what broke it off."""
    way.record.outcome = unfinished.outcome
    try:
        await reply.write(unfinished.ending)
        return await reply.end()
    except OSError:
        return reply.response


async def refuse_spending(way: UnderWay, cap: Cap) -> web.StreamResponse:
    """A budget is used up: trying again does not help before it has room."""
    headers = [] if cap.reset_s is None else [(BUDGET_RESET_HEADER, clock_time(cap.reset_s))]
    return await refuse(way, Meaning.FINAL, cap.detail, headers=headers)


async def refuse(
    way: UnderWay,
    meaning: Meaning,
    message: str,
    retry_after_s: int | None = None,
    code: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
) -> web.StreamResponse:
    """An error of our own, with what the agent's retries need."""
    record = way.record
    if way.reply is not None and way.reply.begun:
        return await _refuse_in_band(way, way.reply, meaning, message, code or "")
    error = final_error(
        record.request.dialect, meaning, message, turn_id=record.turn_id, retry_after_s=retry_after_s, code=code
    )
    response = error_response(error)
    ours = way.our_headers(record.target) if record.target is not None else [(TURN_HEADER, record.turn_id)]
    response.headers.extend([*ours, *headers])
    await send(way.http, response, record)
    return response


async def _refuse_in_band(way: UnderWay, reply: Reply, meaning: Meaning, message: str, code: str) -> web.StreamResponse:
    """The headers have gone out while the client waited: what is left is to say it in the stream."""
    record = way.record
    response = {"id": f"resp_{record.turn_id}", "created_at": int(record.arrived_s), "model": record.request.model}
    try:
        await reply.write(in_band_error(record.request.dialect, message, meaning=meaning, kind=code, response=response))
        return await reply.end()
    except OSError:
        record.outcome = Outcome.CLIENT_GONE
        return reply.response
