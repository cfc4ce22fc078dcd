"""A folder that a harness left behind."""

import os

import pytest

from tierrouter_evaluation.errors import NoResultsError, ResultFilesError
from tierrouter_evaluation.formats.reading import ResultFormat, read_files, read_folder

LINE = '{"task_id": "%s", "resolved": %s}\n'
CASE = '<testsuite><testcase name="%s"/></testsuite>'


def names(found):
    return [task.task for task in found.tasks]


def test_all_files_of_the_format_are_read_wherever_they_stand(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "a.xml").write_text(CASE % "one")
    (tmp_path / "deep" / "er" / "TEST-b.XML").write_text(CASE % "two")
    (tmp_path / "log.txt").write_text("nothing")
    assert names(read_folder(tmp_path, ResultFormat.JUNIT)) == ["one", "two"]


def test_json_lines_say_all_that_is_known(tmp_path):
    row = '{"task_id": "a", "resolved": true, "cost_usd": "0.5", "calls": 3, "output_tokens": 9, "duration_s": 1.5}\n\n'
    (tmp_path / "r.jsonl").write_text(row + '{"task_id": "b", "resolved": null, "error": "no\\nnode"}')
    first, second = read_folder(tmp_path, ResultFormat.JSON_LINES).tasks
    assert (str(first.cost_usd), first.calls, first.output_tokens, first.duration_s) == ("0.5", 3, 9, 1.5)
    assert (second.outcome.value, second.error) == ("error", "no node")


def test_a_task_in_two_files_is_refused_and_both_are_named(tmp_path):
    (tmp_path / "a.jsonl").write_text(LINE % ("x", "true"))
    (tmp_path / "b.jsonl").write_text(LINE % ("x", "false"))
    with pytest.raises(ResultFilesError, match=r"task x stands in a\.jsonl and in b\.jsonl"):
        read_folder(tmp_path, ResultFormat.JSON_LINES)


def test_a_task_twice_in_one_file_is_refused(tmp_path):
    (tmp_path / "a.jsonl").write_text(LINE % ("x", "true") + LINE % ("x", "true"))
    with pytest.raises(ResultFilesError, match=r"task x stands twice in a\.jsonl"):
        read_folder(tmp_path, ResultFormat.JSON_LINES)


@pytest.mark.parametrize(
    ("files", "format_", "said"),
    [
        ({}, ResultFormat.JUNIT, "no file of format JUnit .* and nothing else either"),
        ({"r.json": "{}"}, ResultFormat.JUNIT, r"no file of format JUnit \(\.xml\) was written; there are: r\.json"),
        ({"r.xml": "<testsuite/>"}, ResultFormat.JUNIT, r"r\.xml: not a single task"),
        (
            {"r.xml": '<testsuite><testcase name="a"><skipped/></testcase></testsuite>'},
            ResultFormat.JUNIT,
            "not a single task in there .*1 skipped test was left out",
        ),
        ({"r.jsonl": "\n"}, ResultFormat.JSON_LINES, "not a single task"),
        ({"logs.json": "{}"}, ResultFormat.INSPECT_LOG, "no log of Inspect"),
    ],
)
def test_no_results_are_an_error_that_says_what_there_is(tmp_path, files, format_, said):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(NoResultsError, match=said):
        read_folder(tmp_path, format_)


def test_a_folder_or_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(NoResultsError, match="there is no such folder"):
        read_folder(tmp_path / "none", ResultFormat.JUNIT)
    with pytest.raises(NoResultsError, match="there is no such file"):
        read_files([tmp_path / "none.xml"], ResultFormat.JUNIT)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"task_id": "a", "resolved": true}\n{"task_id": "b", "reso', r"r\.jsonl:2: no JSON .* cut off there"),
        ('nothing\n{"task_id": "a", "resolved": true}\n', r"r\.jsonl:1: no JSON \([^;]*\)$"),
        ("[]\n", r"r\.jsonl:1: expected an object .* found list"),
        ('{"resolved": true}\n', r"r\.jsonl:1: task_id: expected a text"),
        ('{"task_id": "a"}\n', "resolved is missing"),
        ('{"task_id": "a", "resolved": true, "cost_usd": -1}', "expected dollars"),
    ],
)
def test_a_line_that_is_no_result_is_refused_with_its_place(tmp_path, text, said):
    (tmp_path / "r.jsonl").write_text(text)
    with pytest.raises(ResultFilesError, match=said):
        read_folder(tmp_path, ResultFormat.JSON_LINES)


def test_neither_links_nor_pipes_are_followed(tmp_path):
    secret = tmp_path / "secret.jsonl"
    secret.write_text(LINE % ("secret", "true"))
    results = tmp_path / "results"
    results.mkdir()
    (results / "link.jsonl").symlink_to(secret)
    os.mkfifo(results / "pipe.jsonl")
    with pytest.raises(NoResultsError):
        read_folder(results, ResultFormat.JSON_LINES)


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("tierrouter_evaluation.formats.reading._MIB", 1)
    (tmp_path / "r.jsonl").write_text(LINE % ("a", "true") * 10)
    with pytest.raises(ResultFilesError, match="larger than 64 MiB"):
        read_folder(tmp_path, ResultFormat.JSON_LINES)
