"""What holds for every request that is translated."""

from typing import Any

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from prompts import FUZZ_FACTOR, PAIRS, WORDS, conversations, meaning, prompts, request_in, wanted_by

from tierrouter_core.errors import MalformedRequestError
from tierrouter_core.names import Dialect
from tierrouter_core.wire.chat.request_parse import parse_chat
from tierrouter_core.wire.lossy import LOSSY_FIELDS
from tierrouter_core.wire.messages.request_parse import parse_messages
from tierrouter_core.wire.model import Message, Prompt, Role, Text
from tierrouter_core.wire.request import Request, read_request
from tierrouter_core.wire.responses.request_parse import parse_responses
from tierrouter_core.wire.translate import Refused, Translated, translate_request

PARSE = {Dialect.CHAT: parse_chat, Dialect.RESPONSES: parse_responses, Dialect.MESSAGES: parse_messages}
EVERY_PAIR = pytest.mark.parametrize(("source", "target"), PAIRS, ids=lambda dialect: str(dialect).lower())


def translated(request: Request, target: Dialect, **profile: Any) -> Translated:
    got = translate_request(request, target, wanted_by(target, **profile))
    assert isinstance(got, Translated), got
    return got


def parsed(dialect: Dialect, body: bytes) -> Prompt:
    return PARSE[dialect](orjson.loads(body))


@EVERY_PAIR
@settings(max_examples=12 * FUZZ_FACTOR)
@given(st.data())
def test_there_and_back_a_request_means_what_it_meant(source: Dialect, target: Dialect, data: st.DataObject) -> None:
    request = request_in(source, data.draw(prompts(source, target)))
    there = translated(request, target)
    assert there.lost == ()
    meant = meaning(parsed(source, request.body))
    assert meaning(parsed(target, there.body)) == meant
    back = translated(read_request(target, there.body), source)
    # On the way to Anthropic a mark is set by which its cache works by itself.
    assert set(back.lost) <= {"cache"}
    assert meaning(parsed(source, back.body)) == meant


@EVERY_PAIR
@settings(max_examples=6 * FUZZ_FACTOR)
@given(st.data())
def test_the_same_request_is_always_translated_to_the_same_bytes(
    source: Dialect, target: Dialect, data: st.DataObject
) -> None:
    request = request_in(source, data.draw(prompts(source, target)))
    assert translated(request, target).body == translated(request, target).body


@EVERY_PAIR
@settings(max_examples=12 * FUZZ_FACTOR)
@given(st.data())
def test_a_longer_conversation_begins_with_the_bytes_of_the_shorter(
    source: Dialect, target: Dialect, data: st.DataObject
) -> None:
    """So that what a provider has cached of it stays of use, also where instructions come in mid-conversation."""
    turns = data.draw(conversations(results_hold_images=True))
    for position in reversed(range(1, len(turns))):
        # After the user's say: there agents put their reminders.
        if turns[position - 1].role is Role.USER and data.draw(st.booleans()):
            turns.insert(position, Message(Role.SYSTEM, [Text(data.draw(WORDS))]))
    ends = [n for n, turn in enumerate(turns) if turn.role is Role.ASSISTANT]
    assume(ends)
    end = data.draw(st.sampled_from(ends))
    takes_them = data.draw(st.booleans())
    bodies = []
    for upto in (turns[:end], turns):
        request = request_in(source, Prompt(source, model="auto", max_output=100, messages=upto, instructions=["Be."]))
        bodies.append(orjson.loads(translated(request, target, mid_system=takes_them).body))
    key = "input" if target is Dialect.RESPONSES else "messages"
    shorter, longer = bodies[0].pop(key), bodies[1].pop(key)
    assert longer[: len(shorter)] == shorter
    assert bodies[0] == bodies[1]


# Bad input.

KINDS = ("text", "image", "tool_use", "tool_result", "thinking", "function_call", "function_call_output", "reasoning",
         "message", "image_url", "input_text", "custom", "function", "namespace", "document", "additional_tools")  # fmt: skip
KEYS = ("role", "type", "content", "text", "id", "name", "input", "output", "call_id", "tool_call_id", "tool_calls",
        "tool_use_id", "arguments", "function", "source", "url", "data", "image_url", "summary", "tools", "parameters",
        "input_schema", "thinking", "signature", "encrypted_content", "custom", "format", "cache_control")  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([*KINDS, "user", "assistant", "system", "", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
FIELDS = {
    Dialect.CHAT: ("tools", "tool_choice", "stop", "response_format", "temperature", "reasoning", "metadata", "user", "max_tokens"),
    Dialect.RESPONSES: ("tools", "tool_choice", "text", "reasoning", "instructions", "include", "metadata", "max_output_tokens"),
    Dialect.MESSAGES: ("system", "tools", "tool_choice", "thinking", "output_config", "stop_sequences", "metadata", "max_tokens"),
}  # fmt: skip


@EVERY_PAIR
@settings(max_examples=40 * FUZZ_FACTOR)
@given(st.data())
def test_any_json_is_translated_or_refused_and_never_an_exception(
    source: Dialect, target: Dialect, data: st.DataObject
) -> None:
    key = "input" if source is Dialect.RESPONSES else "messages"
    body = {"model": "auto", key: data.draw(st.lists(JSON, max_size=4))}
    for field in data.draw(st.lists(st.sampled_from(FIELDS[source]), max_size=3, unique=True)):
        body[field] = data.draw(JSON)
    try:
        request = read_request(source, orjson.dumps(body))
    except MalformedRequestError:
        return
    got = translate_request(request, target, wanted_by(target))
    if isinstance(got, Refused):
        assert got.field
        assert got.why
        return
    assert set(got.lost) <= set(LOSSY_FIELDS)
    orjson.loads(got.body)


@EVERY_PAIR
@settings(max_examples=15 * FUZZ_FACTOR)
@given(st.data())
def test_a_request_with_one_thing_bent_is_translated_or_refused(
    source: Dialect, target: Dialect, data: st.DataObject
) -> None:
    body = orjson.loads(request_in(source, data.draw(prompts(source, target))).body)
    value: Any = body
    while isinstance(value, dict | list) and value:
        key = data.draw(st.sampled_from(list(value) if isinstance(value, dict) else range(len(value))))
        if not isinstance(value[key], dict | list) or not value[key] or data.draw(st.integers(0, 3)) == 0:
            value[key] = data.draw(JSON)
            break
        value = value[key]
    try:
        request = read_request(source, orjson.dumps(body))
    except MalformedRequestError:
        return
    got = translate_request(request, target, wanted_by(target))
    assert isinstance(got, Translated | Refused)
