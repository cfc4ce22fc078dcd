"""The collector of results against a real API server: what it writes, once, beside others that write."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer
from crd_install import install_crds

from control_plane import Api, Cluster
from control_plane.api import APPLY
from crd_case import BASES, merged
from tierrouter_core.regression.rows import unpacked

ROOT = Path(__file__).resolve().parents[2]
RUNS = "/apis/tierrouter.dev/v1alpha1/namespaces/{}/regressionruns"
RIGHTS = [{"apiGroups": ["tierrouter.dev"], "resources": ["regressionruns/status"], "verbs": ["get", "patch"]}]
POD_RIGHTS = [*RIGHTS, {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
JUNIT = '<testsuite><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>'


@pytest.fixture(autouse=True)
async def run(api: Api, namespace: str) -> str:
    await install_crds(api)
    await api.create(RUNS.format(namespace), merged(BASES["run"], {"metadata": {"name": "nightly-1"}}))
    return "nightly-1"


@pytest.fixture
def collecting(cluster: Cluster, namespace: str, tmp_path: Path, make_user):
    """``await collecting("routine", {"r.xml": ...})``: a collector whose harness has written this and ended."""
    number = 0

    async def start(
        cell: str,
        files: dict[str, str],
        *,
        format_: str = "JUnit",
        rights: list[dict[str, Any]] = RIGHTS,
        pod: str = "",
        grace: str = "20",
        admin_url: str = "http://127.0.0.1:9",
    ) -> tuple[int, str]:
        nonlocal number
        number += 1
        mine = number
        user = await make_user(f"results-{mine}", rights)
        folder, account = tmp_path / f"results-{mine}", tmp_path / f"account-{mine}"
        folder.mkdir()
        account.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        document = yaml.safe_load(cluster.kubeconfig.read_text())
        server = document["clusters"][0]["cluster"]
        (account / "token").write_text(user.token)
        data, file = server.get("certificate-authority-data"), server.get("certificate-authority")
        (account / "ca.crt").write_bytes(b64decode(data) if data else (cluster.kubeconfig.parent / file).read_bytes())
        words = ["--run", "nightly-1", "--namespace", namespace, "--cell", cell, "--format", format_]
        words += ["--dir", str(folder), "--api-server", server["server"], "--account-dir", str(account)]
        words += ["--pod", pod, "--grace", grace, "--admin-url", admin_url]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tierrouter_cli.main", "regress", "collect", *words,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(os.environ), start_new_session=True,
        )  # fmt: skip
        # It has to have its handler in place, as a kubelet's sidecar has by the time that its harness ends.
        async with asyncio.timeout(60):
            assert process.stderr is not None
            first = (await process.stderr.readline()).decode()
            assert "waiting" in first, first
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            _, said = await process.communicate()
        assert "Traceback" not in said.decode(), said.decode()
        assert process.returncode is not None
        return process.returncode, said.decode()

    return start


async def results(api: Api, namespace: str) -> dict[str, dict[str, Any]]:
    found = await api.get(RUNS.format(namespace) + "/nightly-1")
    return {each["name"]: each for each in found.get("status", {}).get("results", ())}


async def test_a_cells_results_stand_in_the_runs_status(api, namespace, collecting):
    code, said = await collecting("routine", {"r.xml": JUNIT})
    assert code == 0, said
    entry = (await results(api, namespace))["routine"]
    assert (entry["tasks"], entry["resolved"]) == (2, 1)
    (cell,) = unpacked(b64decode(entry["rows"]))
    assert (cell.cell, cell.tier, cell.model, cell.is_candidate) == ("routine", "routine", "small", False)
    assert [(task.task, task.outcome.value) for task in cell.tasks] == [("a", "resolved"), ("b", "unresolved")]
    assert "1 of 2 tasks solved" in said


async def test_what_the_router_says_of_sessions_fills_in_what_the_harness_does_not_know(api, namespace, collecting):
    async def sessions(_: web.Request) -> web.Response:
        return web.json_response({"a": {"calls": 3, "costUsd": 0.25, "outputTokens": 70, "durationS": 1.5}})

    app = web.Application()
    app.router.add_get("/sessions", sessions)
    async with TestServer(app) as router:
        code, said = await collecting("routine", {"r.xml": JUNIT}, admin_url=str(router.make_url("")).rstrip("/"))
    assert code == 0, said
    entry = (await results(api, namespace))["routine"]
    assert (entry["costUSD"], entry["calls"], entry["outputTokens"], entry["durationMs"]) == ("0.250000", 3, 70, 1500)


async def test_two_cells_that_are_written_at_once_leave_each_other_and_the_operators_fields(api, namespace, collecting):
    body = {**BASES["run"], "metadata": {"name": "nightly-1"}, "status": {"phase": "Running"}}
    await api.request(
        "PATCH",
        RUNS.format(namespace) + "/nightly-1/status",
        {key: value for key, value in body.items() if key != "spec"},
        query={"fieldManager": "tierrouter-operator", "force": "true"},
        content_type=APPLY,
    )
    done = await asyncio.gather(
        *(collecting(cell, {"r.xml": JUNIT}) for cell in ("routine", "routine-tiny") for _ in range(2))
    )
    assert {code for code, _ in done} == {0}, done
    assert sorted(await results(api, namespace)) == ["routine", "routine-tiny"]
    status = (await api.get(RUNS.format(namespace) + "/nightly-1"))["status"]
    assert status["phase"] == "Running"


async def test_what_is_written_never_changes(api, namespace, collecting):
    await collecting("routine", {"r.xml": JUNIT})
    before = await results(api, namespace)
    code, said = await collecting("routine", {"r.xml": '<testsuite><testcase name="a"/></testsuite>'})
    assert code == 0
    assert "has results of cell routine already" in said
    assert await results(api, namespace) == before


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "no file of format JUnit"),
        ({"r.xml": JUNIT[:40]}, "cut off"),
        ({"r.xml": "<testsuite/>"}, "not a single task"),
    ],
)
async def test_a_cell_without_results_says_why(api, namespace, collecting, files, said):
    code, log = await collecting("routine", files)
    assert code == 0, log
    entry = (await results(api, namespace))["routine"]
    assert (entry["tasks"], entry["resolved"]) == (0, 0)
    assert said in entry["error"]
    assert not entry.get("rows")


async def test_rows_that_do_not_fit_are_an_error_and_not_a_loss_without_a_word(api, namespace, collecting):
    # Ids that can't be compressed.
    text = "".join(json.dumps({"task_id": os.urandom(40).hex(), "resolved": True}) + "\n" for _ in range(9000))
    code, log = await collecting("routine", {"r.jsonl": text}, format_="JSONLines")
    assert code == 0, log
    assert "too many for one cell" in (await results(api, namespace))["routine"]["error"]


async def test_a_cell_that_the_run_does_not_have_is_refused(namespace, collecting):
    code, said = await collecting("other", {"r.xml": JUNIT})
    assert code == 3
    assert "has no cell other; it has: routine, routine-tiny" in said


async def test_without_its_rights_it_says_which_are_missing(api, namespace, collecting):
    code, said = await collecting("routine", {"r.xml": JUNIT}, rights=[])
    assert code == 3
    assert 'cannot get resource "regressionruns/status"' in said
    assert await results(api, namespace) == {}


def harness_pod(**metadata: Any) -> dict[str, Any]:
    container = {"name": "harness", "image": "harness"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "harness-1", **metadata},
        "spec": {"containers": [container]},
    }


async def test_a_pod_that_is_taken_away_leaves_its_cell_to_the_next(api, namespace, collecting):
    path = f"/api/v1/namespaces/{namespace}/pods"
    await api.create(path, harness_pod(finalizers=["tierrouter.dev/test"]))
    await api.delete(f"{path}/harness-1")
    code, said = await collecting("routine", {"r.xml": JUNIT}, rights=POD_RIGHTS, pod="harness-1")
    assert code == 3
    assert "nothing is written: the pod was deleted while the harness ran" in said
    assert await results(api, namespace) == {}
    await api.request(
        "PATCH", f"{path}/harness-1", {"metadata": {"finalizers": None}}, content_type="application/merge-patch+json"
    )


async def test_without_results_the_harness_exit_code_is_told(api, namespace, collecting):
    path = f"/api/v1/namespaces/{namespace}/pods"
    await api.create(path, harness_pod())
    ended = {"terminated": {"exitCode": 2, "reason": "Error"}}
    status = {"name": "harness", "image": "harness", "imageID": "", "ready": False, "restartCount": 0, "state": ended}
    await api.request(
        "PATCH",
        f"{path}/harness-1/status",
        {"status": {"containerStatuses": [status]}},
        content_type="application/merge-patch+json",
    )
    code, _ = await collecting("routine", {}, rights=POD_RIGHTS, pod="harness-1")
    assert code == 0
    assert "the harness ended with harness: 2" in (await results(api, namespace))["routine"]["error"]


async def test_who_may_not_see_pods_collects_all_the_same(api, namespace, collecting):
    code, said = await collecting("routine", {"r.xml": JUNIT}, pod="harness-1")
    assert code == 0
    assert "how the harness ended is not known" in said
    assert "routine" in await results(api, namespace)
