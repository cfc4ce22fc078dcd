"""Instructions inside the conversation, on their way to models that take them and to models that don't."""

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompts import wanted_by

from tierrouter_core.names import Dialect
from tierrouter_core.wire.claude import ACCEPTED, takes_system_messages
from tierrouter_core.wire.edits import SYSTEM_MESSAGES, EditPlan, edit_request
from tierrouter_core.wire.messages.system_messages import without_system_messages
from tierrouter_core.wire.request import read_request
from tierrouter_core.wire.translate import Translated, translate_request

MIND = {"role": "system", "content": "mind the tests"}
MINDED = {"type": "text", "text": "mind the tests"}
ASKED = {"role": "user", "content": "go"}
SAID = {"role": "assistant", "content": "gone"}
CALLED = {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "ls", "input": {}}]}
RESULT = {"type": "tool_result", "tool_use_id": "c", "content": "a.py"}


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


@pytest.mark.parametrize(
    ("messages", "folded"),
    [
        ([ASKED, MIND], [{"role": "user", "content": [text("go"), MINDED]}]),
        ([ASKED, MIND, SAID, ASKED], [{"role": "user", "content": [text("go"), MINDED]}, SAID, ASKED]),
        (
            [ASKED, CALLED, {"role": "user", "content": [RESULT]}, MIND],
            [ASKED, CALLED, {"role": "user", "content": [{**RESULT, "content": [text("a.py"), MINDED]}]}],
        ),
        (
            [ASKED, CALLED, {"role": "user", "content": [RESULT, text("and?")]}, MIND],
            [ASKED, CALLED, {"role": "user", "content": [RESULT, text("and?"), MINDED]}],
        ),
        ([ASKED, SAID, MIND, ASKED], [ASKED, SAID, {"role": "user", "content": [MINDED, text("go")]}]),
        ([ASKED, SAID, MIND], [ASKED, SAID, {"role": "user", "content": [MINDED]}]),
        (
            [ASKED, CALLED, MIND, {"role": "user", "content": [RESULT, text("and?")]}],
            [ASKED, CALLED, {"role": "user", "content": [RESULT, MINDED, text("and?")]}],
        ),
        ([MIND, ASKED], [{"role": "user", "content": [MINDED, text("go")]}]),
        ([ASKED, {"role": "system", "content": []}], [{"role": "user", "content": [text("go")]}]),
    ],
)
def test_instructions_join_the_users_side_where_they_stand(messages: list[Any], folded: list[Any]) -> None:
    before = copy.deepcopy(messages)
    assert without_system_messages(messages) == folded
    assert messages == before, "the client's own objects stay what they are"


def test_a_conversation_without_any_is_left_alone() -> None:
    assert without_system_messages([ASKED, SAID]) is None


def test_a_system_message_that_holds_more_than_text_is_the_providers_to_refuse() -> None:
    tools = {"role": "system", "content": [{"type": "tool_addition", "tool": {}}]}
    assert without_system_messages([ASKED, tools]) is None


@given(st.lists(st.sampled_from([ASKED, SAID, MIND, {"role": "user", "content": [RESULT]}]), max_size=8))
def test_no_instruction_is_lost_and_none_stays(messages: list[Any]) -> None:
    got = without_system_messages(messages)
    if got is None:
        assert MIND not in messages
        return
    assert all(message["role"] != "system" for message in got)
    assert orjson.dumps(got).count(b"mind the tests") == messages.count(MIND)


def edited(model_id: str, messages: list[Any], **plan: Any) -> Any:
    request = read_request(
        Dialect.MESSAGES, orjson.dumps({"model": "claude-opus-5-5", "max_tokens": 9, "messages": messages})
    )
    return edit_request(request, EditPlan(model_id=model_id, tier_max_tokens=9, **plan))


def test_a_request_of_the_same_dialect_is_folded_only_for_a_model_that_refuses_them() -> None:
    refusing = edited("claude-opus-4-7", [ASKED, MIND], folds_system=True)
    assert SYSTEM_MESSAGES in refusing.edits
    assert orjson.loads(refusing.body)["messages"] == [{"role": "user", "content": [text("go"), MINDED]}]
    taking = edited("claude-opus-4-8", [ASKED, MIND])
    assert SYSTEM_MESSAGES not in taking.edits
    assert orjson.loads(taking.body)["messages"] == [ASKED, MIND]
    assert SYSTEM_MESSAGES not in edited("claude-opus-4-7", [ASKED], folds_system=True).edits


def test_seals_go_from_a_folded_conversation_too() -> None:
    sealed = {"type": "thinking", "thinking": "hm", "signature": "tr1.x.y"}
    answer = {"role": "assistant", "content": [sealed, text("gone")]}
    got = edited("claude-opus-4-7", [ASKED, MIND, answer, ASKED], folds_system=True)
    assert orjson.loads(got.body)["messages"] == [
        {"role": "user", "content": [text("go"), MINDED]},
        {"role": "assistant", "content": [text("gone")]},
        ASKED,
    ]


@pytest.mark.parametrize("family", ACCEPTED)
def test_every_claude_generation_is_known_to_take_or_to_refuse_them(family: str) -> None:
    model_id = "claude-" + family.replace(".", "-")
    assert takes_system_messages(model_id) is (
        family in {"opus-4.8", "opus-5.0", "opus-5.5", "sonnet-5.5", "haiku-5.5", "fable-5.0", "fable-5.1"}
    )


def test_nothing_is_assumed_of_models_that_are_not_known() -> None:
    assert takes_system_messages("moonshotai/kimi-k2.6") is None
    assert takes_system_messages("claude-opus-9-1") is None


def translated_roles(model_id: str, messages: list[Any]) -> list[str]:
    request = read_request(Dialect.CHAT, orjson.dumps({"model": "auto", "messages": messages}))
    wanted = wanted_by(Dialect.MESSAGES, mid_system=False)
    got = translate_request(request, Dialect.MESSAGES, type(wanted)(**{**fields(wanted), "model_id": model_id}))
    assert isinstance(got, Translated)
    return [message["role"] for message in orjson.loads(got.body)["messages"]]


def fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in type(value).__dataclass_fields__}


def test_translated_ones_stay_where_a_claude_model_takes_them_and_its_vendor_allows_it() -> None:
    assert translated_roles("claude-opus-4-8", [ASKED, MIND, SAID, ASKED]) == ["user", "system", "assistant", "user"]
    assert translated_roles("claude-opus-4-8", [ASKED, MIND]) == ["user", "system"]
    assert translated_roles("claude-opus-4-8", [ASKED, MIND, ASKED]) == ["user"], "not between two of the user's"
    assert translated_roles("claude-opus-4-8", [ASKED, SAID, MIND, ASKED]) == ["user", "assistant", "user"]
    assert translated_roles("claude-opus-4-7", [ASKED, MIND, SAID, ASKED]) == ["user", "assistant", "user"]
