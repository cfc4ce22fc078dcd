"""What agents wrote down, as the calls that they made."""

import csv
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transcript_files import (
    CLAUDE_SESSION,
    CODEX_THREAD,
    OPENCODE_MESSAGES,
    OPENCODE_PARTS,
    TABLE_HEADER,
    TABLE_ROWS,
    claude_answer,
    claude_projects,
    claude_user,
    codex,
    codex_record,
    codex_said,
    codex_sessions,
    opencode_database,
    opencode_store,
    tool_result,
    tool_use,
    turn_table,
    write_lines,
)

from tierrouter_cli.transcripts.detect import read_inputs
from tierrouter_cli.transcripts.reading import TranscriptError
from tierrouter_core.names import Dialect, TurnKind
from tierrouter_core.replay.calls import ReplayCall

USER, LOOP = TurnKind.USER, TurnKind.TOOL_LOOP


def read(*paths: Path) -> list[ReplayCall]:
    found = read_inputs(paths)
    assert not found.broken.count, found.broken.first
    return found.calls


def of_agent(calls: list[ReplayCall], agent: str) -> list[ReplayCall]:
    return [call for call in calls if call.agent == agent]


def signals(call: ReplayCall) -> dict[str, object]:
    return {name: value for name, value in call.signals if value}


# Claude Code


def test_an_answer_of_claude_code_is_one_call_however_many_lines_it_has(tmp_path: Path) -> None:
    calls = of_agent(read(claude_projects(tmp_path)), "main")
    assert [call.output_tokens for call in calls] == [300, 200, 200, 200, 200]
    assert [call.turn for call in calls] == [0, 1, 2, 3, 4]
    first = calls[0]
    assert (first.input_tokens, first.cache_creation_tokens, first.cache_read_tokens) == (10, 500, 40_000)
    assert first.thinking and not calls[1].thinking


def test_prompts_and_tool_loops_of_claude_code_are_told_apart(tmp_path: Path) -> None:
    calls = of_agent(read(claude_projects(tmp_path)), "main")
    assert [(call.kind, call.prompt_idx) for call in calls] == [(USER, 0), (LOOP, 0), (LOOP, 0), (USER, 1), (LOOP, 1)]
    assert [call.t_rel_s for call in calls] == [0, 6, 10, 61, 64]


def test_a_subagent_of_claude_code_is_an_agent_of_its_own(tmp_path: Path) -> None:
    calls = of_agent(read(claude_projects(tmp_path)), "a77")
    assert [(call.session, call.kind, call.prompt_idx) for call in calls] == [
        ("5e551011", USER, 0),
        ("5e551011", LOOP, 0),
    ]
    assert {call.parent_agent for call in calls} == {"main"}


def test_a_sidechain_in_the_sessions_own_file_is_an_agent_of_its_own(tmp_path: Path) -> None:
    side = [
        claude_user(6, "Find it.", isSidechain=True, uuid="b1"),
        claude_answer(7, "msg_s1", isSidechain=True, uuid="b2", parentUuid="b1"),
        claude_user(8, "Find another.", isSidechain=True, uuid="c1"),
        claude_answer(9, "msg_s2", isSidechain=True, uuid="c2", parentUuid="c1"),
    ]
    calls = read(write_lines(tmp_path / "s.jsonl", [*CLAUDE_SESSION, *side]))
    assert len({call.agent for call in calls}) == 3
    assert all(call.turn == 0 for call in calls if call.agent != "main")


def test_what_a_conversation_tells_is_known_to_the_next_call(tmp_path: Path) -> None:
    calls = of_agent(read(claude_projects(tmp_path)), "main")
    assert signals(calls[0]) == {}
    assert signals(calls[1]) == {"task.files_read": 1, "task.tool_chain_length": 1}
    assert signals(calls[2]) == {
        "task.files_read": 1,
        "task.file_count": 1,
        "task.tool_chain_length": 2,
        "session.tool_errors_in_a_row": 1,
    }
    # A new prompt begins with nothing; a plan lasts.
    assert signals(calls[3]) == {}
    assert signals(calls[4]) == {"task.planning_depth": 2, "task.tool_chain_length": 1}


def test_a_prompt_after_an_interruption_is_a_prompt(tmp_path: Path) -> None:
    lines = [
        claude_user(0, "Go."),
        claude_answer(1, "m1", tool_use("Bash", command="sleep 9")),
        claude_user(2, tool_result(failed=True)),
        claude_user(3, [{"type": "text", "text": "[Request interrupted by user for tool use]"}]),
        claude_user(9, "No, the other way."),
        claude_answer(11, "m2"),
    ]
    calls = read(write_lines(tmp_path / "s.jsonl", lines))
    assert [call.kind for call in calls] == [USER, USER]


