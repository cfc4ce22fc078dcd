"""Meters for streams: what an answer used and how it ended, read while it is relayed."""

from tierrouter_core.names import Dialect
from tierrouter_core.wire.meter_base import StreamMeter as StreamMeter
from tierrouter_core.wire.meter_chat import ChatMeter
from tierrouter_core.wire.meter_messages import MessagesMeter
from tierrouter_core.wire.meter_responses import ResponsesMeter


def stream_meter(
    dialect: Dialect, *, swallow_usage: bool = False, rename_model: str | None = None, choices: int = 1
) -> StreamMeter:
    """A meter for one streamed answer in ``dialect``.

    ``swallow_usage``: drop the Chat chunk that only carries usage, because the client didn't ask for it.
    ``rename_model``: what the answer calls the model, in place of the provider's name for it.
    ``choices``: how many answers a Chat stream brings at once.
    """
    match dialect:
        case Dialect.CHAT:
            return ChatMeter(swallow_usage=swallow_usage, rename_model=rename_model, choices=choices)
        case Dialect.RESPONSES:
            return ResponsesMeter(rename_model=rename_model)
        case Dialect.MESSAGES:
            return MessagesMeter(rename_model=rename_model)
