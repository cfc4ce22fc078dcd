"""A canary under traffic: who counts it, and what follows."""

from pathlib import Path

import pytest
from canary_traffic import canary_traffic
from crd_install import install_crds

from control_plane import Api, Cluster
from scraping_prometheus import scraping_prometheus


async def test_turns_that_sidecars_serve_promote_a_canary(
    cluster: Cluster, api: Api, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await install_crds(api)
    async with canary_traffic(cluster, api, namespace, tmp_path, monkeypatch) as traffic:
        await traffic.begin("nightly-1", file_count=7)
        assert len(await traffic.serve()) == 2
        await traffic.runs.until("nightly-1", "Promoted", 60)
        said = (await traffic.runs.said("nightly-1"))["message"]
        assert "turns of" in said
        assert "Prometheus" not in said


async def test_prometheus_counts_where_it_can_and_the_sidecars_from_when_it_is_gone(
    cluster: Cluster, api: Api, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await install_crds(api)
    with scraping_prometheus(tmp_path / "prometheus") as server:
        settings = {"prometheus_url": server.url}
        async with canary_traffic(cluster, api, namespace, tmp_path, monkeypatch, **settings) as traffic:
            router = traffic.runs.router
            server.scrape({f"{pod.address}:9464": {"namespace": namespace, "pod": pod.name} for pod in traffic.pods})
            await traffic.begin("nightly-1", file_count=7)
            condition = await router.until_condition("PrometheusUsed", "True")
            assert condition["reason"] == "CountedByPrometheus"
            assert len(await traffic.serve()) == 2
            await traffic.runs.until("nightly-1", "Promoted", 60)
            assert "(counted by Prometheus)" in (await traffic.runs.said("nightly-1"))["message"]

            await traffic.begin("nightly-2", file_count=6)
            await router.until_condition("PrometheusUsed", "True")
            server.kill()

            async def is_told() -> bool:
                found = await router.condition("PrometheusUsed")
                return found.get("reason") == "CountedBySidecars" and "can't be reached" in found["message"]

            await router.api.until(is_told, "it is said that Prometheus is gone", 60)
            assert len(await traffic.serve("later")) == 2
            await traffic.runs.until("nightly-2", "Promoted", 60)
            said = (await traffic.runs.said("nightly-2"))["message"]
            assert "counted by the sidecars, for Prometheus can't be reached" in said
