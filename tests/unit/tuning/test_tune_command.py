"""``tierrouter tune`` as its users run it."""

import json
import sys
from pathlib import Path

import pytest
from tables import csv_of
from typer.testing import CliRunner, Result

from synthetic_benchmark import world
from tierrouter_cli.commands import app

WORLD = world(models=4, seed=3)
TABLE = csv_of(WORLD.draw(80, seed=1))
ROUTER = """\
apiVersion: tierrouter.dev/v1alpha1
kind: TierRouter
metadata: {name: coding}
spec:
  tiers: [{name: only, model: m3, provider: vendor}]
  defaultTier: only
  rules: [{name: wide, when: "task.file_count > 3", tier: only}]
---
apiVersion: tierrouter.dev/v1alpha1
kind: ModelProvider
metadata: {name: vendor}
spec:
  baseURL: https://vendor.example/v1
  dialects: [OpenAIChat]
  models:
    - {name: m0, priceUSDPerMTok: {input: "1", output: "1"}}
    - {name: m1, priceUSDPerMTok: {input: "1", output: "1"}}
    - {name: m2, priceUSDPerMTok: {input: "1", output: "1"}}
    - {name: m3, priceUSDPerMTok: {input: "1", output: "1"}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bench.csv").write_text(TABLE)
    (tmp_path / "coding.yaml").write_text(ROUTER)
    return tmp_path


def run(folder: Path, *more: str, baseline: str = "m3", floor: str = "0.9") -> Result:
    words = ["tune", "--results", folder / "bench.csv", "--baseline", baseline, "--floor", floor, *more]
    if "--out" not in more:
        words += ["--out", folder / "policy.json"]
    return CliRunner().invoke(app, [str(word) for word in words])


def test_it_writes_the_policy_and_beside_it_a_router_and_a_picture(folder):
    ran = run(folder)
    assert ran.exit_code == 0, ran.output
    policy = json.loads((folder / "policy.json").read_text())
    assert (policy["baseline_model"], policy["floor"], policy["seed"]) == ("m3", 0.9, 0)
    assert sum(entry["weight"] for entry in policy["mix"]) == pytest.approx(1)
    assert (folder / "policy.router.yaml").read_text().startswith("# Written by tierrouter tune.")
    assert (folder / "policy.svg").read_text().startswith("<svg ")
    assert "80 tasks, 4 models, relative to m3" in ran.stdout
    assert "Proposed: " in ran.stdout


@pytest.mark.parametrize("more", [(), ("--router", "coding.yaml")])
def test_the_written_router_compiles(folder, more):
    more = [str(folder / word) if word.endswith(".yaml") else word for word in more]
    assert run(folder, *more, "--router-out", str(folder / "tuned.yaml")).exit_code == 0
    ran = CliRunner().invoke(app, ["compile", "-f", str(folder / "tuned.yaml")])
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["router"] == ("coding" if more else "tuned")


def test_what_of_the_users_router_was_left_out_is_said(folder):
    ran = run(folder, "--router", str(folder / "coding.yaml"))
    assert "left out of the router, since the policy decides instead: spec.rules" in ran.stderr


def test_the_same_seed_writes_the_same_bytes(folder):
    first = run(folder, "--seed", "7")
    written = {path.name: path.read_bytes() for path in folder.iterdir()}
    again = run(folder, "--seed", "7")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == written
    assert again.stdout == first.stdout


def test_a_picture_for_a_browser_is_a_page(folder):
    assert run(folder, "--plot", str(folder / "frontier.html")).exit_code == 0
    page = (folder / "frontier.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "</svg>" in page


def test_a_floor_that_the_data_do_not_support_is_said_plainly_and_is_no_error(folder):
    ran = run(folder, floor="1.0")
    assert ran.exit_code == 0
    text = " ".join(ran.stdout.split())
    assert "These 80 tasks do not support a floor of 1" in text
    assert "Proposed: m3 alone." in text
    policy = json.loads((folder / "policy.json").read_text())
    assert policy["mix"] == [{"weight": 1.0, "stages": [{"model": "m3"}]}]
    assert policy["supported"] is False


@pytest.mark.parametrize("floor", ["0", "1.2", "-0.5", "nan"])
def test_a_floor_outside_of_0_to_1_is_a_mistake_in_the_options(folder, floor):
    ran = run(folder, floor=floor)
    assert ran.exit_code == 2
    assert ran.stderr.startswith("tierrouter tune: --floor: the floor is ")
    assert ran.stderr.count("\n") == 1


def test_what_is_wrong_in_the_results_is_one_line_and_status_1_and_nothing_is_written(folder):
    (folder / "bench.csv").write_text(TABLE.replace("t5,m2,", "t4,m2,"))
    ran = run(folder)
    assert ran.exit_code == 1
    assert 'task "t4" with model "m2" stands in line ' in ran.stderr
    assert ran.stderr.startswith(f"tierrouter: {folder}/bench.csv: line ")
    assert ran.stderr.count("\n") == 1
    assert not (folder / "policy.json").exists()


def test_a_baseline_that_the_results_lack_is_status_1(folder):
    ran = run(folder, baseline="gpt-9")
    assert ran.exit_code == 1
    assert 'no row has the baseline "gpt-9"' in ran.stderr


def test_a_model_that_the_router_does_not_know_is_status_1(folder):
    path = folder / "coding.yaml"
    path.write_text(path.read_text().replace("name: m1,", "name: other,"))
    ran = run(folder, "--router", str(path))
    assert ran.exit_code == 1
    assert '"m1" is unknown: no ModelProvider of' in ran.stderr


@pytest.mark.parametrize("option", ["--results", "--router"])
def test_a_file_that_is_not_there_is_named(folder, option):
    ran = run(folder, option, str(folder / "nowhere"))
    assert ran.exit_code == 1
    assert f"{folder}/nowhere: can't be read: No such file or directory" in ran.stderr


@pytest.mark.parametrize("option", ["--out", "--router-out", "--plot"])
def test_no_file_that_was_read_is_overwritten(folder, option):
    ran = run(folder, option, str(folder / "bench.csv"))
    assert ran.exit_code == 2
    assert "would be overwritten" in ran.stderr
    assert (folder / "bench.csv").read_text() == TABLE


@pytest.mark.parametrize("name", ["frontier.png", "frontier"])
def test_a_picture_of_a_kind_that_is_not_drawn_is_refused_before_the_work_is_done(folder, name):
    ran = run(folder, "--plot", str(folder / name))
    assert ran.exit_code == 2
    assert f"{name}: a plot is drawn as .svg or .html" in ran.stderr
    assert not (folder / "policy.json").exists()


def test_a_seed_is_of_a_size_that_the_policy_can_name(folder):
    assert run(folder, "--seed", str(2**32)).exit_code == 0
    assert json.loads((folder / "policy.json").read_text())["seed"] == 2**32
    assert run(folder, "--seed", "9" * 23).exit_code == 2


def test_two_outputs_are_not_written_to_one_file(folder):
    ran = run(folder, "--plot", str(folder / "policy.json"))
    assert ran.exit_code == 2
    assert "is named twice" in ran.stderr


def test_a_folder_that_is_not_there_is_said_before_the_work_is_done(folder):
    ran = run(folder, "--plot", str(folder / "nowhere" / "plot.svg"))
    assert ran.exit_code == 2
    assert f"there is no folder {folder}/nowhere for the plot" in ran.stderr
    assert not (folder / "policy.json").exists()


def test_without_numpy_it_says_what_to_install(folder, monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("tierrouter_cli.tuning", "tierrouter_core.tuning"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numpy", None)
    ran = run(folder)
    assert ran.exit_code == 3
    assert "this needs numpy, which is not installed; run: pip install 'tierrouter[analysis]'" in ran.stderr
