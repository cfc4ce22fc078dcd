"""What a conversation says of the task in hand, in whatever dialect it is held."""

import json
from typing import Any

import pytest
from conversations import CHAT, FAILING, MESSAGES, PASSING, RESPONSES, STEPS, Talk, edit, read, run, step
from hypothesis import given, settings
from hypothesis import strategies as st

from tierrouter_core.names import Dialect
from tierrouter_core.routing.variables import VARIABLES
from tierrouter_core.signals.reading import NOT_BEGUN, Progress, read_on
from tierrouter_core.signals.state import Signals
from tierrouter_core.signals.tools import deed_of
from tierrouter_core.signals.variables import NAMES, variables_of
from tierrouter_core.wire.request import read_request

EVERY_DIALECT = pytest.mark.parametrize("dialect", Dialect, ids=lambda d: str(d))


def seen(talk: Talk) -> Signals:
    return read_on(talk.request()).signals


@EVERY_DIALECT
def test_files_calls_and_chain_are_counted_from_the_prompt_on(dialect: Dialect) -> None:
    talk = Talk(dialect).prompt("Fix it.").does(read("a.py"), read("./a.py")).does(edit("a.py"), edit("src/../b.py"))
    signals = seen(talk)
    assert (signals.files_read, signals.files_edited, signals.chain, signals.calls_in_task) == (1, 2, 4, 2)
    signals = seen(talk.says("Done.").prompt("Now the docs.").does(read("README.md")))
    assert (signals.files_read, signals.files_edited, signals.chain) == (1, 0, 1)
    assert (signals.calls_in_task, signals.calls) == (1, 4)


@EVERY_DIALECT
def test_tool_errors_are_counted_in_a_row(dialect: Dialect) -> None:
    talk = Talk(dialect).prompt("Fix it.").does(run("ls", "no such"), failed=True).does(run("ls"), failed=True)
    assert seen(talk).errors_in_a_row == 2
    assert seen(talk.does(run("ls"))).errors_in_a_row == 0
    talk.does(run("ls"), failed=True).says("No.").prompt("Try again.")
    assert seen(talk).errors_in_a_row == 0, "a new task begins without"


@EVERY_DIALECT
def test_failing_tests_are_counted_until_they_pass(dialect: Dialect) -> None:
    talk = Talk(dialect).prompt("Fix it.").does(FAILING).does(edit("a.py")).does(FAILING)
    assert seen(talk).failing_in_a_row == 2
    assert seen(talk.does(run("ls"))).failing_in_a_row == 2, "other commands say nothing of tests"
    assert seen(talk.does(PASSING)).failing_in_a_row == 0


@EVERY_DIALECT
@pytest.mark.parametrize(
    ("command", "output"),
    [("npx mocha", "adds: no"), ("pytest -q", "Command timed out after 2m"), ("go test ./...", "a.go:3: syntax error")],
)
def test_a_test_run_that_the_agent_marks_as_an_error_is_a_failing_one(
    dialect: Dialect, command: str, output: str
) -> None:
    talk = Talk(dialect).prompt("Fix it.").does(FAILING).does(run(command, output), failed=True)
    assert seen(talk).failing_in_a_row == 2


@EVERY_DIALECT
def test_a_command_that_only_names_a_runner_ends_no_row_of_failing_tests(dialect: Dialect) -> None:
    talk = Talk(dialect).prompt("Fix it.").does(FAILING).does(FAILING)
    talk.does(run("cat pytest.ini", "[pytest]")).does(run("pip install pytest", "Requirement already satisfied"))
    assert seen(talk).failing_in_a_row == 2


@EVERY_DIALECT
def test_a_file_that_holds_such_words_is_no_failing_test(dialect: Dialect) -> None:
    holds = ("Read", {"file_path": "log.txt"}, "Exit code: 1 of old\n1 failed\nTraceback (most recent call last)")
    signals = seen(Talk(dialect).prompt("Look.").does(holds))
    assert signals.failing_in_a_row == 0


@EVERY_DIALECT
def test_the_same_call_again_is_told_however_its_arguments_are_ordered(dialect: Dialect) -> None:
    talk = Talk(dialect).prompt("Go.")
    for args in ({"command": "ls", "timeout": 1}, {"timeout": 1, "command": "ls"}, {"command": "ls", "timeout": 1}):
        talk.does(("Bash", args, "ok"))
    assert seen(talk).repeated_calls == 3
    for number in range(8):
        talk.does(run(f"echo {number}"))
    assert seen(talk).repeated_calls == 0, "only the last eight calls count"


@EVERY_DIALECT
def test_edits_of_one_file_that_do_not_help_are_repeated(dialect: Dialect) -> None:
    talk = Talk(dialect).prompt("Fix it.")
    for number in range(3):
        talk.does(edit("a.py", str(number), str(number + 1))).does(run(f"pytest {number}", "1 failed"))
    assert seen(talk.does(edit("a.py", "3", "4"))).repeated_calls == 4


