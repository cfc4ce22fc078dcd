"""What a provider quotes of a request is taken out of what is written down."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.names import Dialect
from tierrouter_core.wire.quoted import LEAST, without_quotes
from tierrouter_core.wire.request import Request, read_request

PROMPT = 'Rename the class "Lorry" to Truck\nin every file of the depot, and tell Ivanka Jovanović.'


def asked(text: str = PROMPT, model: str = "claude-opus-4-7") -> Request:
    return read_request(
        Dialect.CHAT, json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()
    )


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("vendor answered 400: the limit is 5", "vendor answered 400: the limit is 5"),
        (f"vendor answered 400: {PROMPT} is not allowed", "vendor answered 400: … is not allowed"),
        ("400: bad words: class \"Lorry\" to Truck\nin every file, and that is all", "400: bad words:…, and that is all"),
        ("no: tell Ivanka Jovanović.", "no: tell Ivanka Jovanović."),
        ("no: and tell Ivanka Jovanović. Ever", "no:… Ever"),
        ("400: no such model: anthropic/claude-opus-4-7-20270101", "400: no such model: anthropic/claude-opus-4-7-20270101"),
    ],
)  # fmt: skip
def test_long_quotes_go_and_the_rest_stays(said: str, kept: str) -> None:
    assert without_quotes(said, asked(model="anthropic/claude-opus-4-7-20270101")) == kept


@given(
    st.text(st.sampled_from('abc xyzé\n"\\'), min_size=LEAST, max_size=200),
    st.text("0123456789", max_size=40),
    st.data(),
)
def test_no_run_of_the_prompt_is_left(prompt: str, around: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(prompt) - LEAST))
    end = data.draw(st.integers(begin + LEAST, len(prompt)))
    kept = without_quotes(f"{around}{prompt[begin:end]}{around}", asked(prompt))
    assert not any(kept[at : at + LEAST] in prompt for at in range(len(kept) - LEAST + 1))
    assert kept.startswith(around) and kept.endswith(around)


def test_a_request_that_is_nested_as_deeply_as_json_may_be_is_looked_through() -> None:
    deep = '{"a":' * 900 + '"the innermost word of this request"' + "}" * 900
    body = f'{{"model": "m", "messages": [{{"role": "user", "content": "x"}}], "more": {deep}}}'
    request = read_request(Dialect.CHAT, body.encode())
    assert without_quotes("no: the innermost word of this request", request).startswith("no:")
    assert "innermost" not in without_quotes("no: the innermost word of this request", request)
