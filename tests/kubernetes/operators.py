"""Operators for tests: in this process, or as the process that users start."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from control_plane import AuditLog
from tierrouter_operator.app import Running, operator
from tierrouter_operator.settings import Settings

_WRITES = ("create", "update", "patch", "delete", "deletecollection")

COMMAND = str(Path(sys.executable).with_name("tierrouter"))


@asynccontextmanager
async def running_operator(
    kubeconfig: Path,
    *namespaces: str,
    resync_s: float = 30.0,
    census_s: float = 3600.0,
    count_s: float = 10.0,
    results_image: str = "",
    prometheus_url: str = "",
    prometheus_token_file: str = "",
    prometheus_ca_file: str = "",
) -> AsyncIterator[Running]:
    """An operator in this process, in touch with the API server; it counts pods only at its start, if not told."""
    settings = Settings(
        namespaces=namespaces,
        kubeconfig=str(kubeconfig),
        host="127.0.0.1",
        metrics_port=0,
        health_port=0,
        resync_s=resync_s,
        census_s=census_s,
        count_s=count_s,
        results_image=results_image,
        prometheus_url=prometheus_url,
        prometheus_token_file=prometheus_token_file,
        prometheus_ca_file=prometheus_ca_file,
    )
    async with operator(settings) as running:
        await asyncio.wait_for(running.resync.first_look.wait(), 30)
        yield running


@contextmanager
def operator_process(kubeconfig: Path, *flags: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """``tierrouter operator`` with its log in a file; killed at the end where it still runs."""
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [COMMAND, "operator", "--kubeconfig", str(kubeconfig), "--host", "127.0.0.1", *flags],
            stderr=stderr,
            stdout=stderr,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def writes_of_the_operator(audit: AuditLog, since: int, namespace: str) -> list[str]:
    """What it wrote in a namespace since then: verb, resource and name."""
    found = audit.requests(since, verb=_WRITES)
    return [
        f"{each.verb} {each.resource} {each.name}"
        for each in found
        if each.user_agent == "tierrouter-operator" and each.namespace == namespace
    ]
