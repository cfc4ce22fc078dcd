"""OpenRouter's proofs of reasoning: out of its streams, sealed for the client, and back as they came."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from translated_streams import sent_on

from tierrouter_core.names import Dialect
from tierrouter_core.spend.usage import NOTHING_USED
from tierrouter_core.wire.encoder import Envelope
from tierrouter_core.wire.quirks import profile_of
from tierrouter_core.wire.render import Wanted
from tierrouter_core.wire.request import read_request
from tierrouter_core.wire.translate import Translated, translate_request
from tierrouter_core.wire.translated_answer import translate_answer
from tierrouter_core.wire.translated_stream import StreamTranslator

CHAT, MESSAGES = Dialect.CHAT, Dialect.MESSAGES
KEY = b"the key of the tests"
OPENROUTER, ANTHROPIC = "https://openrouter.ai/api/v1", "https://api.anthropic.com/v1"
CLAUDE = "anthropic/claude-sonnet-4.5"
USER = {"role": "user", "content": "go"}
ENVELOPE = Envelope(turn_id="t1", model="m", created_s=0, input_estimate=9)
WHOLE = [
    {"type": "reasoning.text", "text": "plan it", "signature": "sig", "format": "anthropic-claude-v1", "index": 0},
    {"type": "reasoning.encrypted", "data": "opaque", "id": "rs_1", "index": 1},
]
PIECES: list[list[dict[str, Any]]] = [
    [{"type": "reasoning.text", "text": "plan ", "format": "anthropic-claude-v1", "index": 0}],
    [{"type": "reasoning.text", "text": "it", "index": 0}],
    [{"type": "reasoning.text", "signature": "sig", "index": 0}],
    [{"type": "reasoning.encrypted", "data": "opa", "id": "rs_1", "index": 1}],
    [{"type": "reasoning.encrypted", "data": "que", "index": 1}],
]


def asked(body: dict[str, Any], at: str = OPENROUTER, model: str = CLAUDE, target: Dialect = CHAT) -> Translated:
    wanted = Wanted(model_id=model, profile=profile_of(at, model, {}), seal_key=KEY)
    request = read_request(MESSAGES, orjson.dumps({"model": "auto", "max_tokens": 100, **body}))
    got = translate_request(request, target, wanted)
    assert isinstance(got, Translated), got
    return got


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    return b"data: " + orjson.dumps({"choices": [{"delta": delta, "finish_reason": finish}]}) + b"\n\n"


def streamed() -> bytes:
    thought = [
        chunk({"reasoning": "".join(p.get("text", "") for p in piece), "reasoning_details": piece}) for piece in PIECES
    ]
    call = {"index": 0, "id": "c", "function": {"name": "ls", "arguments": "{}"}}
    return b"".join([*thought, chunk({"tool_calls": [call]}), chunk({}, "tool_calls"), b"data: [DONE]\n\n"])


def content_of(stream: bytes) -> list[dict[str, Any]]:
    """The blocks that a Messages client would send back."""
    blocks: list[dict[str, Any]] = []
    for line in stream.decode().splitlines():
        if not line.startswith("data: "):
            continue
        event = orjson.loads(line[6:])
        if event["type"] == "content_block_start":
            blocks.append(event["content_block"])
        elif event["type"] == "content_block_delta" and "thinking" in event["delta"]:
            blocks[-1]["thinking"] += event["delta"]["thinking"]
        elif event["type"] == "content_block_delta" and "text" in event["delta"]:
            blocks[-1]["text"] += event["delta"]["text"]
        elif event["type"] == "content_block_delta" and "signature" in event["delta"]:
            blocks[-1]["signature"] = event["delta"]["signature"]
    return blocks


def conversation(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    result = {"type": "tool_result", "tool_use_id": "c", "content": "ok"}
    return {"messages": [USER, {"role": "assistant", "content": blocks}, {"role": "user", "content": [result]}]}


def answered() -> list[dict[str, Any]]:
    return content_of(sent_on(StreamTranslator(asked({"messages": [USER]}), ENVELOPE), [streamed()]))


def test_details_that_came_in_pieces_go_back_whole_and_in_order() -> None:
    blocks = answered()
    assert [block["type"] for block in blocks] == ["thinking", "tool_use"]
    assert blocks[0]["thinking"] == "plan it"
    message = orjson.loads(asked(conversation(blocks)).body)["messages"][1]
    assert message["reasoning_details"] == WHOLE
    assert "reasoning" not in message


def test_a_whole_answer_gives_the_same() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "ls", "arguments": "{}"}}
    message = {"content": None, "reasoning": "plan it", "reasoning_details": WHOLE, "tool_calls": [call]}
    body = orjson.dumps({"choices": [{"message": message, "finish_reason": "tool_calls"}]})
    got = translate_answer(asked({"messages": [USER]}), body, ENVELOPE, NOTHING_USED)
    assert isinstance(got, bytes)
    sent = orjson.loads(asked(conversation(orjson.loads(got)["content"])).body)
    assert sent["messages"][1]["reasoning_details"] == WHOLE


@pytest.mark.parametrize(
    ("at", "model", "target"),
    [
        (ANTHROPIC, "claude-sonnet-4-5", MESSAGES),
        (OPENROUTER, "moonshotai/kimi-k2.6", CHAT),
        ("https://api.deepseek.com/v1", "deepseek-v4-flash", CHAT),
    ],
)
def test_nobody_else_gets_them_not_even_the_models_vendor_itself(at: str, model: str, target: Dialect) -> None:
    got = asked(conversation(answered()), at, model, target)
    assert b"opaque" not in got.body
    assert b"plan it" not in got.body
    assert "reasoning" in got.lost


def test_details_that_prove_nothing_are_text() -> None:
    piece = chunk({"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm", "index": 0}]})
    stream = [piece, chunk({"content": "Hi"}), chunk({}, "stop"), b"data: [DONE]\n\n"]
    blocks = content_of(sent_on(StreamTranslator(asked({"messages": [USER]}), ENVELOPE), stream))
    turns = [USER, {"role": "assistant", "content": blocks}, USER]
    message = orjson.loads(asked({"messages": turns}).body)["messages"][1]
    assert message["reasoning"] == "hm"
    assert "reasoning_details" not in message


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["type", "text", "data", "index", "id"]), st.integers(-9, 9) | st.text(max_size=3)
        )
    )
)
def test_any_details_are_read(given_details: list[dict[str, Any]]) -> None:
    stream = [chunk({"reasoning_details": given_details}), chunk({"content": "Hi"}), chunk({}, "stop")]
    sent_on(StreamTranslator(asked({"messages": [USER]}), ENVELOPE), stream)
