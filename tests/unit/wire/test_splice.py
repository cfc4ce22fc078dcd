"""Top-level keys change; every other byte stays."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tierrouter_core.wire.json_splice import find_top_level, set_top_level, top_level_spans, top_level_value


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"model":"a"}', b'{"model":"B"}'),
        (b' {\n  "model" :\t"a" ,\r\n "x" : 1.0e5 } \n', b' {\n  "model" :\t"B" ,\r\n "x" : 1.0e5 } \n'),
        (b'{"x":12345678901234567890123,"model":null}', b'{"x":12345678901234567890123,"model":"B"}'),
        (b'{"model":{"a":[1,{"model":2}]},"z":[]}', b'{"model":"B","z":[]}'),
        (b'{"t":[{"model":"in"}],"model":"a"}', b'{"t":[{"model":"in"}],"model":"B"}'),
        (b'{"model":"a","t":{"properties":{"model":{"type":"string"}}}}',) * 2,
        (b'{"s":"\\"model\\": \\"a\\"","model":"a"}', b'{"s":"\\"model\\": \\"a\\"","model":"B"}'),
        (b'{"s":"ends in \\"model","model":"a"}', b'{"s":"ends in \\"model","model":"B"}'),
        (b'{"s":"model","model":"a"}', b'{"s":"model","model":"B"}'),
        (b'{"model":"model","n":"model"}', b'{"model":"B","n":"model"}'),
        (b'{"\\\\":1,"model":"a\\"}"}', b'{"\\\\":1,"model":"B"}'),
        (b'{"mod\\u0065l":"a"}', b'{"mod\\u0065l":"B"}'),
        (b'{"\\u006D\\u006f\\u0064\\u0065\\u006C":"a"}', b'{"\\u006D\\u006f\\u0064\\u0065\\u006C":"B"}'),
        (b'{"model":"a","model":"b"}', b'{"model":"B","model":"B"}'),
        (b'{"model":"a","m\\u006fdel":"b"}', b'{"model":"B","m\\u006fdel":"B"}'),
        (
            b'{"\xc3\xa9":"\\u00e9 \xf0\x9f\x98\x80","model":"a"}',
            b'{"\xc3\xa9":"\\u00e9 \xf0\x9f\x98\x80","model":"B"}',
        ),
    ],
)
def test_a_replaced_value_leaves_all_other_bytes_alone(before: bytes, after: bytes) -> None:
    if before == after:
        after = before.replace(b'"a"', b'"B"', 1)
    assert set_top_level(before, {"model": b'"B"'}) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"{}", b'{"k":1}'),
        (b" { \n} ", b' { \n"k":1} '),
        (b'{"a":{}}', b'{"a":{},"k":1}'),
        (b'{"a":{"k":2}}\n', b'{"a":{"k":2},"k":1}\n'),
        (b'{"a":"}" }', b'{"a":"}" ,"k":1}'),
    ],
)
def test_a_missing_key_is_added_before_the_closing_brace(before: bytes, after: bytes) -> None:
    assert set_top_level(before, {"k": b"1"}) == after


def test_several_keys_change_at_once_and_new_ones_keep_their_order() -> None:
    body = b'{"max_tokens": 5, "messages": [], "model": "a"}'
    changed = set_top_level(body, {"model": b'"B"', "z": b"[]", "max_tokens": b"4", "a": b"{}"})
    assert changed == b'{"max_tokens": 4, "messages": [], "model": "B","z":[],"a":{}}'


def test_a_key_with_unusual_characters_is_found_and_added() -> None:
    assert set_top_level(b'{"\\"\\/":1}', {'"/': b"2"}) == b'{"\\"\\/":2}'
    assert set_top_level(b"{}", {'"\n\xe9': b"2"}) == '{"\\"\\n\xe9":2}'.encode()


def test_the_last_of_duplicate_values_is_the_one_that_counts() -> None:
    assert top_level_value(b'{"k":1, "k" : {"a": 2} }', "k") == b'{"a": 2}'
    assert top_level_value(b'{"a":{"k":1}}', "k") is None


def long_body(first: bool, nested: dict[str, Any], copies: int) -> bytes:
    """About 400 KB, with a key of the same name in each message."""
    messages = [{"role": "user", "content": 'words \\ " } ] ' * 200, "input": nested} for _ in range(copies)]
    padding = {"system": "text " * 40_000}
    body = {"messages": messages, **padding, "tools": [{"properties": nested}]}
    return orjson.dumps({"model": "a", **body} if first else {**body, "model": "a"})


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    "nested",
    [
        {"model": "in"},
        {"model": {"type": "string", "enum": ["a"]}, "b": "}"},
        {"model": "in", "then": "a long one " * 100},
        {"model": "in", "then": "longer than any look ahead " * 400},
    ],
)
def test_nested_keys_in_long_bodies_stay_as_they_are(first: bool, nested: dict[str, Any]) -> None:
    body = long_body(first, nested, 60)
    changed = set_top_level(body, {"model": b'"B"'})
    assert changed == body.replace(b'"model":"a"', b'"model":"B"', 1)
    assert orjson.loads(changed)["model"] == "B"


def test_a_key_in_the_middle_of_a_long_body_is_found() -> None:
    body = b'{"a":["' + b"x" * 50_000 + b'"],"model": "a" ,"b":[{"model":1}],"c":"' + b"y" * 60_000 + b'"}'
    assert set_top_level(body, {"model": b'"B"'}) == body.replace(b'"a" ,', b'"B" ,')


def test_a_look_ahead_that_ends_inside_a_character_is_no_trouble() -> None:
    for shift in range(4):
        text = " " * shift + "\N{GRINNING FACE}" * 5000
        body = orjson.dumps({"pad": "p" * 9000, "in": {"model": 1, "t": text}, "z": text, "model": "a"})
        assert orjson.loads(set_top_level(body, {"model": b'"B"'})) == {**orjson.loads(body), "model": "B"}


def test_deeply_nested_values_are_no_trouble() -> None:
    deep = b'{"model":' * 500 + b"1" + b"}" * 500
    body = b'{"pad":"' + b"p" * 5000 + b'","in":' + deep + b',"model":"a","tail":"' + b"t" * 5000 + b'"}'
    assert set_top_level(body, {"model": b'"B"'}) == body.replace(b'"a"', b'"B"')


def test_what_is_no_object_has_no_spans() -> None:
    for body in (b"[]", b'"x"', b"", b"{1:2}"):
        with pytest.raises(ValueError, match=r"not a JSON object|no key"):
            top_level_spans(body)


KEYS = ["model", "max_tokens", "a", "mod", "", 'q"', "\\model", "model\\", "\xe9", "\U0001f600", "/"]
TEXT = st.one_of(
    st.sampled_from([*KEYS, '"model":', "\\", "}{][,:"]), st.text(st.characters(exclude_categories=["Cs"]))
)
SPACE = st.text(" \t\r\n", max_size=3)


@st.composite
def raw_string(draw: st.DrawFn, text: str) -> bytes:
    """``text`` as JSON, each character plain or escaped in one of the ways that JSON has."""
    out = []
    for character in text:
        ways = [f"\\u{ord(character):04x}", f"\\u{ord(character):04X}"] if ord(character) < 0x10000 else []
        if character in '"\\/':
            ways.append("\\" + character)
        if character not in '"\\' and ord(character) >= 0x20:
            ways += [character] * 6
        out.append(draw(st.sampled_from(ways)))
    return f'"{"".join(out)}"'.encode()


@st.composite
def raw_value(draw: st.DrawFn, depth: int = 3) -> bytes:
    """A JSON value as a client might spell it."""
    kinds = ["scalar", "string"] + (["object", "array"] if depth else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "scalar":
        return draw(st.sampled_from([b"1", b"-0.50", b"1.0e5", b"123456789012345678901", b"true", b"null"]))
    if kind == "string":
        return draw(raw_string(draw(TEXT)))
    if kind == "object":
        return draw(raw_object(depth - 1))
    items = draw(st.lists(raw_value(depth - 1), max_size=3))
    return b"[" + b",".join(spaced(draw, item) for item in items) + b"]"


@st.composite
def raw_object(draw: st.DrawFn, depth: int = 3) -> bytes:
    """A JSON object with likely keys, some of them twice."""
    members = []
    for key in draw(st.lists(st.sampled_from(KEYS), max_size=5)):
        name = spaced(draw, draw(raw_string(key)))
        members.append(name + b":" + spaced(draw, draw(raw_value(depth))))
    return b"{" + (b",".join(members) or draw(SPACE).encode()) + b"}"


def spaced(draw: st.DrawFn, raw: bytes) -> bytes:
    return draw(SPACE).encode() + raw + draw(SPACE).encode()


@given(raw_object(), st.sampled_from(KEYS))
@example(b'{"":{"\\\\model":1,"model":2}}', "model")
def test_the_fast_way_and_the_plain_way_agree(body: bytes, key: str) -> None:
    assert find_top_level(body, key) == top_level_spans(body).get(key, [])


@given(raw_object(), st.sampled_from(["model", "max_tokens"]), st.integers(0, 20_000))
def test_they_agree_in_the_middle_of_long_bodies_too(body: bytes, key: str, padding: int) -> None:
    pad = b'"pad":"' + b"p" * padding + b'"'
    inside = body.strip()[1:-1].strip()
    long = b"{" + pad + (b"," + inside if inside else b"") + b"," + pad + b',"o":' + body + b"," + pad + b"}"
    assert find_top_level(long, key) == top_level_spans(long).get(key, [])


@given(raw_object(), st.dictionaries(st.sampled_from(KEYS), raw_value(1), max_size=3))
def test_the_result_reads_as_the_changed_object(body: bytes, values: dict[str, bytes]) -> None:
    changed = set_top_level(body, values)
    assert json.loads(changed) == {**json.loads(body), **{key: json.loads(raw) for key, raw in values.items()}}


@given(raw_object(), st.sampled_from(KEYS))
def test_what_is_known_to_be_there_is_replaced_all_the_same(body: bytes, key: str) -> None:
    there = json.loads(body)
    assert set_top_level(body, {key: b"0"}, there=there) == set_top_level(body, {key: b"0"})


def test_a_nested_key_is_not_taken_for_one_that_is_known_to_be_there() -> None:
    body = b'{"t":{"model":"in"},"m\\u006fdel":"a"}'
    assert set_top_level(body, {"model": b'"B"'}, there=("model",)) == b'{"t":{"model":"in"},"m\\u006fdel":"B"}'


@given(raw_object())
def test_setting_what_is_there_already_changes_nothing(body: bytes) -> None:
    for key, spans in top_level_spans(body).items():
        if len(spans) == 1:
            value = top_level_value(body, key)
            assert value is not None
            assert set_top_level(body, {key: value}) == body
