"""``tierrouter tune --from-runs`` on files, as its users run it."""

import base64
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from test_tune_command import ROUTER
from typer.testing import CliRunner, Result

from synthetic_benchmark import world
from tierrouter_cli.commands import app
from tierrouter_core.regression.results import CellResults, TaskOutcome, TaskResult
from tierrouter_core.regression.rows import packed, row_of

WORLD = world(models=3, seed=3)
BASELINE = "m2"
NIGHTS = ("nightly-1", "nightly-2", "nightly-3")


def cells_of(seed: int, tasks: int = 60) -> list[CellResults]:
    """One night of all models: the same tasks, drawn anew."""
    drawn = WORLD.draw(tasks, seed=1)
    luck = np.random.default_rng(seed).random(drawn.resolved.shape) < 0.05
    return [
        CellResults(
            cell=model,
            tier="only",
            model=model,
            is_candidate=model != BASELINE,
            tasks=tuple(
                TaskResult(
                    task=task,
                    outcome=TaskOutcome.RESOLVED
                    if bool(drawn.resolved[row, column]) != bool(luck[row, column])
                    else TaskOutcome.UNRESOLVED,
                    cost_usd=Decimal(f"{drawn.cost_usd[row, column]:.6f}"),
                    calls=int(drawn.calls[row, column]),
                )
                for row, task in enumerate(drawn.tasks)
            ),
        )
        for column, model in enumerate(drawn.models)
    ]


def config_map(name: str, cells: list[CellResults], suite: str = "nightly") -> dict[str, Any]:
    labels = {"tierrouter.dev/run": name, "tierrouter.dev/suite": suite}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"{name}-tasks",
            "namespace": "agents",
            "labels": labels,
            "creationTimestamp": f"2026-02-0{name[-1]}T04:00:00Z",
        },
        "binaryData": {"tasks.jsonl.gz": base64.b64encode(packed(cells)).decode()},
    }


def run_object(name: str, phase: str, cells: list[CellResults], suite: str = "nightly") -> dict[str, Any]:
    """A RegressionRun whose rows stand in its status alone."""
    matrix = [
        {
            "name": cell.cell,
            "tier": cell.tier,
            "provider": "vendor",
            "model": cell.model,
            "candidate": cell.is_candidate,
        }
        for cell in cells
    ]
    results = [
        {
            "name": cell.cell,
            "tasks": len(cell.tasks),
            "resolved": cell.resolved,
            "rows": base64.b64encode(packed([cell])).decode(),
        }
        for cell in cells
    ]
    return {
        "apiVersion": "tierrouter.dev/v1alpha1",
        "kind": "RegressionRun",
        "metadata": {"name": name, "namespace": "agents", "creationTimestamp": "2026-02-01T03:00:00Z"},
        "spec": {"suite": suite, "revision": "coding-1", "matrix": matrix, "source": "Schedule"},
        "status": {"phase": phase, "completionTime": f"2026-02-0{name[-1]}T04:00:00Z", "results": results},
    }


def listed(*objects: dict[str, Any]) -> str:
    """As kubectl writes several."""
    return yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": list(objects)})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "coding.yaml").write_text(ROUTER)
    dumps = tmp_path / "dumps"
    dumps.mkdir()
    (dumps / "tasks.yaml").write_text(listed(*(config_map(name, cells_of(int(name[-1]))) for name in NIGHTS)))
    return tmp_path


def tuned(folder: Path, *more: object, floor: str = "0.8") -> Result:
    words = ["tune", "--from-runs", "--baseline", BASELINE, "--floor", floor, *more]
    return CliRunner().invoke(app, [str(word) for word in words])


def policy_in(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "policy.json").read_text()))


def test_runs_of_a_dump_become_a_policy_and_a_router(folder: Path) -> None:
    ran = tuned(folder, folder / "dumps", "--router", folder / "coding.yaml", "--out", folder / "policy.json")
    assert ran.exit_code == 0, ran.output
    assert policy_in(folder)["tasks"] == 60
    assert "3 runs, 2026-02-01 to 2026-02-03; attempts of 60 tasks: m0 180, m1 180, m2 180" in ran.stderr
    assert CliRunner().invoke(app, ["compile", "-f", str(folder / "policy.router.yaml")]).exit_code == 0


def test_a_dry_run_prints_the_router_file_alone(folder: Path) -> None:
    ran = tuned(folder, folder / "dumps", "--router", folder / "coding.yaml", "--dry-run")
    assert ran.exit_code == 0, ran.output
    kinds = [document["kind"] for document in yaml.safe_load_all(ran.stdout)]
    assert kinds == ["TierRouter", "ModelProvider"]
    assert "Proposed: " in ran.stderr
    assert not (folder / "policy.json").exists()


def test_rows_of_json_lines_say_the_same_as_the_objects_of_a_cluster(folder: Path) -> None:
    assert tuned(folder, folder / "dumps", "--out", folder / "policy.json").exit_code == 0
    from_objects = policy_in(folder)
    rows = folder / "rows"
    rows.mkdir()
    for name in NIGHTS:
        lines = [
            json.dumps({**row_of(task), "tier": cell.tier, "model": cell.model})
            for cell in cells_of(int(name[-1]))
            for task in cell.tasks
        ]
        (rows / f"{name}.jsonl").write_text("\n".join(lines))
    ran = tuned(folder, rows, "--out", folder / "policy.json")
    assert ran.exit_code == 0, ran.output
    assert policy_in(folder) == from_objects


