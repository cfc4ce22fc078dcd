"""``tierrouter regress check`` as its users run it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from tierrouter_cli.regress.check import check

APP = typer.Typer()
APP.command()(check)
ROUTER = """\
apiVersion: tierrouter.dev/v1alpha1
kind: TierRouter
metadata: {name: coding}
spec:
  tiers:
    - {name: routine, model: kimi, provider: vendor}
    - {name: deep, model: opus, provider: vendor, rank: 2}
  defaultTier: routine
  thresholds: [{name: file_count, value: 8, min: 6, max: 40, onRegression: -1, onPromotion: 1}]
  rules: [{name: wide, when: "task.file_count > thresholds.file_count", tier: deep}]
---
apiVersion: tierrouter.dev/v1alpha1
kind: ModelProvider
metadata: {name: vendor}
spec:
  baseURL: https://vendor.example/v1
  dialects: [OpenAIChat]
  models: [{name: kimi}, {name: opus}, {name: glm}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "coding.yaml").write_text(ROUTER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def results(name: str, resolved: int, total: int = 200, **more: object) -> str:
    rows = [json.dumps({"task_id": f"t{number}", "resolved": number < resolved, **more}) for number in range(total)]
    Path(name).write_text("\n".join(rows) + "\n")
    return name


def run(*words: str) -> Result:
    return CliRunner().invoke(APP, ["-f", "coding.yaml", *words])


def night(number: int, resolved: int) -> Result:
    name = results(f"night-{number}.jsonl", resolved, tier="routine", model="kimi")
    return run(name, "--state", "state.json", "--thresholds", "now.json", "--out", "now.json", "--run", f"n{number}")


def now() -> dict:
    return json.loads(Path("now.json").read_text())


def test_two_bad_nights_move_the_thresholds_once_and_good_ones_move_them_back(folder: Path) -> None:
    codes = [night(number, resolved).exit_code for number, resolved in enumerate([190, 180, 177, 178, 178])]
    assert codes == [0, 0, 4, 0, 0]
    assert now() == {"thresholds": {"file_count": 7}, "tiers": {"routine": "kimi", "deep": "opus"}}
    ran = [night(number, 200) for number in range(5, 8)]
    assert any("Recover: tier routine solved" in one.output for one in ran)
    assert now()["thresholds"] == {"file_count": 8}


def test_the_same_results_are_decided_once(folder: Path) -> None:
    name = results("bad.jsonl", 150)
    words = [name, "--tier", "routine", "--state", "state.json", "--thresholds", "now.json", "--out", "now.json"]
    assert run(*words).exit_code == 4
    again = run(*words)
    assert again.exit_code == 0
    assert "was decided before" in again.output
    assert now()["thresholds"] == {"file_count": 7}


def test_a_candidate_that_is_good_enough_becomes_the_tiers_model(folder: Path) -> None:
    for number in range(4):
        own = results("own.jsonl", 197, tier="routine", model="kimi", cost_usd=0.02)
        other = results("other.jsonl", 198, tier="routine", model="glm", candidate=True, cost_usd=0.01)
        ran = run(own, other, "--state", "s.json", "--out", "now.json", "--run", f"n{number}", "--format", "json")
        said = json.loads(ran.stdout)
        if said["action"] == "Promote":
            break
    assert ran.exit_code == 0
    assert said["tiers"]["routine"] == "glm"
    assert "(-50 %)" in said["reason"]
    assert now()["thresholds"] == {"file_count": 9}


def test_a_candidate_that_is_worse_is_rejected_with_exit_code_4_and_nothing_moves(folder: Path) -> None:
    own = results("own.jsonl", 199, tier="routine")
    other = results("other.jsonl", 150, tier="routine", model="glm")
    ran = run(own, other, "--out", "now.json")
    assert ran.exit_code == 4
    assert "Reject: glm solved 150 of 200" in ran.output.replace("\n", " ")
    assert now()["thresholds"] == {"file_count": 8}


def test_without_a_state_each_run_stands_for_itself(folder: Path) -> None:
    assert run(results("one.jsonl", 181), "--tier", "routine").exit_code == 0
    assert list(folder.glob(".*")) == []


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        ('{"task_id": "a", "resol', ["--tier", "deep"], "r.jsonl:1: no JSON"),
        ('{"task_id": "a", "resolved": true}', [], "r.jsonl:1: task a: tier is missing; write it, or say --tier"),
        ('{"task_id": "a", "resolved": true, "tier": "x"}', [], "the router has no tier x; it has routine, deep"),
        ('{"task_id": "a", "resolved": 7}', ["--tier", "deep"], "resolved: expected true, false or null, found 7"),
        ("", ["--tier", "deep"], "r.jsonl: no result in it"),
        ("\n\n", ["--tier", "deep"], "r.jsonl: no result in it"),
        ('{"task_id": "a", "resolved": true, "cost_usd": "9e999999"}', ["--tier", "deep"], "expected dollars from 0"),
        ("[]", ["--tier", "deep"], "r.jsonl:1: expected an object with task_id and resolved, found []"),
    ],
)
def test_results_that_can_not_be_read_are_exit_code_1_and_nothing_is_written(
    folder: Path, text: str, words: list[str], message: str
) -> None:
    Path("r.jsonl").write_text(text)
    ran = run("r.jsonl", "--state", "state.json", "--out", "now.json", *words)
    assert ran.exit_code == 1
    assert message in ran.output
    assert not Path("state.json").exists()
    assert not Path("now.json").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "now.json: not JSON"),
        ('{"thresholds": {"file_count": 99}}', "thresholds.file_count: expected a whole number from 6 to 40, found 99"),
        ('{"file_count": true}', "expected a whole number from 6 to 40, found True"),
        ('{"tiers": {"routine": 1}}', "tiers.routine: expected a model's name, found 1"),
        ('{"thresholds": []}', "thresholds and tiers have to be objects"),
    ],
)
def test_thresholds_that_can_not_be_are_exit_code_1(folder: Path, text: str, message: str) -> None:
    Path("now.json").write_text(text)
    ran = run(results("r.jsonl", 200), "--tier", "routine", "--thresholds", "now.json")
    assert ran.exit_code == 1
    assert message in ran.output


