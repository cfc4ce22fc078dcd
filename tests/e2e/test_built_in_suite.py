"""The built-in suite in a cluster: the example as it is applied, and what its sandbox keeps answers from in such a pod."""

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml
from here import Here

from tierrouter_core.regression.results import CellResults, TaskOutcome
from tierrouter_core.regression.rows import unpacked
from tierrouter_evaluation.suites.answers import prompt_of
from tierrouter_evaluation.suites.suite_file import Suite, Task, suite_from

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "suite"
SOLUTIONS = ROOT / "tests" / "integration" / "suite_solutions"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
ROUTINE = "moonshotai/kimi-k2.6"
Obj = dict[str, Any]

WALLS = {
    "network": ("import socket; socket.create_connection(('127.0.0.1', 8383))", "PermissionError"),
    "datagrams": ("import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)", "PermissionError"),
    "local-sockets": ("import socket; socket.socket(socket.AF_UNIX)", "PermissionError"),
    "processes": ("import os; os.fork()", "PermissionError"),
    "programs": ("import os, sys; os.execv(sys.executable, ['python'])", "PermissionError"),
    "signals": ("import os; os.kill(os.getppid(), 0)", "PermissionError"),
    "looking-into-the-harness": ("import os; open(f'/proc/{os.getppid()}/environ').read()", "PermissionError"),
    "files-elsewhere": ("open('/tmp/elsewhere', 'w')", "PermissionError"),
    "its-own-results": ("open('/var/run/tierrouter/results/results.jsonl', 'a')", "PermissionError"),
    "modes": ("import os; open('a', 'w'); os.chmod('a', 0o777)", "PermissionError"),
    "memory": ("x = []\nwhile True: x.append(bytearray(10**7))", "MemoryError"),
    "large-files": ("open('big', 'wb').write(bytes(10**8))", "OSError"),
    "open-files": ("f = [open('a', 'w') for _ in range(1000)]", "OSError"),
    # Files may be read; but the harness' container has neither the account's token nor the providers' keys.
    "the-accounts-token": ("open('/var/run/secrets/kubernetes.io/serviceaccount/token')", "FileNotFoundError"),
    "the-providers-keys": ("import os; os.listdir('/etc/tierrouter/credentials')", "FileNotFoundError"),
}
"""An answer that tries, and the exception that it has to end in."""


def answer_of(files: dict[str, str]) -> str:
    """As a model writes it."""
    return "\n".join(f"```python path={path}\n{text}\n```\n" for path, text in files.items())


def solution(task: Task) -> str:
    folder = SOLUTIONS / task.id
    if not task.answer_files:
        return (folder / "answer.txt").read_text()
    return answer_of({path: (folder / path).read_text() for path in task.answer_files})


async def until_ended(here: Here, suite: str) -> Obj:
    """The suite's only run, once it has ended."""

    async def has_ended() -> Obj | None:
        runs = [
            run
            for run in (await here.api.get(f"{here.router.base}/regressionruns"))["items"]
            if run["spec"]["suite"] == suite
        ]
        ended = [run for run in runs if run.get("status", {}).get("phase") in ("Decided", "Failed")]
        return dict(ended[0]) if ended else None

    found: Obj = await here.api.until(has_ended, f"the run of {suite} has ended", 300)
    return found


def cells_of(run: Obj) -> dict[str, CellResults]:
    results = run["status"]["results"]
    assert not any(each.get("error") for each in results), results
    return {each["name"]: unpacked(base64.b64decode(each["rows"]))[0] for each in results}


async def harness_log(here: Here, run: Obj) -> str:
    """What the harness of each cell has said."""
    labels = f"tierrouter.dev/run={run['metadata']['name']}"
    return await here.kubectl("logs", "-l", labels, "-c", "suite", "--tail=-1")


@pytest.fixture
async def strict(here: Here) -> Here:
    """A namespace that takes pods of the profile `restricted` alone, with a router; the provider is there already."""
    await here.api.patch(f"/api/v1/namespaces/{here.namespace}", {"metadata": {"labels": RESTRICTED}})
    await here.start_router()
    return here


