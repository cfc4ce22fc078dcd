"""Whose turn it is: what the agents say, and what is derived where they say nothing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.names import Dialect
from tierrouter_core.wire.identity import Identity, identify
from tierrouter_core.wire.request import read_request

MESSAGES, CHAT, RESPONSES = Dialect.MESSAGES, Dialect.CHAT, Dialect.RESPONSES
SALT = b"salt"


def identity(dialect: Dialect, headers: dict[str, str] | None = None, salt: bytes = SALT, **fields: Any) -> Identity:
    base: dict[str, Any] = {"model": "a", "input" if dialect is RESPONSES else "messages": []}
    return identify(read_request(dialect, json.dumps({**base, **fields}).encode()), headers or {}, salt)


def test_claude_code_says_it_in_headers() -> None:
    headers = {"x-claude-code-session-id": "S"}
    assert identity(MESSAGES, headers) == Identity("S")
    assert identity(MESSAGES, {**headers, "x-claude-code-agent-id": "A"}) == Identity("S", "A", "main")
    nested = {**headers, "x-claude-code-agent-id": "B", "x-claude-code-parent-agent-id": "A"}
    assert identity(MESSAGES, nested) == Identity("S", "B", "A")


@pytest.mark.parametrize(
    "user_id",
    [
        '{"device_id":"d","account_uuid":"u","session_id":"0a-1b"}',
        "user_0123abc_account__session_0a-1b",
        "user_0123abc_account_u-u-i-d_session_0a-1b",
    ],
)
def test_claude_code_says_it_in_the_user_id_too(user_id: str) -> None:
    assert identity(MESSAGES, metadata={"user_id": user_id}) == Identity("0a-1b")


@pytest.mark.parametrize("user_id", ["somebody", "{broken", "{}", '{"session_id": 5}', 5, None])
def test_other_user_ids_are_no_sessions(user_id: Any) -> None:
    assert identity(MESSAGES, metadata={"user_id": user_id}).derived


def test_an_unnamed_subagent_of_claude_code_is_told_by_its_first_prompt() -> None:
    def subagent(prompt: str, cch: str) -> Identity:
        system = [{"type": "text", "text": f"x-anthropic-billing-header: cch={cch}; cc_is_subagent=true"}]
        messages = [{"role": "user", "content": prompt}]
        return identity(MESSAGES, {"x-claude-code-session-id": "S"}, system=system, messages=messages)

    assert subagent("look", "1") == subagent("look", "2")
    assert subagent("look", "1").agent.startswith("subagent-")
    assert subagent("look", "1").parent_agent == "main"
    assert subagent("look", "1") != subagent("find", "1")


def test_codex_names_session_and_thread() -> None:
    assert identity(RESPONSES, {"session-id": "S", "thread-id": "S"}) == Identity("S")
    child = {"session-id": "S", "thread-id": "T", "x-codex-parent-thread-id": "S"}
    assert identity(RESPONSES, child) == Identity("S", "T", "main")
    grandchild = {"session-id": "S", "thread-id": "U", "x-codex-parent-thread-id": "T"}
    assert identity(RESPONSES, grandchild) == Identity("S", "U", "T")


def test_codex_says_it_in_the_body_too() -> None:
    assert identity(RESPONSES, client_metadata={"session_id": "S", "thread_id": "T"}) == Identity("S", "T", "main")
    assert identity(RESPONSES, prompt_cache_key="K") == Identity("K")
    assert identity(RESPONSES, {"session-id": "S"}, prompt_cache_key="K") == Identity("S")


def test_a_conversation_that_openai_keeps_is_a_session() -> None:
    assert identity(RESPONSES, conversation="conv_1") == Identity("conv_1")
    assert identity(RESPONSES, conversation={"id": "conv_1"}) == Identity("conv_1")


def test_opencodes_child_sessions_are_agents_of_their_parent() -> None:
    assert identity(CHAT, {"x-session-id": "ses_1", "x-session-affinity": "ses_1"}) == Identity("ses_1")
    child = {"x-session-id": "ses_2", "x-parent-session-id": "ses_1"}
    assert identity(CHAT, child) == Identity("ses_1", "ses_2", "main")


@pytest.mark.parametrize(
    "headers", [{"x-claude-code-session-id": "S"}, {"session-id": "S"}, {"x-session-id": "S"}, {}], ids=str
)
def test_an_explicit_session_wins_over_all_others(headers: dict[str, str]) -> None:
    assert identity(MESSAGES, {**headers, "x-tierrouter-session": "mine"}) == Identity("mine")


def test_an_explicit_session_keeps_the_agents_apart() -> None:
    headers = {"x-tierrouter-session": "mine", "session-id": "S", "thread-id": "T"}
    assert identity(RESPONSES, headers) == Identity("mine", "T", "main")


def started(dialect: Dialect, system: str, prompt: str) -> dict[str, Any]:
    entries = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
    return {"input" if dialect is RESPONSES else "messages": entries}


@pytest.mark.parametrize("dialect", list(Dialect))
def test_a_derived_session_stays_while_the_conversation_grows(dialect: Dialect) -> None:
    fields = started(dialect, "You are an agent.", "fix it")
    first = identity(dialect, **fields)
    key = next(iter(fields))
    fields[key] = [*fields[key], {"role": "assistant", "content": "done"}, {"role": "user", "content": "and that"}]
    assert first.derived
    assert first.session.startswith("derived-")
    assert identity(dialect, **fields, tools=[{"name": "new"}]) == first


def test_a_derived_session_differs_by_all_that_makes_a_session() -> None:
    ids = {
        identity(CHAT, **started(CHAT, "s", "p")).session,
        identity(RESPONSES, **started(RESPONSES, "s", "p")).session,
        identity(CHAT, **started(CHAT, "t", "p")).session,
        identity(CHAT, **started(CHAT, "s", "q")).session,
        identity(CHAT, **started(CHAT, "sp", "")).session,
        identity(CHAT, {"authorization": "Bearer k"}, **started(CHAT, "s", "p")).session,
        identity(CHAT, {"x-api-key": "other"}, **started(CHAT, "s", "p")).session,
        identity(CHAT, salt=b"other", **started(CHAT, "s", "p")).session,
    }
    assert len(ids) == 8


def test_what_changes_with_every_request_has_no_part_in_a_derived_session() -> None:
    def at(moment: str) -> Identity:
        system = [
            {"type": "text", "text": f"x-anthropic-billing-header: cch={moment}"},
            {"type": "text", "text": "Go."},
        ]
        blocks = [f"<system-reminder>{moment}</system-reminder>", "fix it"]
        content = [{"type": "text", "text": text} for text in blocks]
        return identity(MESSAGES, system=system, messages=[{"role": "user", "content": content}])

    assert at("1") == at("2")


def test_a_derived_session_shows_nothing_of_the_prompt_or_the_key() -> None:
    found = identity(CHAT, {"authorization": "Bearer secret"}, **started(CHAT, "system", "prompt"))
    assert len(found.session) == len("derived-") + 20
    assert set(found.session.removeprefix("derived-")) <= set("0123456789abcdef")


def test_long_ids_are_bounded_and_still_differ() -> None:
    one, two = (identity(CHAT, {"x-session-id": "s" * 200 + ending}).session for ending in "ab")
    assert len(one) == len(two) == 128
    assert one != two


@given(st.text(), st.text(), st.text())
def test_ids_are_always_printable_and_bounded(session: str, agent: str, parent: str) -> None:
    headers = {
        "x-claude-code-session-id": session,
        "x-claude-code-agent-id": agent,
        "x-claude-code-parent-agent-id": parent,
    }
    found = identity(MESSAGES, headers)
    for text in (found.session, found.agent, found.parent_agent):
        assert len(text) <= 128
        assert text.isprintable()
    assert found.session
    assert found.agent
    assert bool(found.parent_agent) == (found.agent != "main")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "user_id", "session_id", "thread_id", "text", "role", "content"]), inner
        )
    ),
    max_leaves=10,
)


@given(st.sampled_from(list(Dialect)), ANYTHING, ANYTHING, st.lists(ANYTHING, max_size=3))
def test_no_body_is_strange_enough_to_break_it(dialect: Dialect, one: Any, two: Any, entries: list[Any]) -> None:
    fields: dict[str, Any] = {"system": one, "instructions": one, "conversation": one}
    fields |= {"metadata": two, "client_metadata": two, "prompt_cache_key": two}
    fields["input" if dialect is RESPONSES else "messages"] = entries
    assert identity(dialect, **fields).session
