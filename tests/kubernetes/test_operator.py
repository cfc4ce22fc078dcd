"""From `kubectl apply` to what sidecars mount, on a real API server."""

import pytest
from crd_install import install_crds
from operators import running_operator
from routers import RouterInCluster

from control_plane import Api, Cluster


@pytest.fixture
async def router(api: Api, namespace: str) -> RouterInCluster:
    await install_crds(api)
    return RouterInCluster(api, namespace)


async def test_an_applied_router_is_published_and_says_so(cluster: Cluster, router: RouterInCluster) -> None:
    async with running_operator(cluster.kubeconfig, router.namespace):
        await router.apply()
        ready = await router.until_condition("Ready", "True")
        (revision,) = await router.revisions()
        assert revision["metadata"]["name"] in ready["message"]
        assert (await router.stable())["thresholds"]["file_count"] == 8