async def test_the_example_is_run_by_the_sidecars_own_image_in_a_restricted_namespace(strict: Here) -> None:
    here = strict
    suite = suite_from((EXAMPLE / "coding.yaml").read_text(), "coding.yaml")
    await here.know([(prompt_of(task), solution(task)) for task in suite.tasks])
    await here.behave({ROUTINE: {"wrongEvery": 5}})
    await here.kubectl("apply", "-k", str(EXAMPLE))
    said = await here.tierrouter("regress", "run", "--suite", "coding-suite", timeout_s=400)
    run = await until_ended(here, "coding-suite")
    assert run["status"]["phase"] == "Decided", run["status"]
    cells = cells_of(run)
    assert {name: (len(cell.counted), cell.resolved) for name, cell in cells.items()} == {
        "routine": (30, 24),
        "reasoning": (30, 30),
        "deep": (30, 30),
    }
    assert "cell routine: 24 of 30 tasks solved" in said
    # Thirty tasks of one night are few.
    assert "Nothing: no tier has slipped: tier routine 24 of 30 (80.0 %), under 95.0 % but not to be told" in said
    # What the sandbox of a pod lacks is said; it lacks nothing.
    assert "the sandbox on this machine" not in await harness_log(here, run)
    # The router has said what each task took, so that a policy can be tuned from this run.
    assert all(task.calls == 1 and task.cost_usd for cell in cells.values() for task in cell.tasks)
    tuned = await here.tierrouter(
        *("tune", "--from-runs", "--suite", "coding-suite", "--baseline", "gpt-5-5", "--dry-run")
    )
    assert "1 run" in tuned and "attempts of 30 tasks" in tuned


async def test_what_answers_try_is_kept_from_them_in_a_pod(strict: Here) -> None:
    here = strict
    suite, answers = walls()
    await here.know([(prompt_of(task), answers[task.id]) for task in suite.tasks])
    await here.api.create(f"{here.core}/configmaps", walls_config_map())
    example = yaml.safe_load((EXAMPLE / "nightly.yaml").read_text())
    pod = example["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    pod["volumes"][0]["configMap"]["name"] = "walls"
    example["metadata"]["name"] = "walls"
    example["spec"] |= {"tiers": ["reasoning"], "policy": {"minTasks": 1}}
    await here.api.create(f"{here.router.base}/regressionsuites", example)
    await here.tierrouter("regress", "run", "--suite", "walls", "--no-wait")
    run = await until_ended(here, "walls")
    outcomes = {task.task: task.outcome for task in cells_of(run)["reasoning"].tasks}
    log = await harness_log(here, run)
    held = {name for name, outcome in outcomes.items() if outcome is TaskOutcome.RESOLVED}
    assert held == {"threads-and-files", *WALLS}, log
    assert "endless: not solved" in log and "it took longer than 2 s" in log
    assert "the sandbox on this machine" not in log


def walls_config_map() -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "walls"},
        "data": {"coding.yaml": yaml.safe_dump(_walls_file())},
    }


def walls() -> tuple[Suite, dict[str, str]]:
    """A suite of which each task is solved where a wall holds, and the answers that try them."""
    answers = {name: answer_of({"attempt.py": attempt}) for name, (attempt, _) in WALLS.items()}
    answers["endless"] = answer_of({"attempt.py": "while True: pass"})
    answers["threads-and-files"] = answer_of({"attempt.py": _ALLOWED})
    return suite_from(yaml.safe_dump(_walls_file()), "walls.yaml"), answers


_ALLOWED = """\
import os, tempfile, threading
found = []
thread = threading.Thread(target=found.append, args=(1,))
thread.start()
thread.join()
assert found == [1]
open("note.txt", "w").write("x")
assert open("note.txt").read() == "x"
tempfile.mkstemp()
assert set(os.environ) <= {"HOME", "LANG", "LC_CTYPE", "PATH", "TMPDIR"}, sorted(os.environ)
"""
_CHECK = """\
def test_it_is_kept_from_it():
    try:
        import attempt
    except {wanted}:
        return
    raise AssertionError("nothing has kept it")
"""


def _walls_file() -> Obj:
    checks = {name: _CHECK.format(wanted=wanted) for name, (_, wanted) in WALLS.items()}
    checks |= {"endless": "import attempt", "threads-and-files": "import attempt"}
    tasks = [
        {
            "id": name,
            "prompt": f"The wall {name}.",
            "answerFiles": ["attempt.py"],
            "check": {"python": check, "timeout": "2s" if name == "endless" else "20s", "memoryMiB": 256},
        }
        for name, check in checks.items()
    ]
    return {"name": "walls", "tasks": tasks}
