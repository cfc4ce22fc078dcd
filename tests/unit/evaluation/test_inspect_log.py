"""Logs of Inspect: the files in inspect_logs were written by inspect-ai 0.3.285 for tasks and a model of ours."""

import io
import json
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from tierrouter_evaluation.errors import ResultFilesError
from tierrouter_evaluation.formats.inspect_log import newest_of_each, read
from tierrouter_evaluation.formats.zip_members import Members

FOLDER = Path(__file__).parent / "inspect_logs"
LETTERS = {
    "letters/right": "resolved",
    "letters/wrong": "unresolved",
    "letters/half": "unresolved",
    "letters/none": "unresolved",
    "letters/broken": "error",
}


def members(name: str) -> dict[str, bytes]:
    """What stands in a log, uncompressed."""
    found = Members(io.BytesIO((FOLDER / f"{name}.eval").read_bytes()), name)
    return {each: found.read(each) for each in found}


def zipped(content: dict[str, bytes]) -> bytes:
    """The same as a zip file that is compressed as older versions of Inspect did."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return file.getvalue()


def as_json(name: str) -> bytes:
    """The same as a .json log."""
    content = members(name)
    samples = [json.loads(data) for each, data in content.items() if each.startswith("samples/")]
    return json.dumps({**json.loads(content["header.json"]), "samples": samples}).encode()


def outcomes(data: bytes, source: str = "log.eval") -> dict[str, str]:
    return {task.task: task.outcome.value for task in read(data, source).found.tasks}


def test_letters_are_read_as_inspect_means_them_and_a_sample_that_failed_is_an_error():
    assert outcomes((FOLDER / "letters.eval").read_bytes()) == LETTERS


def test_calls_and_tokens_are_known():
    log = read((FOLDER / "letters.eval").read_bytes(), "log.eval")
    task = next(each for each in log.found.tasks if each.task == "letters/right")
    assert (task.calls, task.output_tokens, task.cost_usd) == (2, 40, None)
    assert task.duration_s > 0


def test_the_error_of_a_sample_is_told():
    log = read((FOLDER / "letters.eval").read_bytes(), "log.eval")
    assert "the sandbox is gone" in next(each.error for each in log.found.tasks if each.task == "letters/broken")


@pytest.mark.parametrize("name", ["letters", "share", "failed"])
def test_every_form_of_a_log_tells_the_same(name):
    packed = read((FOLDER / f"{name}.eval").read_bytes(), "log.eval").found
    content = members(name)
    deflated = read(zipped(content), "log.eval").found
    no_summaries = {each: data for each, data in content.items() if "summaries" not in each}
    by_samples = read(zipped(no_summaries), "log.eval").found
    text = read(as_json(name), "log.json").found
    for other in (deflated, by_samples, text):
        assert {each.task: (each.outcome, each.calls, each.output_tokens) for each in other.tasks} == {
            each.task: (each.outcome, each.calls, each.output_tokens) for each in packed.tasks
        }


def test_more_than_half_of_the_epochs_have_to_be_solved_in_full_and_their_usage_is_added_up():
    log = read((FOLDER / "share.eval").read_bytes(), "log.eval")
    assert {each.task: each.outcome.value for each in log.found.tasks} == {
        "share/1": "resolved",  # 1, 1, 1
        "share/2": "resolved",  # 0, 1, 1
        "share/3": "unresolved",  # 1, 0, 0.5
    }
    assert {(each.calls, each.output_tokens) for each in log.found.tasks} == {(6, 120)}
    assert "of 2 scorers the first one counts: share" in log.found.notes[0]


def test_samples_that_a_failed_log_does_not_have_are_errors_and_not_forgotten():
    log = read((FOLDER / "failed.eval").read_bytes(), "log.eval")
    found = {each.task: (each.outcome.value, each.error) for each in log.found.tasks}
    assert found["failed/right"] == ("resolved", "")
    assert found["failed/none"] == ("error", "not tried: the log ends as error")
    assert "2 samples are missing" in log.found.notes[0]


def test_of_a_harness_that_was_killed_the_journal_is_read():
    content = {name: data for name, data in members("letters").items() if name not in ("header.json", "summaries.json")}
    log = read(zipped(content), "log.eval")
    assert {each.task: each.outcome.value for each in log.found.tasks} == LETTERS
    assert "ends as started" in log.found.notes[0]


def test_a_later_try_of_the_same_task_takes_the_place_of_the_earlier():
    def log(created, value):
        whole = json.loads(as_json("letters"))
        whole["eval"]["created"] = created
        whole["samples"] = [{"id": 1, "epoch": 1, "scores": {"letters": {"value": value}}}]
        return read(json.dumps(whole).encode(), f"{created}.json")

    newest, notes = newest_of_each([log("2026-02-02", "C"), log("2026-01-01", "I")])
    assert [each.created for each in newest] == ["2026-02-02"]
    assert "2026-01-01.json: left out" in notes[0]


def sample_log(**sample) -> bytes:
    about = {"task": "t", "task_id": "x", "created": "2026", "scorers": [{"name": "s"}]}
    whole = {"version": 2, "status": "success", "eval": about, "samples": [{"id": "a", "epoch": 1, **sample}]}
    return json.dumps(whole).encode()


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        (1, "resolved"),
        (1.0, "resolved"),
        (True, "resolved"),
        ("1.0", "resolved"),
        ("yes", "resolved"),
        ("C", "resolved"),
        (0.99, "unresolved"),
        (False, "unresolved"),
        ("no", "unresolved"),
        (float("nan"), "error"),
    ],
)
def test_a_score_is_solved_in_full_or_not_at_all(value, outcome):
    assert outcomes(sample_log(scores={"s": {"value": value}}), "l.json") == {"t/a": outcome}


@pytest.mark.parametrize(
    "sample", [{}, {"scores": {}}, {"scores": {"s": {"value": "C"}}, "invalidation": {"author": "x"}}]
)
def test_without_a_score_or_declared_invalid_a_sample_says_nothing(sample):
    assert outcomes(sample_log(**sample), "l.json") == {"t/a": "error"}


def test_what_inspect_says_of_the_cost_is_taken():
    usage = {"m": {"output_tokens": 3, "total_cost": 0.25}, "n": {"output_tokens": 4, "total_cost": 0.5}}
    log = read(sample_log(scores={"s": {"value": "C"}}, model_usage=usage), "l.json")
    assert (str(log.found.tasks[0].cost_usd), log.found.tasks[0].output_tokens) == ("0.75", 7)


@pytest.mark.parametrize(
    ("data", "source", "said"),
    [
        (b"", "l.eval", "no .eval file"),
        (b"PK\x03\x04 half", "l.eval", "cut off"),
        ((FOLDER / "letters.eval").read_bytes()[:-200], "l.eval", "cut off"),
        (zipped({"a.txt": b"x"}), "l.eval", "has no header.json"),
        (zipped({"header.json": b"{}"}), "l.eval", "names no eval"),
        (as_json("letters")[:-100], "l.json", "cut off"),
        (sample_log(scores={"s": {"value": {"a": 1}}}), "l.json", "use another scorer"),
        (sample_log(scores={"s": {"value": "good"}}), "l.json", "'good' is none of C, I, P, N"),
        (sample_log(id=None), "l.json", "sample 1 has no id"),
        (sample_log(scores={"x": {"value": 1}, "y": {"value": 1}}), "l.json", "give the task one scorer"),
        (sample_log(model_usage={"m": {"output_tokens": -4}}), "l.json", "output_tokens: expected a whole number"),
    ],
)
def test_what_is_no_log_is_refused_with_its_reason(data, source, said):
    with pytest.raises(ResultFilesError, match=said):
        read(data, source)


def test_a_broken_byte_in_a_log_is_an_error_of_ours():
    data = bytearray((FOLDER / "letters.eval").read_bytes())
    for place in range(60, len(data) - 2000, 97):
        data[place] ^= 0xFF
    with pytest.raises(ResultFilesError):
        read(bytes(data), "l.eval")


def test_a_file_that_grows_beyond_measure_is_not_unpacked(monkeypatch):
    monkeypatch.setattr("tierrouter_evaluation.formats.zip_members.MAX_MEMBER_BYTES", 1000)
    with pytest.raises(ResultFilesError, match="larger than"):
        read(zipped({"header.json": b" " * 5000}), "l.eval")


def test_json_that_is_no_log_is_none():
    assert read(b'{"2026.eval": {}}', "logs.json") is None


STRANGE = {
    "version": 2,
    "status": "error",
    "eval": {
        "task": "letters",
        "task_id": "x",
        "created": "2026-11-29",
        "dataset": {"sample_ids": [1, 2, 3]},
        "scorers": [{"name": "first"}, {"name": "second"}],
    },
    "samples": [
        {
            "id": 1,
            "epoch": 1,
            "scores": {"first": {"value": "C"}, "second": {"value": 1}},
            "model_usage": {"kimi": {"output_tokens": 3, "total_cost": 0.1}},
            "working_time": 1.5,
            "events": [{"event": "model"}],
        },
        {"id": 1, "epoch": 2, "scores": {"first": {"value": "I"}}, "error": None, "turn_count": 3},
        {"id": "z", "error": {"message": "boom"}, "invalidation": None},
    ],
}
ANYTHING = [None, True, -1, 1e308, float("nan"), "", "x", [], [1], {}, {"a": 1}, 10**30]


def places(value, path=()):
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


@pytest.mark.parametrize("path", list(places(STRANGE)), ids=str)
def test_whatever_stands_at_any_place_of_a_log_it_is_read_or_refused_but_never_a_defect(path):
    for value in ANYTHING:
        log = json.loads(json.dumps(STRANGE))
        if path:
            inner = log
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = value
        else:
            log = value
        with suppress(ResultFilesError):
            read(json.dumps(log).encode(), "log.json")
