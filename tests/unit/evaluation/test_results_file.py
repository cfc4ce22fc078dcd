"""Results that are written as they come."""

import json

import pytest

from tierrouter_evaluation.errors import ResultFilesError
from tierrouter_evaluation.suites.results_file import ResultsFile


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_lines_are_added_one_by_one(tmp_path):
    path = tmp_path / "r.jsonl"
    with ResultsFile(path, resume=False, tasks=["a", "b"]) as file:
        assert path.read_text() == ""
        file.add({"task_id": "a", "resolved": True})
        assert lines(path) == [{"task_id": "a", "resolved": True}]
        file.add({"task_id": "b", "resolved": False})
    assert len(lines(path)) == 2


def test_results_that_are_there_are_never_written_over(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text('{"task_id": "a", "resolved": true}\n')
    with pytest.raises(ResultFilesError, match="holds results already; go on with them by --resume"):
        ResultsFile(path, resume=False, tasks=["a"])
    assert len(lines(path)) == 1


def test_errors_half_lines_and_tasks_that_are_gone_are_forgotten(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text(
        '{"task_id": "a", "resolved": true, "cost_usd": "0.5", "failure": "kept as it is"}\n'
        '{"task_id": "b", "resolved": null, "error": "no router"}\n'
        '{"task_id": "gone", "resolved": true}\n'
        '{"task_id": "c", "resolved": false}\n'
        '{"task_id": "d", "resol'
    )
    with ResultsFile(path, resume=True, tasks=["a", "b", "c", "d"]) as file:
        assert sorted(file.done) == ["a", "c"]
        assert str(file.done["a"].cost_usd) == "0.5"
        file.add({"task_id": "b", "resolved": True})
    assert [line["task_id"] for line in lines(path)] == ["a", "c", "b"]
    assert lines(path)[0]["failure"] == "kept as it is"


@pytest.mark.parametrize("text", ["something else\nentirely\n", "[1]\n", '{"a": 1}\n'])
def test_another_file_is_left_alone(tmp_path, text):
    path = tmp_path / "r.jsonl"
    path.write_text(text)
    with pytest.raises(ResultFilesError, match=r"r\.jsonl:1"):
        ResultsFile(path, resume=True, tasks=["a"])
    assert path.read_text() == text
