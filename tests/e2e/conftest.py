"""Fixtures of a real cluster with a node, on which `scripts/e2e.sh` has installed the chart."""

import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
from here import Here

from control_plane import Api, Refused, read_kubeconfig
from control_plane.access import current_context


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """The kubeconfig of $KUBECONFIG; refused unless its context is kind's."""
    named = os.environ.get("KUBECONFIG", "")
    if not named:
        pytest.skip("end-to-end tests need a cluster with a node: make e2e")
    current_context(Path(named))
    return Path(named)


@pytest.fixture
async def api(kubeconfig: Path) -> AsyncIterator[Api]:
    async with Api(await read_kubeconfig(kubeconfig)) as client:
        yield client


@pytest.fixture
async def here(api: Api) -> AsyncIterator[Here]:
    """A namespace of its own, with a scripted provider in it."""
    name = f"e2e-{uuid4().hex[:6]}"
    await api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    there = Here(api, name)
    await api.until(lambda: api.get(f"{there.core}/serviceaccounts/default"), "the namespace has its account")
    await there.start_provider()
    yield there
    with suppress(Refused):
        await api.delete(f"/api/v1/namespaces/{name}")