def test_text_that_claude_code_adds_by_itself_begins_no_prompt(tmp_path: Path) -> None:
    lines = [
        claude_user(0, "Go."),
        claude_answer(1, "m1"),
        claude_user(2, "<task-notification>the build is done</task-notification>"),
        claude_answer(3, "m2"),
    ]
    calls = read(write_lines(tmp_path / "s.jsonl", lines))
    assert [(call.kind, call.prompt_idx) for call in calls] == [(USER, 0), (TurnKind.AUTOMATIC, 0)]


def test_a_prompt_goes_on_from_the_summary_of_its_conversation(tmp_path: Path) -> None:
    lines = [
        claude_user(0, "Go."),
        claude_answer(1, "m1", tool_use("Bash", command="ls")),
        claude_user(2, tool_result()),
        claude_user(3, "This session is being continued from a previous conversation.", isCompactSummary=True),
        claude_answer(4, "m2", tool_use("Bash", command="ls")),
        claude_user(5, tool_result()),
        claude_answer(6, "m3"),
    ]
    calls = read(write_lines(tmp_path / "s.jsonl", lines))
    assert [(call.kind, call.prompt_idx, call.compacted) for call in calls] == [
        (USER, 0, False),
        (TurnKind.AUTOMATIC, 0, True),
        (LOOP, 0, False),
    ]


def test_an_answer_has_no_fewer_tokens_than_what_stands_there_takes(tmp_path: Path) -> None:
    text = {"type": "text", "text": "x" * 1_800}
    lines = [claude_user(0, "Go."), claude_answer(1, "m1", text, output=1), claude_answer(2, "m1", text, output=1)]
    (call,) = read(write_lines(tmp_path / "s.jsonl", lines))
    assert call.output_tokens == 1_000


def test_a_resumed_session_counts_the_history_that_it_repeats_once(tmp_path: Path) -> None:
    write_lines(tmp_path / "1.jsonl", CLAUDE_SESSION)
    again = [{**line, "sessionId": "0ther"} for line in CLAUDE_SESSION if isinstance(line, dict)]
    write_lines(
        tmp_path / "2.jsonl",
        [*again, claude_user(90, "More.", sessionId="0ther"), claude_answer(95, "m9", sessionId="0ther")],
    )
    calls = read(tmp_path)
    assert len(calls) == 6
    assert [call.session for call in calls].count("0ther") == 1
    assert calls[-1].kind is USER


def test_a_file_that_repeats_a_session_and_goes_on_counts_what_happened_once(tmp_path: Path) -> None:
    lines = [
        claude_user(0, "Go."),
        claude_answer(1, "m1", tool_use("Edit", file_path="/w/a.py")),
        claude_user(2, tool_result(failed=True)),
    ]
    write_lines(tmp_path / "1.jsonl", lines)
    write_lines(tmp_path / "2.jsonl", [*lines, claude_answer(3, "m2")])
    calls = read(tmp_path)
    assert [call.kind for call in calls] == [USER, LOOP]
    assert signals(calls[1]) == {
        "task.file_count": 1,
        "task.tool_chain_length": 1,
        "session.tool_errors_in_a_row": 1,
    }


# Codex


def test_a_token_count_that_codex_repeats_is_one_call(tmp_path: Path) -> None:
    calls = of_agent(read(codex_sessions(tmp_path)), "main")
    assert [call.context_tokens for call in calls] == [12_000, 13_000, 13_500, 14_500]
    assert [call.cache_read_tokens for call in calls] == [8_000, 12_000, 13_000, 13_000]
    assert [call.output_tokens for call in calls] == [300, 200, 100, 100]
    assert {call.session for call in calls} == {"0199-main"}
    assert {call.dialect for call in calls} == {Dialect.RESPONSES}


def test_prompts_tool_loops_and_models_of_codex_are_told_apart(tmp_path: Path) -> None:
    calls = of_agent(read(codex_sessions(tmp_path)), "main")
    assert [(call.kind, call.prompt_idx) for call in calls] == [(USER, 0), (LOOP, 0), (LOOP, 0), (USER, 1)]
    assert [call.model for call in calls] == ["gpt-5.5"] * 3 + ["gpt-5.5-mini"]
    assert [call.thinking for call in calls] == [True, False, False, False]


def test_a_call_of_codex_is_as_old_as_its_first_words_whenever_it_was_counted(tmp_path: Path) -> None:
    calls = of_agent(read(codex_sessions(tmp_path)), "main")
    assert [call.t_rel_s for call in calls] == [0, 10, 15, 99]


def test_codex_tells_failed_commands_and_patched_files(tmp_path: Path) -> None:
    calls = of_agent(read(codex_sessions(tmp_path)), "main")
    assert signals(calls[1]) == {"task.tool_chain_length": 1, "session.tool_errors_in_a_row": 1}
    assert signals(calls[2]) == {"task.tool_chain_length": 2, "task.file_count": 1}