@EVERY_DIALECT
def test_an_edit_that_undoes_an_edit_is_told(dialect: Dialect) -> None:
    talk = Talk(dialect).prompt("Fix it.").does(edit("a.py", "x = 1", "x = 2")).does(edit("b.py", "x = 2", "x = 1"))
    assert seen(talk).undone == 0
    assert seen(talk.does(edit("a.py", "x = 2", "x = 1"))).undone == 1


@pytest.mark.parametrize(
    ("tool", "key", "done"), [("TodoWrite", "todos", "completed"), ("update_plan", "plan", "completed")]
)
@EVERY_DIALECT
def test_a_plan_counts_until_all_of_it_is_done(dialect: Dialect, tool: str, key: str, done: str) -> None:
    items = [{"content": str(n), "step": str(n), "status": "pending"} for n in range(5)]
    talk = Talk(dialect).prompt("Plan it.").does((tool, {key: items}, "ok"))
    assert seen(talk).planning_depth == 5
    talk.says("Go on?").prompt("Yes.")
    assert seen(talk).planning_depth == 5, "a plan outlives the prompt"
    talk.does((tool, {key: [{**item, "status": done} for item in items]}, "ok"))
    assert seen(talk).planning_depth == 0


def test_a_plan_of_tasks_that_come_one_by_one() -> None:
    talk = Talk(MESSAGES).prompt("Plan it.")
    talk.does(*(("TaskCreate", {"subject": str(n)}, f"Task #{n} created") for n in range(3)))
    assert seen(talk).planning_depth == 3
    talk.does(*(("TaskUpdate", {"taskId": str(n), "status": "completed"}, "ok") for n in range(3)))
    assert seen(talk).planning_depth == 0


@EVERY_DIALECT
@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("Rename flush to sync everywhere.", True),
        ("Please refactor the ledger", True),
        ("<system-reminder>refactor</system-reminder>Fix the typo.", False),
        ("Fix the typo.", False),
    ],
)
def test_refactoring_is_read_from_what_the_person_wrote(dialect: Dialect, text: str, means: bool) -> None:
    assert seen(Talk(dialect).prompt(text)).refactoring is means


def test_what_stands_beside_a_result_is_no_prompt_unless_the_user_stopped_the_loop() -> None:
    talk = Talk(MESSAGES).prompt("Go.").does(edit("a.py"))
    talk.entries[-1]["content"].append({"type": "text", "text": "Tool loaded."})
    assert seen(talk).files_edited == 1
    talk.entries[-1]["content"].append({"type": "text", "text": "[Request interrupted by user] Refactor it."})
    signals = seen(talk)
    assert (signals.files_edited, signals.refactoring) == (0, True)


PATCH = "*** Begin Patch\n*** Update File: a.py\n@@\n-x\n+y\n*** Add File: b/c.py\n+z\n*** Move to: d.py\n*** End Patch"


@pytest.mark.parametrize(
    ("tool", "given", "edited"),
    [
        ("apply_patch", PATCH, 3),
        ("apply_patch", {"input": PATCH}, 3),
        ("shell", {"command": ["bash", "-lc", f"apply_patch <<'EOF'\n{PATCH}\nEOF"]}, 3),
        ("exec", f"const r = await tools.apply_patch(`{PATCH}`)", 3),
        ("MultiEdit", {"file_path": "a.py", "edits": [{"old_string": "a", "new_string": "b"}] * 2}, 1),
        ("write", {"filePath": "a.py", "content": "x"}, 1),
        ("str_replace_based_edit_tool", {"command": "create", "path": "/a.py", "file_text": "x"}, 1),
        ("str_replace_based_edit_tool", {"command": "view", "path": "/a.py"}, 0),
        ("NotebookEdit", {"notebook_path": "a.ipynb", "new_source": "x"}, 1),
        ("mcp__files__edit", {"path": "a.py"}, 0),
    ],
)
def test_each_agents_tools_are_known(tool: str, given: Any, edited: int) -> None:
    assert len({edit.path for edit in deed_of(tool, given).edits}) == edited
    if isinstance(given, dict):
        assert deed_of(tool, json.dumps(given)) == deed_of(tool, given)


@given(
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
        max_leaves=8,
    ),
)
@settings(max_examples=200)
def test_whatever_a_model_writes_is_read(name: str, arguments: Any) -> None:
    deed_of(name, arguments)
    for known in ("edit", "todowrite", "bash", "apply_patch", "taskupdate", "str_replace_editor"):
        deed_of(known, arguments)
        deed_of(known, {"todos": arguments, "edits": arguments, "path": arguments, "command": arguments, "cmd": name})


# Each message is read once.

_STEPS = st.lists(st.sampled_from(STEPS), min_size=1, max_size=25)