def test_a_run_without_its_config_map_is_read_from_its_status(folder: Path) -> None:
    alone = folder / "runs.yaml"
    alone.write_text(listed(*(run_object(name, "Decided", cells_of(int(name[-1]))) for name in NIGHTS)))
    assert tuned(folder, folder / "dumps", "--out", folder / "policy.json").exit_code == 0
    with_config_maps = policy_in(folder)
    assert tuned(folder, alone, "--out", folder / "policy.json").exit_code == 0
    assert policy_in(folder) == with_config_maps
    # Both of them are one run and not two.
    ran = tuned(folder, alone, folder / "dumps", "--out", folder / "policy.json")
    assert "3 runs" in ran.stderr
    assert policy_in(folder) == with_config_maps


def test_a_run_that_has_not_ended_is_none_yet(folder: Path) -> None:
    (folder / "dumps" / "runs.yaml").write_text(
        listed(run_object("nightly-3", "Running", cells_of(3)), run_object("nightly-2", "Decided", cells_of(2)))
    )
    ran = tuned(folder, folder / "dumps", "--out", folder / "policy.json")
    assert "2 runs, 2026-02-01 to 2026-02-02" in ran.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [(["--last", "1"], "1 run, 2026-02-03"), (["--since", "2026-02-02"], "2 runs, 2026-02-02 to 2026-02-03")],
)
def test_the_newest_runs_can_be_meant_alone(folder: Path, more: list[str], said: str) -> None:
    ran = tuned(folder, folder / "dumps", "--out", folder / "policy.json", *more)
    assert ran.exit_code == 0, ran.output
    assert said in ran.stderr


def test_tier_names_are_enough_where_the_router_file_says_the_model(folder: Path) -> None:
    rows = folder / "night.jsonl"
    lines = []
    for cell in cells_of(1):
        named = {} if cell.model == BASELINE else {"model": cell.model}
        router_tier = {"tier": "only"}
        lines += [json.dumps({**row_of(task), **router_tier, **named}) for task in cell.tasks]
    rows.write_text("\n".join(lines))
    router = folder / "small.yaml"
    router.write_text(ROUTER.replace("model: m3,", f"model: {BASELINE},"))
    ran = tuned(folder, rows, "--out", folder / "policy.json")
    assert (ran.exit_code, "model is missing" in ran.stderr) == (1, True)
    ran = tuned(folder, rows, "--router", router, "--out", folder / "policy.json")
    assert ran.exit_code == 0, ran.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "is neither YAML nor JSON"),
        ("just words", "expected objects as kubectl get -o yaml writes them"),
        (listed(), "no run has ended with results"),
        (
            listed(config_map("nightly-1", cells_of(1)), config_map("weekly-2", cells_of(2), "weekly")),
            "runs of several suites: nightly, weekly; name one by --suite",
        ),
        (
            listed({**config_map("nightly-1", []), "binaryData": {"tasks.jsonl.gz": "AAAA"}}),
            "ConfigMap nightly-1-tasks: the rows of a run can't be read",
        ),
        (
            listed(config_map("nightly-1", [*cells_of(1)[:2], *cells_of(1, tasks=40)[2:]])),
            'rows are missing: "t40" with "m2"',
        ),
    ],
)
def test_what_is_wrong_is_one_line_and_writes_nothing(folder: Path, text: str, said: str) -> None:
    dump = folder / "other.yaml"
    dump.write_text(text)
    ran = tuned(folder, dump, "--out", folder / "policy.json")
    assert ran.exit_code == 1
    assert said in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
    assert not (folder / "policy.json").exists()


def test_tasks_and_models_can_be_left_out(folder: Path) -> None:
    dump = folder / "other.yaml"
    dump.write_text(listed(config_map("nightly-1", [*cells_of(1)[1:], *cells_of(1, tasks=40)[:1]])))
    ran = tuned(folder, dump, "--common-tasks", "--out", folder / "policy.json")
    assert "20 tasks left out, since not every model has been run on them" in ran.stderr
    assert policy_in(folder)["tasks"] == 40
    ran = tuned(folder, dump, "--leave-out", "m0", "--out", folder / "policy.json")
    assert ran.exit_code == 0, ran.output
    assert policy_in(folder)["tasks"] == 60


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from-runs"], "name the RegressionSuite by --suite"),
        (["--from-runs", "--results", "bench.csv", "-s", "nightly"], "not from both"),
        (["--from-runs", "dumps"], "say --out or --dry-run"),
        (["--from-runs", "dumps", "--dry-run", "-n", "agents"], "--namespace is for a cluster"),
        (["--from-runs", "-s", "nightly", "--router", "coding.yaml"], "--router is for files"),
        (["--from-runs", "-s", "nightly", "--plot", "plot.svg"], "say --out"),
        (["--from-runs", "-s", "nightly", "--since", "soon"], "is neither a span"),
        (["--results", "bench.csv"], "by --out"),
        (["--results", "bench.csv", "--out", "policy.json", "--last", "3"], "--last is for --from-runs"),
        (["--out", "policy.json"], "--results, or say --from-runs"),
    ],
)
def test_options_that_do_not_go_together_are_refused(words: list[str], said: str) -> None:
    ran = CliRunner().invoke(app, ["tune", "--baseline", BASELINE, *words], env={"COLUMNS": "200", "TERM": "dumb"})
    assert ran.exit_code == 2
    assert said in ran.stderr


def test_a_cluster_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    ran = CliRunner().invoke(
        app, ["tune", "--from-runs", "-s", "n", "--baseline", BASELINE, "--kubeconfig", str(tmp_path / "none")]
    )
    assert ran.exit_code == 3
    assert ran.stderr == f"tierrouter: there is no kubeconfig {tmp_path / 'none'}\n"
