"""The suite of examples/suite: each task can be solved, and nothing but a solution solves it."""

from pathlib import Path

import pytest

from tierrouter_evaluation.suites.answers import prompt_of
from tierrouter_evaluation.suites.checking import check_answer
from tierrouter_evaluation.suites.suite_file import Task, suite_from

FILE = Path(__file__).parents[2] / "examples" / "suite" / "coding.yaml"
SOLUTIONS = Path(__file__).parent / "suite_solutions"
SUITE = suite_from(FILE.read_text(), FILE.name)
TASKS = [pytest.param(task, id=task.id) for task in SUITE.tasks]


def answer_of(files: dict[str, str]) -> str:
    """As a model writes it."""
    return "Here it is.\n\n" + "\n".join(f"```python path={path}\n{text}\n```\n" for path, text in files.items())


def solution(task: Task) -> str:
    folder = SOLUTIONS / task.id
    if not task.answer_files:
        return (folder / "answer.txt").read_text()
    return answer_of({path: (folder / path).read_text() for path in task.answer_files})


def test_it_has_thirty_tasks_of_three_difficulties():
    assert len(SUITE.tasks) == 30
    assert {task.difficulty for task in SUITE.tasks} == {"easy", "medium", "hard"}


def test_every_task_has_a_solution_and_no_solution_is_left_over():
    assert sorted(path.name for path in SOLUTIONS.iterdir()) == sorted(task.id for task in SUITE.tasks)


@pytest.mark.parametrize("task", TASKS)
async def test_a_solution_passes(task):
    verdict = await check_answer(task, solution(task))
    assert verdict.has_passed, verdict.failure


@pytest.mark.parametrize("task", TASKS)
async def test_an_empty_answer_and_the_files_as_they_are_fail(task):
    assert not (await check_answer(task, "")).has_passed
    assert not (await check_answer(task, "I can't do that.")).has_passed
    given = {path: task.files.get(path, "") for path in task.answer_files}
    verdict = await check_answer(task, answer_of(given))
    assert not verdict.has_passed


@pytest.mark.parametrize("task", TASKS)
def test_a_prompt_says_what_is_expected_and_holds_no_test(task):
    prompt = prompt_of(task)
    assert all(path in prompt for path in (*task.files, *task.answer_files))
    assert "fenced code block" in prompt
    if task.check.python:
        assert "def test_" not in prompt