@EVERY_DIALECT
@settings(max_examples=60, deadline=None)
@given(steps=_STEPS, asked=st.sets(st.integers(0, 25)))
def test_reading_on_gives_what_reading_the_whole_gives(dialect: Dialect, steps: list[str], asked: set[int]) -> None:
    talk, progress = Talk(dialect), NOT_BEGUN
    for place, name in enumerate(steps):
        step(talk, name)
        if place in asked:
            progress = read_on(talk.request(), progress)
    whole = read_on(talk.request())
    progress = read_on(talk.request(), progress)
    assert progress.signals == whole.signals
    assert read_on(talk.request(), progress) is progress, "the same request again changes nothing"


def test_cache_marks_reminders_and_dropped_thoughts_make_nothing_new() -> None:
    talk = Talk(MESSAGES).prompt("Go.").does(edit("a.py")).does(edit("b.py"))
    talk.entries[1]["content"].insert(0, {"type": "thinking", "thinking": "hm", "signature": "s"})
    known = read_on(talk.request())
    del talk.entries[1]["content"][0]
    talk.entries[0]["content"].insert(0, {"type": "text", "text": "<system-reminder>late</system-reminder>"})
    talk.entries[-1]["content"][-1]["cache_control"] = {"type": "ephemeral"}
    assert read_on(talk.request(), known) is known
    talk.entries.insert(2, {"role": "system", "content": "Be brief."})
    after = read_on(talk.does(edit("c.py")).request(), known).signals
    assert (after.files_edited, after.calls_in_task) == (3, 3)


def test_what_was_counted_survives_a_compaction() -> None:
    talk = Talk(MESSAGES).prompt("Go.").does(edit("a.py")).does(edit("b.py")).does(FAILING)
    known = read_on(talk.request())
    compacted = Talk(MESSAGES, calls=50).prompt("<system-reminder>Summary: a.py, b.py</system-reminder>")
    compacted.says("I go on.").does(edit("c.py"))
    after = read_on(compacted.request(), known).signals
    assert after.failing_in_a_row == 1
    assert after.files_edited >= 2
    more = read_on(compacted.does(edit("d.py")).request(), read_on(compacted.request(), known)).signals
    assert more.files_edited >= 3


def test_a_task_of_ten_thousand_steps_is_little_to_remember() -> None:
    talk, progress = Talk(MESSAGES).prompt("Go."), NOT_BEGUN
    for number in range(700):
        talk.does(edit(f"f{number}.py", str(number), str(number + 1)))
    progress = read_on(talk.request(), progress)
    packed = [progress.keys, progress.signals.edited, progress.signals.recent_edits]
    assert progress.signals.files_edited == 512
    assert sum(map(len, packed)) < 5000


def test_a_very_long_request_that_is_new_is_read_from_its_last_prompt_on() -> None:
    talk = Talk(CHAT).prompt("x" * 9_000_000).does(edit("a.py")).says("Done.").prompt("Rename it.")
    signals = seen(talk)
    assert (signals.calls, signals.refactoring) == (1, True)


def test_the_variables_count_the_call_that_is_about_to_be_made() -> None:
    values = variables_of(Signals())
    assert values["session.calls_in_task"] == values["session.calls"] == 1
    assert set(values) == NAMES
    assert set(VARIABLES) >= NAMES
    assert {type(values[name]) is type(VARIABLES[name].default) for name in NAMES} == {True}


def test_an_input_that_is_one_string_is_one_prompt() -> None:
    request = read_request(RESPONSES, b'{"model":"m","input":"Rename it everywhere."}')
    assert read_on(request) == Progress(Signals(refactoring=True), read_on(request).keys, 1)


@pytest.mark.parametrize("dialect", Dialect)
def test_where_the_agent_says_that_the_prompt_goes_on_the_counts_do_too(dialect: Dialect) -> None:
    talk = Talk(dialect)
    progress = read_on(talk.prompt("Go.").does(edit("a.py")).request())
    talk.prompt("Something that the agent has put in.")
    assert read_on(talk.request(), progress).signals.files_edited == 0, "it looks like a prompt"
    assert read_on(talk.request(), progress, begins=False).signals.files_edited == 1


@pytest.mark.parametrize("dialect", Dialect)
def test_where_the_agent_says_that_a_prompt_begins_the_counts_do_too(dialect: Dialect) -> None:
    talk = Talk(dialect)
    progress = read_on(talk.prompt("Go.").does(edit("a.py")).request())
    talk.says("Done.").prompt("<command-name>/review</command-name>")
    assert read_on(talk.request(), progress).signals.files_edited == 1
    begun = read_on(talk.request(), progress, begins=True)
    assert (begun.signals.files_edited, begun.signals.calls_in_task) == (0, 0)
    assert read_on(talk.request(), begun, begins=True) == begun, "and the same request counts once"
