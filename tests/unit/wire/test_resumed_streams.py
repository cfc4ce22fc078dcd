"""An answer that another model goes on with: the client reads one answer, no word of it twice and none lost."""

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from stream_grammars import COMPLETE, FAILED, read_stream
from translated_streams import FUZZ_FACTOR, KEY, events_of, pair_id, sent_on

from provider import Answer, Tokens, ToolCall
from tierrouter_core.names import Dialect, UsageSource
from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.begun import begun, marked, may_be_begun
from tierrouter_core.wire.compose import Sealing
from tierrouter_core.wire.encoder import Envelope
from tierrouter_core.wire.meter import stream_meter
from tierrouter_core.wire.quirks import profile_of
from tierrouter_core.wire.request import read_request
from tierrouter_core.wire.resumed import Joint, prefill_of
from tierrouter_core.wire.seen import SeenAnswer
from tierrouter_core.wire.translate import Translated
from tierrouter_core.wire.translated_stream import Carried, StreamTranslator, seen_answer

CHAT, RESPONSES, MESSAGES = Dialect.CHAT, Dialect.RESPONSES, Dialect.MESSAGES
EVERY_WAY = pytest.mark.parametrize(
    ("client", "first", "second"),
    [(client, first, second) for client in Dialect for first in Dialect for second in Dialect],
    ids=pair_id,
)
EVERY_CLIENT = pytest.mark.parametrize("client", Dialect, ids=pair_id)
ENVELOPE = Envelope(turn_id="t1", model="vendor/model", created_s=7, input_estimate=98, include_usage=True)
CALLS = (ToolCall(name="read", arguments={"p": 1}, id="a"),)
TEXTS = st.lists(st.text(st.sampled_from("ab \n\tö😀"), min_size=1, max_size=6), min_size=1, max_size=8).filter(
    lambda texts: "".join(texts).strip()
)


def way_of(client: Dialect, upstream: Dialect, carried: Carried | None = None) -> StreamTranslator:
    translated = Translated(
        body=b"", source=client, target=upstream, lost=(), names={}, stop=(), sealing=Sealing(KEY, "vendor")
    )
    return StreamTranslator(translated, ENVELOPE, carried)


def cut_after(client: Dialect, upstream: Dialect, answer: Answer, count: int) -> tuple[bytes, SeenAnswer, Usage]:
    """What a client was sent of an answer's first events, passed through or translated."""
    stream = stream_meter(client) if client is upstream else way_of(client, upstream)
    seen = seen_answer(client)
    sent = b""
    for event in events_of(upstream, answer)[:count]:
        out = stream.feed(event)
        seen.feed(out)
        sent += out
    return sent, seen, stream.usage_or_estimate(98)


def rest_of(text: str, seen: SeenAnswer) -> str:
    """What a model says that goes on where it was shown the answer to be."""
    shown = prefill_of(seen.text)
    assert text.startswith(shown)
    return text[len(shown) :]


@EVERY_WAY
@settings(max_examples=6 * FUZZ_FACTOR, deadline=None)
@given(texts=TEXTS, cut=st.integers(0, 40), thinks=st.booleans(), calls=st.booleans(), echoes=st.booleans())
def test_wherever_text_is_cut_the_client_reads_one_whole_answer(
    client: Dialect,
    first: Dialect,
    second: Dialect,
    texts: list[str],
    cut: int,
    thinks: bool,
    calls: bool,
    echoes: bool,
) -> None:
    text = "".join(texts)
    answer = Answer(text=texts, thinking="plan it" if thinks else None, usage=Tokens(input=100, output=20))
    cuts = [cut_after(client, first, answer, count) for count in range(len(events_of(first, answer)))]
    # Only what has begun can be gone on with.
    begun_cuts = [each for each in cuts if each[1].text.strip()]
    sent, seen, usage = begun_cuts[cut % len(begun_cuts)]
    rest = rest_of(text, seen)
    # One that says all of it twice can't be told from one that says it back: of 32 characters none does.
    assume(not rest.startswith(prefill_of(seen.text)))
    echoed = prefill_of(seen.text) if echoes else ""
    going_on = Answer(text=[echoed + rest[:1], rest[1:]], thinking="hm" if thinks else None)
    going_on = replace(going_on, tool_calls=CALLS if calls else (), usage=Tokens(input=130, output=7))
    stream = way_of(client, second, Carried(seen, usage))
    whole = sent + sent_on(stream, events_of(second, going_on))
    read = read_stream(client, whole)
    assert read.end == COMPLETE
    assert read.text == text
    assert read.thinking == ("plan it" if thinks else "")
    assert [name for _, name, _ in read.calls] == [call.name for call in going_on.tool_calls]


@EVERY_WAY
def test_an_answer_can_break_off_twice(client: Dialect, first: Dialect, second: Dialect) -> None:
    words = [f"word{n} " for n in range(12)]
    sent, seen, usage = cut_after(client, first, Answer(text=words), 6)
    stream = way_of(client, second, Carried(seen, usage))
    rest = rest_of("".join(words), seen)
    for event in events_of(second, Answer(text=[rest[:7], rest[7:14], rest[14:]]))[:-4]:
        out = stream.feed(event)
        seen.feed(out)
        sent += out
        if len(seen.text) > len("".join(words)) - len(rest) + 8:
            break
    assert seen.text
    assert read_stream(client, sent + stream.end("gone")).end == FAILED
    last = way_of(client, first, Carried(seen, stream.usage_or_estimate(98)))
    read = read_stream(client, sent + sent_on(last, events_of(first, Answer(text=rest_of("".join(words), seen)))))
    assert (read.end, read.text) == (COMPLETE, "".join(words))


