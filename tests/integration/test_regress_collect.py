"""``tierrouter regress collect`` as a process, as far as it needs no API server."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tierrouter_process import COMMAND, PATIENCE_S, environment, tierrouter

WORDS = (
    "regress",
    "collect",
    "--run",
    "nightly-1",
    "-n",
    "agents",
    "--cell",
    "routine",
    "--format",
    "JUnit",
    "--pod",
    "",
)
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def account(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("t")
    return tmp_path


def blocks_sigterm(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line for line in status.splitlines() if line.startswith("SigBlk:"))
    return bool(int(mask.split()[1], 16) & 1 << signal.SIGTERM - 1)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_harness_that_ends_before_the_collector_has_started_is_not_missed(account):
    words = ("--dir", account, "--account-dir", account, "--api-server", NOWHERE, "--grace", "1")
    process = subprocess.Popen(
        [*COMMAND, *WORDS, *map(str, words)], stderr=subprocess.PIPE, env=environment(), start_new_session=True
    )
    end = time.monotonic() + PATIENCE_S
    while not blocks_sigterm(process.pid):
        assert time.monotonic() < end
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    try:
        _, said = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    assert process.returncode == 3, said
    assert b"waiting for the harness of cell routine to end" in said
    assert b"regressionruns/nightly-1/status: " in said
    assert b"trying again" in said
    assert b"Traceback" not in said


def test_outside_of_a_pod_it_says_what_to_do_instead(account):
    ran = tierrouter(*WORDS, "--dir", account)
    assert ran.code == 3
    assert "The collector runs in a pod" in ran.said


def test_without_a_token_it_says_where_it_looked(tmp_path):
    ran = tierrouter(*WORDS, "--dir", tmp_path, "--account-dir", tmp_path, "--api-server", NOWHERE)
    assert ran.code == 3
    assert f"{tmp_path}/token: there is no token" in ran.said


def test_a_format_that_there_is_not_is_refused(tmp_path):
    ran = tierrouter(*(word if word != "JUnit" else "TAP" for word in WORDS), "--dir", tmp_path)
    assert ran.code == 2
    assert '"TAP" is none of JUnit, InspectLog, JSONLines' in " ".join(ran.said.split())
