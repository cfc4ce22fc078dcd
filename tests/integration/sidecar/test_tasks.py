"""What a sidecar makes of conversations as they go on: signals, calls beside them, windows, restarts."""

import asyncio
import json

import pytest
from reliability import CHAT, GOOD, MESSAGES, PATHS, RESPONSES
from routers import router_text

from provider import Answer, Delivery, closed_port
from tierrouter_sidecar.session_file import keep_sessions, load_sessions, sessions_file
from tierrouter_sidecar.sessions import SessionStore
from tierrouter_sidecar.trials import Seats

STALLED = """
    - {name: stalled, when: "session.tool_errors_in_a_row >= 3", tier: reasoning, escalate: true}
"""
CLAUDE = {"user-agent": "claude-cli/2.1.330", "x-claude-code-session-id": "s-1"}


def with_rules(provider, rules: str, **changes: str) -> str:
    text = router_text(provider.base_url)
    for old, new in changes.items():
        text = text.replace(old.replace("_", " "), new)
    return text.replace("  rules:\n", f"  rules:{rules.rstrip()}\n")


def loop(dialect, calls: int, failed: bool = True):
    """A conversation of so many tool calls."""
    said = [{"role": "user", "content": "Go."}]
    for number in range(calls):
        id_, text = f"call_{number}", f"Exit code: {int(failed)}\nsaid {number}"
        if dialect is MESSAGES:
            call = {"type": "tool_use", "id": id_, "name": "Bash", "input": {"command": f"ls {number}"}}
            result = {"type": "tool_result", "tool_use_id": id_, "content": text, "is_error": failed}
            said += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
        elif dialect is CHAT:
            function = {"name": "bash", "arguments": json.dumps({"command": f"ls {number}"})}
            call = {"id": id_, "type": "function", "function": function}
            said += [
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": id_, "content": text},
            ]
        else:
            arguments = json.dumps({"command": ["ls", str(number)]})
            said += [
                {"type": "function_call", "call_id": id_, "name": "shell", "arguments": arguments},
                {"type": "function_call_output", "call_id": id_, "output": text},
            ]
    body = {"model": "auto", "input" if dialect is RESPONSES else "messages": said}
    return body | {"max_tokens": 100} if dialect is MESSAGES else body


@pytest.mark.parametrize("dialect", [CHAT, RESPONSES, MESSAGES])
async def test_a_loop_that_fails_is_moved_up_and_stays_there_and_one_that_does_not_is_not(start, provider, dialect):
    provider.always(GOOD)
    sidecar = await start(with_rules(provider, STALLED))
    for session, failed in (("bad", True), ("good", False)):
        tiers = []
        for calls in range(6):
            got = await sidecar.post(PATHS[dialect], loop(dialect, calls, failed), {"x-tierrouter-session": session})
            tiers.append(got.tier)
            if failed and calls == 3:
                assert got.reason.startswith("Escalation: stalled is true (session.tool_errors_in_a_row=3)")
        assert tiers == ["routine"] * 3 + ["reasoning" if failed else "routine"] * 3


async def test_a_slow_turn_takes_no_loop_back_from_where_a_later_one_has_moved_it(start, provider):
    """An agent that asks twice at once, or gives up and asks again: the later turn's tier is the loop's."""
    provider.always(GOOD)
    sidecar = await start(router_text(provider.base_url))
    session = {"x-tierrouter-session": "s"}
    assert (await sidecar.post(PATHS[CHAT], loop(CHAT, 0), session)).tier == "routine"
    provider.script(Answer(text="late", delivery=Delivery(first_delay_s=1.0)))
    slow = asyncio.create_task(sidecar.post(PATHS[CHAT], loop(CHAT, 1), session))
    await asyncio.sleep(0.3)
    up = await sidecar.post(PATHS[CHAT], loop(CHAT, 2), session | {"x-tierrouter-hint": "deep"})
    assert (await slow).tier == "routine"
    after = await sidecar.post(PATHS[CHAT], loop(CHAT, 3), session)
    assert (up.tier, after.tier) == ("deep", "deep")


async def test_the_same_request_again_counts_nothing_twice(start, provider):
    provider.always(GOOD)
    sidecar = await start(with_rules(provider, STALLED))
    for calls in (1, 2, 2, 2):
        got = await sidecar.post(PATHS[CHAT], loop(CHAT, calls), {"x-tierrouter-session": "s"})
        assert got.tier == "routine"


async def test_an_agent_that_knows_better_is_believed(start, provider):
    provider.always(GOOD)
    sidecar = await start(router_text(provider.base_url))
    headers = {"x-tierrouter-task": '{"file_count": 40}', "x-tierrouter-session": "s"}
    assert (await sidecar.post(PATHS[CHAT], loop(CHAT, 0), headers)).tier == "reasoning"


