"""What is asked of a model, and what is taken from its answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_evaluation.suites.answers import blocks_of, files_from, prompt_of, result_from
from tierrouter_evaluation.suites.suite_file import Check, Task


def task(*answer_files: str, **files: str) -> Task:
    check = Check(python="assert True") if answer_files else Check(exact="x")
    return Task(id="t", prompt="Do it.", files=files, answer_files=answer_files, check=check)


@pytest.mark.parametrize(
    "answer",
    [
        "```python path=a.py\nx = 1\n```",
        "Sure!\n\n```python path=a.py\nx = 1\n```\nThat is all.",
        '```py title="a.py"\nx = 1\n```',
        "```python file: a.py\nx = 1\n```",
        "```python filename='./a.py'\nx = 1\n```",
        "```a.py\nx = 1\n```",
        "```python:a.py\nx = 1\n```",
        "```path=a.py\nx = 1\n```",
        "### `a.py`\n\n```python\nx = 1\n```",
        "**a.py**:\n```python\nx = 1\n```",
        "~~~python path=a.py\nx = 1\n~~~",
        "````python path=a.py\nx = 1\n````",
        "```python\nx = 1\n```",
        "First I thought of\n```python\nx = 0\n```\nbut:\n```python\nx = 1\n```",
        "```python path=a.py\nx = 0\n```\nNo, better:\n```python path=a.py\nx = 1\n```",
        "   ```python path=a.py\nx = 1\n   ```",
    ],
)
def test_a_file_is_found_however_a_model_writes_its_path(answer):
    assert files_from(answer, task("a.py")) == {"a.py": "x = 1\n"}


def test_of_several_files_each_needs_its_path():
    answer = (
        "```python path=a.py\n1\n```\n```python path=lib/b.py\n2\n```\n```python\n3\n```\n```text path=c.py\n4\n```"
    )
    assert files_from(answer, task("a.py", "lib/b.py")) == {"a.py": "1\n", "lib/b.py": "2\n"}
    assert files_from("```python\n3\n```", task("a.py", "b.py")) == {}


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "sitecustomize.py", "tests.py"])
def test_a_file_that_was_not_asked_for_is_not_taken(path):
    assert files_from(f"```python path={path}\nx\n```", task("a.py")) == {}


def test_a_block_that_is_cut_off_is_none():
    assert files_from("```python path=a.py\ndef f():\n    return", task("a.py")) == {}
    assert result_from("the answer is\n```\n4") == "the answer is\n```\n4"


def test_fences_inside_of_a_longer_fence_are_content():
    answer = "````markdown path=a.md\n```python\nx\n```\n````"
    assert files_from(answer, task("a.md")) == {"a.md": "```python\nx\n```\n"}


@pytest.mark.parametrize(
    ("answer", "result"),
    [("```\n28\n```", "28"), (" 28 \n", "28"), ("I try\n```\n7\n```\nno:\n```text\n28\n```\n", "28"), ("", "")],
)
def test_the_result_is_the_last_block_or_the_whole_answer(answer, result):
    assert result_from(answer) == result


def test_a_prompt_shows_files_in_fences_that_their_content_does_not_close():
    shown = prompt_of(task("a.md", **{"a.md": "```\nx\n```\n"}))
    assert "````markdown path=a.md\n```\nx\n```\n````" in shown


@given(st.text(max_size=300))
def test_any_answer_is_read_without_an_error(text):
    list(blocks_of(text))
    files_from(text, task("a.py"))
    result_from(text)


@given(st.text(st.characters(codec="utf-8", exclude_characters="`~", exclude_categories=("C", "Z")), max_size=60))
def test_what_is_shown_in_a_prompt_can_be_read_back(content):
    prompt = prompt_of(task("a.py", **{"a.py": content}))
    assert next(block.content for block in blocks_of(prompt)) == f"{content}\n"