def test_a_prompt_of_codex_goes_on_after_a_compaction(tmp_path: Path) -> None:
    lines = [
        codex(0, "session_meta", id="0199-main"),
        codex_said(1, "user", "Go."),
        codex_said(2, "assistant", "Yes."),
        codex_record(3, (90_000, 80_000, 10)),
        codex(4, "compacted", message="It was about names."),
        codex_said(5, "assistant", "Going on."),
        codex_record(6, (9_000, 0, 10)),
        codex_said(7, "user", "Thanks."),
        codex_said(8, "assistant", "Welcome."),
        codex_record(9, (9_500, 9_000, 10)),
    ]
    calls = read(write_lines(tmp_path / "rollout-2026-01-01T00-00-00-t.jsonl", lines))
    assert [(call.kind, call.compacted) for call in calls] == [
        (USER, False),
        (TurnKind.AUTOMATIC, True),
        (USER, False),
    ]


def test_a_forked_thread_of_codex_counts_nothing_that_its_parent_counted(tmp_path: Path) -> None:
    calls = of_agent(read(codex_sessions(tmp_path)), "0199-sub")
    assert [call.context_tokens for call in calls] == [20_000]
    assert (calls[0].session, calls[0].parent_agent, calls[0].kind) == ("0199-main", "main", USER)


# OpenCode


@pytest.mark.parametrize("write", [opencode_store, opencode_database])
def test_opencode_is_read_from_folders_and_from_its_database(tmp_path: Path, write) -> None:
    calls = of_agent(read(write(tmp_path)), "main")
    # The first answer took two steps.
    assert [call.context_tokens for call in calls] == [20_000, 21_000, 22_000, 24_000]
    assert [call.output_tokens for call in calls] == [100, 200, 100, 80]
    assert [(call.kind, call.prompt_idx) for call in calls] == [(USER, 0), (LOOP, 0), (LOOP, 0), (USER, 1)]
    assert signals(calls[2]) == {"task.file_count": 1, "task.tool_chain_length": 1}


@pytest.mark.parametrize("write", [opencode_store, opencode_database])
def test_a_session_that_opencode_started_from_another_is_its_subagent(tmp_path: Path, write) -> None:
    calls = of_agent(read(write(tmp_path)), "ses_child")
    assert [(call.session, call.parent_agent, call.context_tokens) for call in calls] == [("ses_main", "main", 9_000)]


def test_a_store_that_was_moved_into_the_database_counts_once(tmp_path: Path) -> None:
    storage = opencode_store(tmp_path)
    once = len(read(storage))
    opencode_database(storage.parent)
    assert len(read(tmp_path)) == once


# Turn tables


def test_a_turn_table_is_read_from_csv(tmp_path: Path) -> None:
    calls = read(turn_table(tmp_path))
    assert [(call.session, call.agent, call.kind) for call in calls] == [
        ("s1", "main", USER),
        ("s1", "main", LOOP),
        ("s1", "main", USER),
        ("s2", "main", USER),
        ("s2", "sub", USER),
    ]
    assert calls[1].context_tokens == 20_420


def test_a_session_that_goes_on_in_another_table_is_one_whichever_is_named_first(tmp_path: Path) -> None:
    whole = read(turn_table(tmp_path))
    for name, rows in (("1.csv", TABLE_ROWS[::2]), ("2.csv", TABLE_ROWS[1::2])):
        (tmp_path / name).write_text("\n".join((TABLE_HEADER, *rows)) + "\n")
    for order in (("1.csv", "2.csv"), ("2.csv", "1.csv")):
        assert read(*(tmp_path / name for name in order)) == whole