async def test_a_title_goes_to_the_cheapest_tier_and_moves_no_session(start, provider):
    provider.always(GOOD)
    sidecar = await start(router_text(provider.base_url))
    tool = {"name": "Bash", "input_schema": {"type": "object"}}
    asked = {"model": "claude-opus-4-7", "max_tokens": 100, "messages": [{"role": "user", "content": "Go."}]}
    turn = {**asked, "tools": [tool]}
    assert (await sidecar.post(PATHS[MESSAGES], turn, {**CLAUDE, "x-tierrouter-hint": "deep"})).tier == "deep"
    title = await sidecar.post(PATHS[MESSAGES], asked, {**CLAUDE, "x-tierrouter-hint": "deep"})
    assert (title.tier, title.reason.partition(":")[0]) == ("local", "Utility")
    turn["messages"] = loop(MESSAGES, 1)["messages"]
    assert (await sidecar.post(PATHS[MESSAGES], turn, CLAUDE)).tier == "deep", "the loop goes on where it was"
    kinds = {row.turn_id: row.turn_kind for row in await sidecar.rows(3)}
    assert sorted(kinds.values()) == ["tool_loop", "user", "utility"]


async def test_a_tier_whose_window_is_too_small_is_not_asked(start, provider):
    provider.always(GOOD)
    sidecar = await start(router_text(provider.base_url))
    long = {"model": "auto", "messages": [{"role": "user", "content": "one two three four " * 20_000}]}
    headers = {"x-tierrouter-task": '{"sandboxed": true}'}
    got = await sidecar.post(PATHS[CHAT], long, headers)
    assert (got.tier, got.reason.partition(":")[0]) == ("routine", "Overflow")
    assert "its window has 65536 tokens" in got.reason
    assert len(provider.requests) == 1
    longer = {"model": "auto", "messages": [{"role": "user", "content": "one two three four " * 400_000}]}
    assert (await sidecar.post(PATHS[CHAT], longer, headers)).status == 200, "too long for all: the provider says so"


async def test_a_rule_sees_what_the_session_has_cost(start, provider):
    provider.always(GOOD)
    rule = '\n    - {name: dear, when: "session.cost_usd_micros > 0", tier: local}'
    sidecar = await start(with_rules(provider, rule))
    tiers = [
        (await sidecar.post(PATHS[CHAT], loop(CHAT, 0), {"x-tierrouter-session": session})).tier
        for session in ("s", "s", "other")
    ]
    assert tiers == ["routine", "local", "routine"]


async def test_what_a_session_has_cost_is_known_after_a_restart(start, provider):
    provider.always(GOOD)
    rule = '\n    - {name: dear, when: "session.cost_usd_micros > 0", tier: local}'
    first = await start(with_rules(provider, rule), state="kept")
    assert (await first.post(PATHS[CHAT], loop(CHAT, 0), {"x-tierrouter-session": "s"})).tier == "routine"
    await first.stop()
    second = await start(with_rules(provider, rule), state="kept")
    assert (await second.post(PATHS[CHAT], loop(CHAT, 0), {"x-tierrouter-session": "s"})).tier == "local"


async def test_a_restart_moves_no_conversation(start, provider):
    provider.always(GOOD)
    text = router_text(provider.base_url)
    first = await start(text, state="kept")
    headers = {"x-tierrouter-session": "s", "x-tierrouter-hint": "deep"}
    assert (await first.post(PATHS[CHAT], loop(CHAT, 0), headers)).tier == "deep"
    store, file = first.running.turns.sessions, sessions_file(first.state_dir, 0)
    keeping = asyncio.create_task(keep_sessions(file, store, first.running.turns.seats))
    await asyncio.sleep(0)
    store.changes += 1
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert file.stat().st_mode & 0o777 == 0o600
    second = await start(text, state="kept")
    got = await second.post(PATHS[CHAT], loop(CHAT, 1), {"x-tierrouter-session": "s"})
    assert (got.tier, got.reason.partition(":")[0]) == ("deep", "ToolLoop")
    again = SessionStore()
    load_sessions(file, again, Seats())
    assert list(again.all()) == list(store.all())


