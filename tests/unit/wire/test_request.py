"""Reading requests: what routing needs, and errors that tell the client what to do."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.errors import MalformedRequestError
from tierrouter_core.names import Dialect
from tierrouter_core.wire.request import Request, read_request
from tierrouter_core.wire.token_estimate import estimate_input_tokens

MESSAGES, CHAT, RESPONSES = Dialect.MESSAGES, Dialect.CHAT, Dialect.RESPONSES
USER = {"role": "user", "content": "hello"}


def read(dialect: Dialect, **fields: Any) -> Request:
    base: dict[str, Any] = {"model": "auto"}
    base["input" if dialect is RESPONSES else "messages"] = [USER]
    return read_request(dialect, json.dumps({**base, **fields}).encode())


def complaint(dialect: Dialect, body: bytes) -> str:
    with pytest.raises(MalformedRequestError) as caught:
        read_request(dialect, body)
    return str(caught.value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", ["empty"]),
        (b" \n", ["empty"]),
        (b'{"model": "a",\n "messages": [}', ["not valid JSON", "line 2", "column 15"]),
        (b'{"model": "a"} x', ["not valid JSON", "after document"]),
        (b'{"model": "a\xff", "messages": []}', ["not UTF-8", "0xff", "offset 12"]),
        (b'{"model": "a\\ud800", "messages": []}', ["not valid JSON", "surrogate"]),
        (b'{"model": "a", "top_p": NaN, "messages": []}', ["not valid JSON", "column 25"]),
        (b'{"model": "a", "top_p": 1e999, "messages": []}', ["not valid JSON", "infinity"]),
        (b"\xef\xbb\xbf{}", ["not valid JSON", "byte order mark"]),
        (b"[" * 2000, ["not valid JSON", "depth"]),
        (b"[1]", ["must be a JSON object", "an array"]),
        (b"null", ["must be a JSON object", "null"]),
        (b'{"messages": []}', ["`model` is missing"]),
        (b'{"model": null, "messages": []}', ["`model` is missing"]),
        (b'{"model": " ", "messages": []}', ["`model` is empty"]),
        (b'{"model": 5, "messages": []}', ["`model` must be a string", "a number"]),
        (b'{"model": "a"}', ["`messages` is missing", "an array"]),
        (b'{"model": "a", "messages": {}}', ["`messages` must be an array", "an object"]),
        (b'{"model": "a", "messages": "hello"}', ["`messages` must be an array", "a string"]),
        (b'{"model": "a", "messages": [], "stream": "yes"}', ["`stream` must be true or false", "a string"]),
        (b'{"model": "a", "messages": [], "max_tokens": "9"}', ["`max_tokens`", "a string"]),
        (b'{"model": "a", "messages": [], "max_tokens": true}', ["`max_tokens`", "a boolean"]),
        (b'{"model": "a", "messages": [], "max_tokens": -1}', ["`max_tokens`", "-1"]),
        (b'{"model": "a", "messages": [], "max_tokens": 1.5}', ["`max_tokens`", "1.5"]),
        (b'{"model": "a", "messages": [], "max_tokens": 1' + b"0" * 40 + b"}", ["`max_tokens`"]),
    ],
)
@pytest.mark.parametrize("dialect", [MESSAGES, CHAT])
def test_a_broken_request_is_explained(dialect: Dialect, body: bytes, words: list[str]) -> None:
    message = complaint(dialect, body)
    assert [word for word in words if word.lower() not in message.lower()] == []


def test_a_responses_request_needs_input_or_a_place_where_it_stands() -> None:
    assert "`input` is missing" in complaint(RESPONSES, b'{"model":"a"}')
    assert "`input` must be a string or an array, but it is a number" in complaint(
        RESPONSES, b'{"model":"a","input":1}'
    )
    for elsewhere in ("prompt", "previous_response_id", "conversation"):
        assert read_request(RESPONSES, json.dumps({"model": "a", elsewhere: "id"}).encode()).model == "a"
    assert "max_output_tokens" in complaint(RESPONSES, b'{"model":"a","input":"x","max_output_tokens":-1}')


@pytest.mark.parametrize("dialect", list(Dialect))
def test_what_only_the_provider_can_judge_is_let_through(dialect: Dialect) -> None:
    entries: list[Any] = [
        5,
        None,
        {},
        {"role": "ctx"},
        {"role": "wizard", "content": [1, {"type": "new"}, {"type": 5}]},
    ]
    entries.append({"type": ["?"], "role": ["?"], "content": {"a": 1}})
    request = read(dialect, **{"input" if dialect is RESPONSES else "messages": entries}, new_field={"x": [None]})
    assert request.model == "auto"


@pytest.mark.parametrize("dialect", list(Dialect))
def test_optional_fields_may_be_null_or_missing(dialect: Dialect) -> None:
    nulls = dict.fromkeys(("stream", "max_tokens", "max_output_tokens", "tools", "stream_options", "metadata"))
    for request in (read(dialect), read(dialect, **nulls)):
        assert (request.stream, request.max_output, request.has_tools) == (False, None, False)
        assert (request.has_images, request.wants_usage) == (False, None)
        assert request.size == len(request.body)


def test_each_dialect_names_its_cap_in_its_own_way() -> None:
    assert read(MESSAGES, max_tokens=0).max_output == 0
    assert read(MESSAGES, max_tokens=64.0).max_output == 64
    assert read(CHAT, max_tokens=7).max_output == 7
    assert read(CHAT, max_tokens=7, max_completion_tokens=8).max_output == 8
    assert read(RESPONSES, max_output_tokens=9, max_tokens="not this dialect's").max_output == 9


def test_tools_are_seen_wherever_they_may_stand() -> None:
    tool = {"name": "t"}
    assert all(read(dialect, tools=[tool]).has_tools for dialect in Dialect)
    assert read(CHAT, functions=[tool]).has_tools
    assert read(RESPONSES, input=[{"type": "additional_tools", "role": "developer", "tools": [tool]}]).has_tools
    assert not read(RESPONSES, tools=[]).has_tools


def test_streaming_and_usage_wishes_are_read() -> None:
    assert read(CHAT, stream=True).stream
    assert read(CHAT, stream=True, stream_options={"include_usage": True}).wants_usage is True
    assert read(CHAT, stream=True, stream_options={"include_usage": False}).wants_usage is False
    assert read(CHAT, stream=True, stream_options={}).wants_usage is None


DATA = "iVBORw0KGgo" * 1000
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}}
DATA_URL = f"data:image/png;base64,{DATA}"


@pytest.mark.parametrize(
    ("dialect", "entry"),
    [
        (MESSAGES, {"role": "user", "content": [PICTURE]}),
        (MESSAGES, {"role": "user", "content": [{"type": "tool_result", "content": [PICTURE]}]}),
        (CHAT, {"role": "user", "content": [{"type": "image_url", "image_url": {"url": DATA_URL}}]}),
        (RESPONSES, {"role": "user", "content": [{"type": "input_image", "image_url": DATA_URL}]}),
        (RESPONSES, {"type": "function_call_output", "output": [{"type": "input_image", "image_url": DATA_URL}]}),
        (RESPONSES, {"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": DATA_URL}}),
    ],
)
def test_a_picture_counts_as_one_and_not_by_its_base64(dialect: Dialect, entry: dict[str, Any]) -> None:
    request = read(dialect, **{"input" if dialect is RESPONSES else "messages": [USER, entry]})
    assert request.has_images
    assert 1600 < estimate_input_tokens(request) < 1800


def test_a_picture_by_address_counts_as_one_too() -> None:
    block = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    request = read(CHAT, messages=[{"role": "user", "content": [block]}])
    assert request.has_images
    assert 1600 < estimate_input_tokens(request) < 1800


def test_a_tool_schema_that_speaks_of_images_is_no_picture() -> None:
    tools = [{"name": "t", "input_schema": {"properties": {"type": {"enum": ["image"]}}}}]
    assert not read(MESSAGES, tools=tools).has_images


def test_a_document_counts_by_pages() -> None:
    def document(size: int) -> Request:
        source = {"type": "base64", "media_type": "application/pdf", "data": "A" * size}
        return read(MESSAGES, messages=[{"role": "user", "content": [{"type": "document", "source": source}]}])

    assert 3000 < estimate_input_tokens(document(100)) < 3200
    assert 15_000 < estimate_input_tokens(document(500_000)) < 15_200


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    # The words below are those that the readers look for.
    | st.sampled_from(["user", "tool", "assistant", "tool_result", "image", "text", "message", "data:", ""]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["role", "type", "content", "text", "source", "image_url", "output", "data", "file"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(st.sampled_from(list(Dialect)), st.lists(JSON, max_size=5), JSON, JSON)
def test_no_conversation_is_strange_enough_to_break_the_reader(
    dialect: Dialect, entries: list[Any], tools: Any, options: Any
) -> None:
    key = "input" if dialect is RESPONSES else "messages"
    request = read(dialect, **{key: entries, "tools": tools, "stream_options": options, "metadata": options})
    assert estimate_input_tokens(request) > 0


@given(st.sampled_from(list(Dialect)), st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_read_or_refused_with_a_message(dialect: Dialect, body: bytes) -> None:
    message = ""
    try:
        assert read_request(dialect, body).body == body
    except MalformedRequestError as error:
        message = str(error)
    assert message == "" or message.endswith(".")