def test_plain_thresholds_as_the_article_has_them_are_read_too(folder: Path) -> None:
    Path("now.json").write_text('{"file_count": 6, "unknown": 3}')
    ran = run(results("r.jsonl", 100), "--tier", "routine", "--thresholds", "now.json")
    assert ran.exit_code == 4
    assert "no threshold moves, for file_count is at its least, 6." in ran.output.replace("\n", " ")
    assert "threshold unknown is passed over" in ran.output


def test_a_state_that_makes_no_sense_is_said_and_begun_anew(folder: Path) -> None:
    Path("state.json").write_text("[]")
    ran = run(results("r.jsonl", 200), "--tier", "routine", "--state", "state.json")
    assert ran.exit_code == 0
    assert "Earlier runs are forgotten" in ran.output.replace("\n", "")
    assert json.loads(Path("state.json").read_text())["runs"] == 1


@pytest.mark.parametrize("form", ["table", "json"])
@pytest.mark.parametrize("left", [("stdout",), ("stdout", "stderr")], ids="+".join)
def test_a_reader_that_leaves_early_takes_no_decision_away(folder: Path, form: str, left: tuple[str, ...]) -> None:
    results("bad.jsonl", 150)
    Path("now.json").write_text('{"thresholds": {"passed_over": 7}}')
    words = ["bad.jsonl", "--tier", "routine", "--state", "state.json", "--thresholds", "now.json", "--format", form]
    assert unread(["-m", "tierrouter_cli.main", "regress", "check", "-f", "coding.yaml", *words], left) == 4
    assert json.loads(Path("state.json").read_text())["runs"] == 1


def test_what_is_said_to_nobody_ends_nothing() -> None:
    program = "from tierrouter_cli.exits import say; say('one'); say('two'); raise SystemExit(4)"
    assert unread(["-c", program], ("stderr",)) == 4


def unread(arguments: list[str], streams: tuple[str, ...]) -> int:
    """The exit code of a process whose output nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    given = {name: writing if name in streams else subprocess.PIPE for name in ("stdout", "stderr")}
    ran = subprocess.run([sys.executable, *arguments], check=False, **given)
    os.close(writing)
    assert b"Traceback" not in (ran.stderr or b"")
    return ran.returncode


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["r.jsonl", "--format", "xml"],
        ["r.jsonl", "--tier-floor", "96"],
        ["r.jsonl", "--out", "r.jsonl"],
        ["r.jsonl", "--state", "there/is/none.json"],
        ["r.jsonl", "--state", "one.json", "--out", "one.json"],
        ["r.jsonl", "--state", "now.json", "--thresholds", "now.json"],
    ],
)
def test_options_that_make_no_sense_are_exit_code_2(folder: Path, words: list[str]) -> None:
    results("r.jsonl", 200, tier="routine")
    Path("now.json").write_text('{"file_count": 7}')
    assert run(*words).exit_code == 2
    assert now() == {"file_count": 7}
    assert json.loads(Path("r.jsonl").read_text().splitlines()[0])["task_id"] == "t0"


def test_a_file_that_is_not_there_is_exit_code_1(folder: Path) -> None:
    assert run("none.jsonl").exit_code == 1


def test_junit_xml_is_read_too(folder: Path) -> None:
    cases = "".join(f'<testcase name="t{number}"/>' for number in range(40))
    failed = "".join(f'<testcase name="f{number}"><failure/></testcase>' for number in range(40))
    Path("r.xml").write_text(f"<testsuite>{cases}{failed}</testsuite>")
    ran = run("--junit", "r.xml", "--tier", "routine")
    assert ran.exit_code == 4
    assert "40 of 80 tasks" in ran.output