async def test_routers_with_one_state_folder_keep_each_others_conversations(start, provider):
    provider.always(GOOD)
    text, own, other = router_text(provider.base_url), closed_port(), closed_port()
    first = await start(text, state="kept", port=own)
    headers = {"x-tierrouter-session": "s", "x-tierrouter-hint": "deep"}
    assert (await first.post(PATHS[CHAT], loop(CHAT, 0), headers)).tier == "deep"
    second = await start(text, state="kept", port=other)
    await first.stop()
    await second.post(PATHS[CHAT], loop(CHAT, 0), {"x-tierrouter-session": "another"})
    await second.stop()
    again = await start(text, state="kept", port=own)
    assert (await again.post(PATHS[CHAT], loop(CHAT, 1), {"x-tierrouter-session": "s"})).tier == "deep"


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"{",
        b"[]",
        b'{"form": 1}',
        b'{"form": 1, "sessions": [[1]]}',
        b'{"form": 1, "sessions": [], "spent": [["s", "x"]]}',
        b'{"form": 9}',
    ],
)
def test_sessions_that_can_not_be_read_are_left_out(tmp_path, broken, caplog):
    file = tmp_path / "sessions.json"
    file.write_bytes(broken)
    store = SessionStore()
    load_sessions(file, store, Seats())
    assert len(store) == 0
    assert not any(record.exc_info for record in caplog.records)


async def test_the_nesting_of_edited_code_is_known_to_the_turn_after(start, provider):
    provider.always(GOOD)
    rule = '\n    - {name: deep-code, when: "task.ast_depth >= 4", tier: deep, escalate: true}'
    sidecar = await start(with_rules(provider, rule))
    nested = "class A:\n    def f(self):\n        for x in y:\n            if x:\n                pass\n"
    said = [{"role": "user", "content": "Go."}]

    async def turn(task: str = "") -> str:
        body = {"model": "auto", "max_tokens": 100, "messages": said}
        headers = {"x-tierrouter-session": "s"} | ({"x-tierrouter-task": task} if task else {})
        return (await sidecar.post(PATHS[MESSAGES], body, headers)).tier

    def edits(number: int, path: str, code: str) -> None:
        given = {"file_path": path, "content": code}
        call = {"type": "tool_use", "id": f"c{number}", "name": "Write", "input": given}
        result = {"type": "tool_result", "tool_use_id": f"c{number}", "content": "ok"}
        said.extend([{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}])

    assert await turn() == "routine"
    edits(0, "a.py", nested)
    assert await turn() == "routine", "what came with this turn is looked at when it is over"
    edits(1, "notes.txt", "if")
    assert await turn('{"ast_depth": 0}') == "routine", "the agent knows better"
    assert await turn() == "deep"
    said.extend([{"role": "assistant", "content": "Done."}, {"role": "user", "content": "Now the docs."}])
    assert await turn() == "routine", "a new task begins without"


async def test_counting_tokens_says_nothing_of_the_task(start, provider):
    provider.always(GOOD)
    sidecar = await start(with_rules(provider, STALLED))
    headers = {"x-tierrouter-session": "s"}
    await sidecar.post(PATHS[MESSAGES], loop(MESSAGES, 2), headers)
    counted = {"model": "auto", "messages": [{"role": "user", "content": "A file's text."}]}
    await sidecar.post("/v1/messages/count_tokens", counted, headers)
    assert (await sidecar.post(PATHS[MESSAGES], loop(MESSAGES, 3), headers)).tier == "reasoning"


ROUTED = """
    - {name: begun, when: "turn.kind == 'user' && turn.agent == 'main'", tier: reasoning}
"""


def messages(*texts: str) -> dict:
    """A conversation in which the agent has called no tool, and the model has said yes to all but the last."""
    said = [{"role": "user", "content": texts[0]}]
    for text in texts[1:]:
        said += [{"role": "assistant", "content": "Yes."}, {"role": "user", "content": text}]
    return {"model": "auto", "max_tokens": 100, "messages": said, "tools": [TOOL]}


TOOL = {"name": "Read", "input_schema": {"type": "object"}}


async def test_where_claude_code_names_the_prompt_that_says_where_one_begins(start, provider):
    provider.always(GOOD)
    sidecar = await start(with_rules(provider, ROUTED))

    async def reason(prompt: str, *texts: str) -> str:
        headers = {**CLAUDE, "x-claude-code-request-class": "main", "x-claude-code-prompt-id": prompt}
        got = await sidecar.post(PATHS[MESSAGES], messages(*texts), headers)
        return got.headers["x-tierrouter-reason"].partition(":")[0]

    assert await reason("p-1", "Go.") == "Rule"
    assert await reason("p-1", "Go.", "A hook of the agent's own has something to say.") == "ToolLoop"
    assert await reason("p-2", "Go.", "A hook.", "<command-name>/review</command-name>") == "Rule"
    assert await reason("p-2", "Go.", "A hook.", "<command-name>/review</command-name>") == "ToolLoop", "tried again"
