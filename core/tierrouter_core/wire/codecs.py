"""What each dialect can do. A dialect is a folder and a row of this table; none knows of another."""

from collections.abc import Callable, Mapping
from typing import Any

from tierrouter_core.names import Dialect
from tierrouter_core.spend.usage import Usage
from tierrouter_core.value_class import value_class
from tierrouter_core.wire.chat.answer_parse import parse_chat_answer
from tierrouter_core.wire.chat.answer_render import render_chat_answer
from tierrouter_core.wire.chat.request_parse import parse_chat
from tierrouter_core.wire.chat.request_render import render_chat
from tierrouter_core.wire.chat.stream_decode import ChatDecoder
from tierrouter_core.wire.chat.stream_encode import ChatEncoder
from tierrouter_core.wire.chat.stream_seen import SeenChat
from tierrouter_core.wire.decoder import StreamDecoder
from tierrouter_core.wire.encoder import Collected, Envelope, StreamEncoder
from tierrouter_core.wire.events import RawEvent
from tierrouter_core.wire.messages.answer_parse import parse_messages_answer
from tierrouter_core.wire.messages.answer_render import render_messages_answer
from tierrouter_core.wire.messages.request_parse import parse_messages
from tierrouter_core.wire.messages.request_render import render_messages
from tierrouter_core.wire.messages.stream_decode import MessagesDecoder
from tierrouter_core.wire.messages.stream_encode import MessagesEncoder
from tierrouter_core.wire.messages.stream_seen import SeenMessage
from tierrouter_core.wire.model import Prompt
from tierrouter_core.wire.render import Rendered, Wanted
from tierrouter_core.wire.responses.answer_parse import parse_responses_answer
from tierrouter_core.wire.responses.answer_render import render_responses_answer
from tierrouter_core.wire.responses.request_parse import parse_responses
from tierrouter_core.wire.responses.request_render import render_responses
from tierrouter_core.wire.responses.stream_decode import ResponsesDecoder
from tierrouter_core.wire.responses.stream_encode import ResponsesEncoder
from tierrouter_core.wire.responses.stream_seen import SeenResponse
from tierrouter_core.wire.seen import SeenAnswer


@value_class
class Codec:
    """What a dialect can do."""

    parse: Callable[[Mapping[str, Any]], Prompt]
    render: Callable[[Prompt, Wanted], Rendered]
    decoder: Callable[[], StreamDecoder]
    encoder: Callable[[Envelope], StreamEncoder]
    parse_answer: Callable[[Mapping[str, Any]], list[RawEvent]]
    render_answer: Callable[[Collected, Usage, Envelope], dict[str, Any]]
    seen: Callable[[], SeenAnswer]


CODECS: Mapping[Dialect, Codec] = {
    Dialect.MESSAGES: Codec(
        parse_messages,
        render_messages,
        MessagesDecoder,
        MessagesEncoder,
        parse_messages_answer,
        render_messages_answer,
        SeenMessage,
    ),
    Dialect.CHAT: Codec(
        parse_chat,
        render_chat,
        ChatDecoder,
        ChatEncoder,
        parse_chat_answer,
        render_chat_answer,
        SeenChat,
    ),
    Dialect.RESPONSES: Codec(
        parse_responses,
        render_responses,
        ResponsesDecoder,
        ResponsesEncoder,
        parse_responses_answer,
        render_responses_answer,
        SeenResponse,
    ),
}
