"""Transcripts of whole streams, as the provider sends them and as the client gets them, to be read by people.

Where the code is meant to answer otherwise, ``GOLDEN=write`` writes them anew; read the difference before committing.
"""

import os
from pathlib import Path

import pytest
from stream_grammars import COMPLETE, FAILED, read_stream
from translated_streams import PAIRS, events_of, pair_id, sent_on, translator

from provider import Answer, Tokens, ToolCall
from tierrouter_core.names import Dialect

GOLDEN = Path(__file__).parent / "golden" / "translation"
USED = Tokens(input=100, cached=90, output=20)
TWO_CALLS = (ToolCall(name="read", arguments={"path": "docs/a.md"}, id="a"), ToolCall(name="ls", id="b"))
CASES = {
    "text": (Answer(text=["Hel", "lo"], usage=USED), None, None, COMPLETE),
    "two parallel calls": (
        Answer(text="Ok", tool_calls=TWO_CALLS, interleave_calls=True, usage=USED),
        None,
        None,
        COMPLETE,
    ),
    "thinking with a call": (
        Answer(text="", thinking="plan", signature="c2Vhb", tool_calls=TWO_CALLS[:1], usage=USED),
        None,
        None,
        COMPLETE,
    ),
    "error in mid-stream": (Answer(text=["He", "llo"], usage=USED), "error", None, FAILED),
    "cut": (Answer(text="Ok", tool_calls=TWO_CALLS[:1], usage=USED), None, "cut", FAILED),
}
FIRST_WORDS = {Dialect.CHAT: 2, Dialect.MESSAGES: 3, Dialect.RESPONSES: 5}
"""How many events have passed when the first piece of text is out."""


def provider_sends(upstream: Dialect, case: str) -> list[bytes]:
    answer, error, cut, _ = CASES[case]
    if error:
        return events_of(upstream, answer, error_after=FIRST_WORDS[upstream])
    events = events_of(upstream, answer)
    if cut:
        half_a_call = next(position for position, event in enumerate(events) if b'\\"path' in event)
        return events[: half_a_call + 1]
    return events


def transcript(client: Dialect, upstream: Dialect) -> str:
    parts = []
    for case, (*_, end) in CASES.items():
        sent = provider_sends(upstream, case)
        got = sent_on(translator(client, upstream), sent)
        assert read_stream(client, got).end == end
        parts.append(f"######## {case}\n#### {upstream} sends\n{b''.join(sent).decode()}")
        parts.append(f"#### a client of {client} gets\n{got.decode()}")
    return "".join(parts)


@pytest.mark.parametrize(("client", "upstream"), PAIRS, ids=pair_id)
def test_a_transcript_is_what_the_client_gets(client: Dialect, upstream: Dialect) -> None:
    path = GOLDEN / f"{pair_id(upstream)}-to-{pair_id(client)}.txt"
    made = transcript(client, upstream)
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made, encoding="utf-8")
    assert made == path.read_text(encoding="utf-8")