def test_a_turn_table_is_the_same_in_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet needs pyarrow: pip install 'tierrouter[analysis]'")
    from pyarrow import parquet

    path = turn_table(tmp_path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    whole = {"turn", "prompt_idx", "input_tokens", "cache_creation_tokens", "cache_read_tokens", "output_tokens"}
    columns = {
        name: [
            int(row[name]) if name in whole else float(row[name]) if name == "t_rel_s" else row[name] for row in rows
        ]
        for name in rows[0]
    }
    parquet.write_table(pyarrow.table({**columns, "tools": ["Read"] * len(rows)}), tmp_path / "turns.parquet")
    assert read(tmp_path / "turns.parquet") == read(path)
    loud = (tmp_path / "turns.parquet").rename(tmp_path / "TURNS.PARQUET")
    assert read(loud) == read(path)


def test_columns_named_like_variables_are_what_rules_see(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{TABLE_HEADER},session.tool_errors_in_a_row,task.sandboxed\n{TABLE_ROWS[0]},3,true\n")
    (call,) = read(path)
    assert call.signals == (("session.tool_errors_in_a_row", 3), ("task.sandboxed", True))


def test_rows_that_make_no_sense_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    bad = ["s1,,x,0,0,m,1,1,1,1", "s1,,0,0,nan,m,1,1,1,1", "s1,,0,0,0,m,-1,1,1,1", "s1,,0"]
    path.write_text("\n".join((TABLE_HEADER, *TABLE_ROWS, *bad)) + "\n")
    found = read_inputs([path])
    assert len(found.calls) == len(TABLE_ROWS)
    assert found.broken.count == 4
    assert found.broken.first.startswith(f"{path}: row 6: ")


# What is wrong, and said


def test_broken_lines_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "s.jsonl", [*CLAUDE_SESSION, "{not json", "[1]", "null"])
    found = read_inputs([path])
    assert len(found.calls) == 5
    assert found.broken.count == 3
    assert found.broken.first.startswith(f"{path}: line {len(CLAUDE_SESSION) + 1}: not JSON")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.csv", None, "no such file or folder"),
        ("t.csv", "a,b\n1,2\n", "not a turn table: it has no column session, agent"),
        ("t.parquet", "no Parquet", "not a Parquet file that can be read"),
        ("notes.txt", "hello", "neither a transcript of Claude Code"),
        ("empty.jsonl", "", "neither a transcript of Claude Code"),
        ("s.jsonl", '{"type": "user", "message": {"content": "Hi"}}\n', "no call with token counts found"),
        ("opencode.db", "no database", "no call with token counts found; 1 broken"),
    ],
)
def test_an_input_without_calls_is_an_error_of_one_line(
    tmp_path: Path, name: str, content: str | None, said: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(TranscriptError) as error:
        read_inputs([path])
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_without_transcripts_is_an_error_that_says_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("model,price\n")
    (tmp_path / "other.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(TranscriptError, match=r"~/\.claude/projects"):
        read_inputs([tmp_path])


def test_a_folder_may_hold_all_kinds(tmp_path: Path) -> None:
    claude_projects(tmp_path)
    codex_sessions(tmp_path)
    opencode_store(tmp_path)
    turn_table(tmp_path)
    found = read_inputs([tmp_path])
    assert found.sources == ("2 Claude Code transcripts", "2 Codex rollouts", "1 OpenCode store", "1 turn table")
    assert len({call.session for call in found.calls}) == 5


def test_a_file_in_a_folder_that_can_not_be_read_costs_no_more_than_itself(tmp_path: Path) -> None:
    claude_projects(tmp_path)
    (tmp_path / "other.parquet").write_text("some other program's")
    (tmp_path / "gone.jsonl").symlink_to(tmp_path / "nowhere.jsonl")
    found = read_inputs([tmp_path])
    assert found.sources == ("2 Claude Code transcripts",)
    assert found.broken.count == 2
    assert found.broken.first == f"{tmp_path / 'gone.jsonl'}: can't be read: No such file or directory"
    with pytest.raises(TranscriptError, match="not a Parquet file"):
        read_inputs([tmp_path, tmp_path / "other.parquet"])


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


def damaged(value: dict, data: st.DataObject) -> dict:
    """The object with something else in one place, at its top or one level below."""
    key = data.draw(st.sampled_from(sorted(value)))
    inner = value[key]
    if isinstance(inner, dict) and inner and data.draw(st.booleans()):
        return {**value, key: damaged(inner, data)}
    return {**value, key: data.draw(_json)}


def is_read_or_refused(path: Path) -> None:
    try:
        calls = read_inputs([path]).calls
    except TranscriptError:
        return
    assert all(call.context_tokens >= 0 and call.output_tokens >= 0 and call.t_rel_s >= 0 for call in calls)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), lines=st.sampled_from([CLAUDE_SESSION, CODEX_THREAD]))
def test_no_damage_to_a_transcript_is_more_than_a_message(tmp_path: Path, data: st.DataObject, lines: list) -> None:
    lines = list(lines)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        lines[at] = damaged(lines[at], data)
    is_read_or_refused(write_lines(tmp_path / "s.jsonl", lines))


@settings(max_examples=40)
@given(data=st.data())
def test_no_damage_to_a_store_is_more_than_a_message(data: st.DataObject) -> None:
    messages, parts = ({key: dict(of) for key, of in all_.items()} for all_ in (OPENCODE_MESSAGES, OPENCODE_PARTS))
    for objects in (messages, parts):
        of = objects[data.draw(st.sampled_from(sorted(objects)))]
        name = data.draw(st.sampled_from(sorted(of)))
        of[name] = damaged(of[name], data)
    with tempfile.TemporaryDirectory() as folder:
        is_read_or_refused(opencode_store(Path(folder), messages, parts))