@EVERY_CLIENT
def test_an_error_of_the_provider_is_kept_from_the_client_until_nobody_goes_on(client: Dialect) -> None:
    answer = Answer(text=["one ", "two ", "three "])
    for upstream in Dialect:
        stream = stream_meter(client) if client is upstream else way_of(client, upstream)
        events = events_of(upstream, answer)
        broken = events_of(upstream, answer, error_after=len(events) // 2)
        sent = b"".join(map(stream.feed, broken))
        assert b"It broke." not in sent
        read = read_stream(client, sent + stream.end())
        assert (read.end, read.error) == (FAILED, "It broke.")


@EVERY_CLIENT
def test_what_can_not_be_taken_back_is_not_gone_on_with(client: Dialect) -> None:
    for answer in (
        Answer(text="So:", tool_calls=CALLS),
        Answer(text="So:"),
        Answer(thinking="hm", text=""),
    ):
        _, seen, _ = cut_after(client, client, answer, 1000)
        assert seen.text == ""


@EVERY_CLIENT
def test_the_client_is_told_the_use_of_both_without_the_part_that_was_read_again(client: Dialect) -> None:
    sent, seen, _ = cut_after(client, client, Answer(text=["one ", "two ", "three "]), 4)
    carried = Carried(seen, Usage(input_uncached=98, output=4, source=UsageSource.ESTIMATED, complete=False))
    rest = Answer(text="four", usage=Tokens(input=104, output=6))
    read = read_stream(client, sent + sent_on(way_of(client, CHAT, carried), events_of(CHAT, rest)))
    names = ("prompt_tokens", "completion_tokens") if client is CHAT else ("input_tokens", "output_tokens")
    assert [read.usage[name] for name in names] == [98, 10]


@given(st.text(st.sampled_from("a \n")), st.text(st.sampled_from("ab \n")), st.lists(st.integers(0, 30)), st.booleans())
def test_no_word_stands_twice_at_the_joint(head: str, tail: str, places: list[int], echoes: bool) -> None:
    """Said so far is ``x…``; the model was shown that without the white space at its end, and goes on with that."""
    said = f"x{head}"
    space = said[len(prefill_of(said)) :]
    comes = (prefill_of(said) if echoes else "") + space + tail
    joint, out, before = Joint(said), "", 0
    for place in sorted({place % (len(comes) + 1) for place in places} | {len(comes)}):
        out += joint.feed(comes[before:place])
        before = place
    assert out + joint.rest() == tail


def test_a_model_that_leaves_out_the_white_space_is_taken_at_its_word() -> None:
    joint = Joint("said so far.\n")
    assert joint.feed("More") + joint.rest() == "More"
    joint = Joint("if so:\n")
    assert joint.feed("\n    more") + joint.rest() == "    more"


BODIES = {
    CHAT: b'{"model":"m","stream":true,"max_tokens":100,"messages":[{"role":"user","content":"Go."}]}',
    MESSAGES: (
        b'{"model":"m","stream":true,"max_tokens":100,"thinking":{"type":"enabled","budget_tokens":50},'
        b'"messages":[{"role":"user","content":"Go."}]}'
    ),
    RESPONSES: b'{"model":"m","stream":true,"max_output_tokens":100,"input":"Go."}',
}


@EVERY_CLIENT
def test_a_begun_request_ends_in_what_was_said_and_leaves_the_rest_of_the_cap(client: Dialect) -> None:
    request = read_request(client, BODIES[client])
    assert may_be_begun(request)
    asked = begun(request, "A word and another. \n")
    again = read_request(client, asked.body)
    assert again.parsed == asked.parsed
    assert not may_be_begun(again)
    assert again.max_output == asked.max_output
    assert asked.max_output is not None
    assert 90 < asked.max_output < 100
    entries = asked.parsed["input" if client is RESPONSES else "messages"]
    assert [entry["role"] for entry in entries] == ["user", "assistant"]
    last = entries[-1]["content"]
    assert (last[0]["text"] if client is RESPONSES else last) == "A word and another."
    assert "thinking" not in asked.parsed
    assert request.parsed == read_request(client, BODIES[client]).parsed


@pytest.mark.parametrize(
    ("client", "more"),
    [
        (CHAT, b'"n":2'),
        (CHAT, b'"logprobs":true'),
        (CHAT, b'"response_format":{"type":"json_object"}'),
        (MESSAGES, b'"output_config":{"format":{"type":"json_schema","schema":{}}}'),
        (RESPONSES, b'"text":{"format":{"type":"json_object"}}'),
        (RESPONSES, b'"background":true'),
        (CHAT, b'"stream":false'),
    ],
)
def test_an_answer_of_a_form_is_not_gone_on_with(client: Dialect, more: bytes) -> None:
    assert not may_be_begun(read_request(client, BODIES[client][:-1] + b"," + more + b"}"))


@pytest.mark.parametrize(
    ("base_url", "said"),
    [
        ("https://api.moonshot.ai/v1", {"partial": True}),
        ("https://api.deepseek.com/beta", {"prefix": True}),
        ("https://api.mistral.ai/v1", {"prefix": True}),
        ("http://vllm:8000/v1", {"add_generation_prompt": False, "continue_final_message": True}),
        ("http://ollama:11434/v1", {}),
        ("https://openrouter.ai/api/v1", {}),
    ],
)
def test_a_server_is_told_in_its_own_words_that_an_answer_was_begun(base_url: str, said: dict[str, bool]) -> None:
    asked = begun(read_request(CHAT, BODIES[CHAT]), "A word.")
    told = read_request(CHAT, marked(asked.body, profile_of(base_url, "a-model", {})))
    everything = {**told.parsed, **told.parsed["messages"][-1]}
    assert {name: everything[name] for name in said} == said
    assert set(everything) - {"role", "content", *asked.parsed} == set(said)
