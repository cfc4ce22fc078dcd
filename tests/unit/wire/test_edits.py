"""The permitted edits: which are made, and that no other byte changes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.names import Dialect
from tierrouter_core.wire.edits import EDITS, Edited, EditPlan, edit_request, with_model
from tierrouter_core.wire.request import read_request

MESSAGES, CHAT, RESPONSES = Dialect.MESSAGES, Dialect.CHAT, Dialect.RESPONSES


def edit(dialect: Dialect, body: bytes, **plan: Any) -> Edited:
    return edit_request(read_request(dialect, body), EditPlan(**{"model_id": "B", "tier_max_tokens": 8192, **plan}))


# Spelled as no serialiser would: spacing, escapes, number formats, nested keys of the same names, a key twice.
ODD_MESSAGES = (
    b' {"model" : "a",\r\n\t"system":"\\u00e9 \xc3\xa9 \\/ \\ud83d\\ude00 \xf0\x9f\x98\x80 \\"model\\": \\"a\\"",'
    b'"metadata":{"model":"in","max_tokens":999999}, "max_tokens" :64000 ,"temperature":1.0e0,'
    b'"x":123456789012345678901234567890,"x":1.50,"tools":[{"input_schema":{"properties":{"model":{"type":"string"},'
    b'"thinking":{},"max_tokens":{}}}}],"messages":[{"role":"user","content":"hi"}],'
    b'"thinking":{ "type":"enabled", "budget_tokens" : 31999 , "display":"omitted"}}\n'
)
ODD_CHAT = (
    b'{"messages":[{"role":"user","content":"\\u0068i \xc3\xa9"}], "n":1.0, "max_tokens": 32000,"stream":true,'
    b'"stream_options": {"include_usage" :false,"x":1.0e5}, "tools":[{"stream_options":{},"model":"in"}], "model":"a"}'
)
ODD_RESPONSES = (
    b'{"input":[{"type":"message","role":"user","content":"hi","model":"in"}],"max_output_tokens" : 128000,\n'
    b'"mod\\u0065l":"a" , "top_p":0.10, "include":[ ]}'
)


def test_a_request_that_needs_nothing_goes_out_as_it_came() -> None:
    for dialect, body in ((MESSAGES, ODD_MESSAGES), (CHAT, ODD_CHAT), (RESPONSES, ODD_RESPONSES)):
        edited = edit(dialect, body, model_id="a")
        assert edited == Edited(body, (), False)
        assert edited.body is body


def test_a_messages_request_gets_its_edits_and_no_other_byte_changes() -> None:
    edited = edit(MESSAGES, ODD_MESSAGES, cap=16000, request_defaults={"provider": {"order": ["x"]}, "x": 5})
    expected = (
        ODD_MESSAGES.replace(b'"model" : "a"', b'"model" : "B"')
        .replace(b'"max_tokens" :64000', b'"max_tokens" :16000')
        .replace(b'"budget_tokens" : 31999', b'"budget_tokens" : 14976')
        .replace(b"}}\n", b'},"provider":{"order":["x"]}}\n')
    )
    assert edited.body == expected
    assert edited.edits == ("model", "max_tokens", "thinking", "request_defaults")


def test_a_chat_request_gets_its_edits_and_no_other_byte_changes() -> None:
    edited = edit(CHAT, ODD_CHAT, cap=16000, inject_usage=True, request_defaults={"provider": {}})
    expected = (
        ODD_CHAT.replace(b'"model":"a"}', b'"model":"B","provider":{}}')
        .replace(b'"max_tokens": 32000', b'"max_tokens": 16000')
        .replace(b'"include_usage" :false', b'"include_usage" :true')
    )
    assert edited == Edited(expected, ("model", "max_tokens", "stream_options", "request_defaults"), True)


def test_a_responses_request_gets_its_edits_and_no_other_byte_changes() -> None:
    edited = edit(RESPONSES, ODD_RESPONSES, cap=16000, inject_usage=True)
    expected = ODD_RESPONSES.replace(b'"mod\\u0065l":"a"', b'"mod\\u0065l":"B"').replace(b"128000", b"16000")
    assert edited == Edited(expected, ("model", "max_tokens"), False)


def test_a_model_name_is_written_as_json() -> None:
    body = b'{"model":"a","messages":[],"max_tokens":1}'
    assert (
        edit(MESSAGES, body, model_id='q"\\\xe9/m').body
        == '{"model":"q\\"\\\\\xe9/m","messages":[],"max_tokens":1}'.encode()
    )


def test_every_duplicate_of_an_edited_key_is_edited() -> None:
    body = b'{"model":"a","max_tokens":5,"messages":[],"model":"c","max_tokens":9}'
    edited = edit(MESSAGES, body, cap=4)
    assert edited.body == b'{"model":"B","max_tokens":4,"messages":[],"model":"B","max_tokens":4}'


@pytest.mark.parametrize(
    ("dialect", "client", "plan", "sent"),
    [
        (MESSAGES, b'"max_tokens":100', {"cap": 200}, b'"max_tokens":100'),
        (MESSAGES, b'"max_tokens":100', {"cap": 100}, b'"max_tokens":100'),
        (MESSAGES, b'"max_tokens":0', {"cap": 100}, b'"max_tokens":0'),
        (MESSAGES, b'"max_tokens":100', {"cap": 99}, b'"max_tokens":99'),
        (MESSAGES, b'"max_tokens":100', {"tier_max_tokens": 50}, b'"max_tokens":100'),
        (MESSAGES, b'"max_tokens":100', {"tier_max_tokens": 50, "clamp": True}, b'"max_tokens":50'),
        (MESSAGES, b'"max_tokens":100', {"tier_max_tokens": 50, "clamp": True, "cap": 40}, b'"max_tokens":40'),
        (MESSAGES, b'"max_tokens":30', {"tier_max_tokens": 50, "clamp": True}, b'"max_tokens":30'),
        (MESSAGES, b'"x":1', {"tier_max_tokens": 50}, b'"x":1,"max_tokens":50'),
        (MESSAGES, b'"x":1', {"tier_max_tokens": 50, "cap": 40}, b'"x":1,"max_tokens":40'),
        (MESSAGES, b'"max_tokens":null', {"tier_max_tokens": 50}, b'"max_tokens":50'),
        (CHAT, b'"max_tokens":100', {"cap": 40}, b'"max_tokens":40'),
        (CHAT, b'"max_completion_tokens":100', {"cap": 40}, b'"max_completion_tokens":40'),
        (
            CHAT,
            b'"max_tokens":30,"max_completion_tokens":100',
            {"cap": 40},
            b'"max_tokens":30,"max_completion_tokens":40',
        ),
        (CHAT, b'"x":1', {"cap": 40, "clamp": True}, b'"x":1'),
        (CHAT, b'"max_tokens":null', {"cap": 40}, b'"max_tokens":null'),
        (RESPONSES, b'"max_output_tokens":100', {"cap": 40}, b'"max_output_tokens":40'),
        (RESPONSES, b'"max_tokens":100', {"cap": 40}, b'"max_tokens":100'),
        (RESPONSES, b'"x":1', {"cap": 40}, b'"x":1'),
    ],
)
def test_a_cap_is_lowered_never_raised(dialect: Dialect, client: bytes, plan: dict[str, Any], sent: bytes) -> None:
    conversation = b'"input":[]' if dialect is RESPONSES else b'"messages":[]'
    edited = edit(dialect, b'{"model":"B",' + conversation + b"," + client + b"}", **plan)
    assert edited.body == b'{"model":"B",' + conversation + b"," + sent + b"}"
    assert edited.edits == (() if client == sent else ("max_tokens",))


@pytest.mark.parametrize(
    ("thinking", "cap", "sent"),
    [
        (b'{"type":"enabled","budget_tokens":4000}', 5000, b'{"type":"enabled","budget_tokens":4000}'),
        (b'{"type":"enabled","budget_tokens":5000}', 5000, b'{"type":"enabled","budget_tokens":3976}'),
        (b'{"budget_tokens":31999, "type":"enabled"}', 2048, b'{"budget_tokens":1024, "type":"enabled"}'),
        (b'{"type":"enabled","budget_tokens":31999}', 2047, b'{"type":"disabled"}'),
        (b'{"type":"adaptive","budget_tokens":31999}', 2047, b'{"type":"adaptive","budget_tokens":31999}'),
        (b'{"type":"enabled"}', 2047, b'{"type":"enabled"}'),
        (b'"enabled"', 2047, b'"enabled"'),
    ],
)
def test_a_thinking_budget_fits_below_a_lowered_cap(thinking: bytes, cap: int, sent: bytes) -> None:
    body = b'{"model":"B","messages":[],"max_tokens":64000,"thinking":%s}'
    edited = edit(MESSAGES, body % thinking, cap=cap)
    assert edited.body == (body % sent).replace(b"64000", b"%d" % cap)
    assert edited.edits == (("max_tokens",) if thinking == sent else ("max_tokens", "thinking"))


def test_a_budget_is_the_clients_own_business_while_its_cap_stands() -> None:
    body = b'{"model":"B","messages":[],"max_tokens":100,"thinking":{"type":"enabled","budget_tokens":5000}}'
    assert edit(MESSAGES, body, cap=200).edits == ()


@pytest.mark.parametrize(
    ("client", "sent", "swallow"),
    [
        (b'"stream":true', b'"stream":true,"stream_options":{"include_usage":true}', True),
        (b'"stream":true,"stream_options":null', b'"stream":true,"stream_options":{"include_usage":true}', True),
        (b'"stream":true,"stream_options":{ }', b'"stream":true,"stream_options":{ "include_usage":true}', True),
        (
            b'"stream":true,"stream_options":{"include_obfuscation":false}',
            b'"stream":true,"stream_options":{"include_obfuscation":false,"include_usage":true}',
            True,
        ),
        (
            b'"stream":true,"stream_options":{"include_usage":false}',
            b'"stream":true,"stream_options":{"include_usage":true}',
            True,
        ),
        (b'"stream":true,"stream_options":{"include_usage":true}',) * 2 + (False,),
        (b'"stream":true,"stream_options":[]',) * 2 + (False,),
        (b'"stream":false',) * 2 + (False,),
        (b'"x":1',) * 2 + (False,),
    ],
)
def test_usage_is_asked_for_and_kept_from_who_did_not_ask(client: bytes, sent: bytes, swallow: bool) -> None:
    edited = edit(CHAT, b'{"model":"B","messages":[],' + client + b"}", inject_usage=True)
    assert edited.body == b'{"model":"B","messages":[],' + sent + b"}"
    assert edited.swallow_usage is swallow
    assert edited.edits == (("stream_options",) if swallow else ())


def test_usage_is_not_asked_for_where_it_comes_anyway() -> None:
    body = b'{"model":"B","messages":[],"stream":true,"max_tokens":1}'
    assert edit(CHAT, body, inject_usage=False).body == body
    assert edit(MESSAGES, body, inject_usage=True).body == body


def test_defaults_are_added_only_where_the_client_says_nothing() -> None:
    defaults = {"provider": {"data_collection": "deny"}, "top_k": 5, "store": False}
    edited = edit(CHAT, b'{"model":"B","messages":[],"top_k":null}', request_defaults=defaults)
    assert edited.body == (
        b'{"model":"B","messages":[],"top_k":null,"provider":{"data_collection":"deny"},"store":false}'
    )


def test_defaults_decide_neither_the_model_nor_streaming_nor_a_cap_that_was_set() -> None:
    defaults = {"model": "x", "stream": True, "max_tokens": 10**6}
    edited = edit(MESSAGES, b'{"model":"B","messages":[]}', request_defaults=defaults)
    assert edited.body == b'{"model":"B","messages":[],"max_tokens":8192}'
    assert edited.edits == ("max_tokens",)


def test_a_call_that_generates_nothing_gets_the_model_alone() -> None:
    request = read_request(MESSAGES, b'{"model":"a", "messages":[]}')
    assert with_model(request, "B") == b'{"model":"B", "messages":[]}'
    assert with_model(request, "a") is request.body


FIELDS = st.fixed_dictionaries(
    {"model": st.sampled_from(["a", "B"])},
    optional={
        "max_tokens": st.integers(0, 200_000) | st.none(),
        "max_completion_tokens": st.integers(0, 200_000),
        "max_output_tokens": st.integers(0, 200_000),
        "stream": st.booleans(),
        "stream_options": st.none() | st.dictionaries(st.sampled_from(["include_usage", "x"]), st.booleans()),
        "thinking": st.fixed_dictionaries({"type": st.just("enabled"), "budget_tokens": st.integers(1024, 100_000)}),
        "top_k": st.integers(),
        "tools": st.just([{"model": 1, "max_tokens": 2, "thinking": {}, "stream_options": {}}]),
    },
)
PLANS = st.builds(
    EditPlan,
    model_id=st.just("B"),
    cap=st.none() | st.integers(1, 100_000),
    tier_max_tokens=st.integers(1, 100_000),
    clamp=st.booleans(),
    request_defaults=st.dictionaries(st.sampled_from(["provider", "top_k"]), st.integers(0, 9)),
    inject_usage=st.booleans(),
)


@given(st.sampled_from(list(Dialect)), FIELDS, PLANS)
def test_edits_keep_their_promises_in_any_combination(dialect: Dialect, fields: dict[str, Any], plan: EditPlan) -> None:
    before = {**fields, "input" if dialect is RESPONSES else "messages": []}
    request = read_request(dialect, json.dumps(before).encode())
    edited = edit_request(request, plan)
    after = json.loads(edited.body)
    again = read_request(dialect, edited.body)
    assert again.model == "B"
    assert list(edited.edits) == [name for name in EDITS if name in edited.edits]
    assert (edited.body is request.body) == (edited.edits == ())
    if plan.cap is not None and again.max_output is not None:
        assert again.max_output <= plan.cap
    if request.max_output is not None:
        assert again.max_output is not None
        assert again.max_output <= request.max_output
    assert edited.swallow_usage == (again.wants_usage is True and request.wants_usage is not True)
    touched = {"model", "max_tokens", "max_completion_tokens", "max_output_tokens", "thinking", "stream_options"}
    assert {key: value for key, value in after.items() if key in before and key not in touched} == {
        key: value for key, value in before.items() if key not in touched
    }
    # A second pass finds nothing left to do.
    assert edit_request(again, plan).edits == ()
