"""From a label on a pod to turns that are routed, metered and written down."""

import asyncio
import json
from pathlib import Path
from typing import Any

from here import Here, on_node, report

KEYS = ("key-of-openrouter", "key-of-openai", "key-of-anthropic")
LIST_TOKENS = "import os; print(os.listdir('/var/run/secrets/kubernetes.io/serviceaccount'))"


def job(here: Here, name: str, *command: str) -> dict[str, Any]:
    pod = here.agent(command=command)
    template = {"metadata": {"labels": pod["metadata"]["labels"]}, "spec": {**pod["spec"], "restartPolicy": "Never"}}
    spec = {"template": template, "backoffLimit": 0}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def turns_in(report_: dict[str, Any]) -> int:
    return sum(model["turns"] for model in report_["models"])


async def test_a_labelled_job_makes_its_turns_and_completes_and_the_logs_hold_the_ledger(
    here: Here, tmp_path: Path
) -> None:
    await here.start_router()
    jobs = f"/apis/batch/v1/namespaces/{here.namespace}/jobs"
    await here.api.create(jobs, job(here, "twenty", "turns", "20"))

    async def is_over() -> bool:
        status = (await here.api.get(f"{jobs}/twenty")).get("status", {})
        assert not status.get("failed"), await here.kubectl("logs", "job/twenty", "--all-containers")
        return bool(status.get("succeeded"))

    await here.api.until(is_over, "the Job has completed", 90)
    said = [json.loads(line) for line in (await here.kubectl("logs", "job/twenty", "-c", "agent")).splitlines()]
    assert [each["status"] for each in said] == [200] * 20
    assert {each["tier"] for each in said} == {"routine"}, "whatever dialect a turn is in"

    log = tmp_path / "sidecar.log"
    log.write_text(await here.kubectl("logs", "job/twenty", "-c", "tierrouter"))
    assert turns_in(await report("--from-logs", str(log))) == 20
    assert not any(key in log.read_text() for key in KEYS)
    assert (await here.keys())["keys"] == ["key-of-openrouter"]


async def test_the_agents_container_holds_no_key_and_the_sidecar_no_token(here: Here) -> None:
    await here.start_router()
    await here.start(here.agent())
    (found,) = await here.does("agent", "search", *KEYS)
    assert found["found"] == []
    assert found["looked_at"] > 1000
    listed = await here.kubectl("exec", "agent", "-c", "tierrouter", "--", "python", "-c", LIST_TOKENS)
    assert listed.strip() == "[]"
    assert "token" in await here.kubectl("exec", "agent", "-c", "agent", "--", "python3", "-c", LIST_TOKENS)
    who = await here.kubectl("exec", "agent", "-c", "tierrouter", "--", "python", "-c", "import os; print(os.getuid())")
    assert who.strip() == "65532"


async def test_with_a_token_only_the_containers_that_are_named_are_served(here: Here) -> None:
    await here.start_router()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "agent-token"}}
    await here.api.create(f"{here.core}/secrets", {**secret, "stringData": {"token": "a token of nobody else"}})
    annotations = {"tierrouter.dev/token-secret": "agent-token", "tierrouter.dev/containers": "agent"}
    body = here.agent(annotations=annotations)
    (agent,) = body["spec"]["containers"]
    address = {"OPENAI_BASE_URL": "http://127.0.0.1:8383/v1", "ANTHROPIC_BASE_URL": "http://127.0.0.1:8383"}
    keys = {"OPENAI_API_KEY": "tierrouter", "ANTHROPIC_API_KEY": "tierrouter"}
    env = [{"name": name, "value": value} for name, value in {**address, **keys}.items()]
    body["spec"]["containers"].append({**agent, "name": "other", "env": env})
    await here.start(body)
    said = await here.turn()
    assert said is not None
    assert said["status"] == 200
    refused = await here.kubectl("exec", "agent", "-c", "other", "--", "python3", "agent.py", "turns", "1", fails=True)
    assert '"status": 200' not in refused
    assert "a token of nobody else" not in json.dumps(await here.pod("agent"))
    assert "a token of nobody else" not in await here.logs("agent")


async def test_a_pod_before_its_router_gets_its_configuration_when_that_comes(here: Here) -> None:
    body = here.agent(inject="coding")
    await here.api.create(f"{here.core}/pods", body)
    # The agent is kept waiting for 30 seconds, and then starts with a sidecar that says what is missing.
    await here.until_ready("agent", 60)
    assert await here.turn() is None
    await here.start_router()

    async def is_served() -> bool:
        return await here.turn() is not None

    await here.api.until(is_served, "the sidecar serves", 90)


async def test_a_secret_that_is_missing_then_comes_then_changes_needs_no_restart(here: Here) -> None:
    await here.router.apply(secrets=False, provider_url=here.provider_url)
    await here.router.until_condition("ProvidersReady", "False")
    await here.start(here.agent())
    for key in ("first", "second"):
        await here.router.put_secret("openrouter", text=key)

        async def is_used(key: str = key) -> bool:
            return await here.turn() is not None and (await here.keys())["last"] == [key]

        await here.api.until(is_used, f"the provider is sent the {key} key", 90)
    assert await here.sidecar_restarts() == 0


async def test_a_deleted_router_leaves_running_pods_on_their_last_document_also_after_a_restart(here: Here) -> None:
    await here.start_router()
    await here.start(here.agent())
    (before,) = await here.does("agent", "turns", "1")
    await here.api.delete(here.router.path)
    await here.api.gone(f"{here.core}/configmaps/coding-active")
    (after,) = await here.does("agent", "turns", "1")
    assert after["status"] == 200 and after["revision"] == before["revision"]
    await kill_sidecar(here)
    # The document was kept on the pod's disk; the keys were not, and are gone with their Secret.
    assert await here.turn() is None
    assert f"revision {before['revision']}, kept from the last run, is in force" in await here.logs("agent")
    # The same router again is another one: its pods serve it without having been made again.
    await here.start_router(mode="Observe")

    async def is_new() -> bool:
        said = await here.turn()
        return said is not None and said["revision"] != before["revision"]

    await here.api.until(is_new, "the new router's document is served", 90)


async def kill_sidecar(here: Here, name: str = "agent") -> None:
    """As an out-of-memory kill would; the kubelet starts it again."""
    before = await here.sidecar_restarts(name)
    kill = "import os, signal; os.kill(1, signal.SIGTERM)"
    await here.kubectl("exec", name, "-c", "tierrouter", "--", "python", "-c", kill, fails=True)

    async def is_back() -> bool:
        status = (await here.pod(name))["status"]["initContainerStatuses"][0]
        return bool(status["restartCount"] > before and status.get("ready"))

    await here.api.until(is_back, "the sidecar is back", 60)


async def test_an_agent_whose_sidecar_dies_in_the_middle_of_a_stream_gets_its_answer_by_trying_again(
    here: Here,
) -> None:
    await here.start_router()
    await here.start(here.agent())
    streaming = asyncio.create_task(here.does("agent", "stream", "60"))
    await asyncio.sleep(2.5)
    await kill_sidecar(here)
    (said,) = await streaming
    assert said["words"] == 60 and said["attempts"] >= 1


async def test_with_a_claim_rows_of_deleted_pods_are_still_in_the_report(here: Here, tmp_path: Path) -> None:
    folder = f"/tmp/tierrouter-e2e/{here.namespace}"
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": here.namespace},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteMany"],
            "hostPath": {"path": folder, "type": "DirectoryOrCreate"},
            "nodeAffinity": on_node((await here.nodes())[0]),
            "claimRef": {"namespace": here.namespace, "name": "ledger"},
            "persistentVolumeReclaimPolicy": "Retain",
        },
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "ledger"},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": "",
            "resources": {"requests": {"storage": "1Gi"}},
            "volumeName": here.namespace,
        },
    }
    await here.api.create("/api/v1/persistentvolumes", volume)
    try:
        await here.api.create(f"{here.core}/persistentvolumeclaims", claim)
        mount = {"volumeMounts": [{"name": "ledger", "mountPath": "/ledger"}]}
        volumes = [{"name": "ledger", "persistentVolumeClaim": {"claimName": "ledger"}}]
        reader = here.agent("reader", inject="false", volumes=volumes, securityContext={"runAsUser": 0})
        reader["spec"]["containers"][0] |= mount
        await here.start(reader)
        await here.kubectl("exec", "reader", "--", "chmod", "0777", "/ledger")
        await here.start_router(ledger={"store": "SQLite", "persistentVolumeClaim": "ledger"})
        for name in ("one", "two"):
            await here.start(here.agent(name))
            assert len(await here.does(name, "turns", "3")) == 3
            await here.api.delete(f"{here.core}/pods/{name}")
            await here.api.gone(f"{here.core}/pods/{name}", 60)
        for name in ("one", "two"):
            await here.kubectl("cp", f"reader:/ledger/{name}", str(tmp_path / name))
            assert turns_in(await report("--state-dir", str(tmp_path / name))) == 3
    finally:
        await here.api.delete(f"/api/v1/persistentvolumes/{here.namespace}")


async def test_a_codex_agent_finds_its_settings_in_a_file(here: Here) -> None:
    await here.start_router()
    await here.start(here.agent(annotations={"tierrouter.dev/agent": "codex"}))
    said = await here.kubectl("exec", "agent", "-c", "agent", "--", "cat", "/etc/codex/config.toml")
    assert 'base_url = "http://127.0.0.1:8383/v1"' in said


async def test_pods_of_a_deployment_and_of_a_cron_job_get_their_sidecar_too(here: Here) -> None:
    await here.start_router()
    pod = here.agent()
    pod["metadata"]["labels"]["app"] = "web"
    template = {"metadata": {"labels": pod["metadata"]["labels"]}, "spec": pod["spec"]}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template},
    }
    await here.api.create(f"/apis/apps/v1/namespaces/{here.namespace}/deployments", deployment)
    cron_job = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "nightly"},
        "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job(here, "", "turns", "2")["spec"]}},
    }
    await here.api.create(f"/apis/batch/v1/namespaces/{here.namespace}/cronjobs", cron_job)
    await here.kubectl("rollout", "status", "deployment/web", "--timeout", "60s")
    (said,) = [
        json.loads(line)
        for line in (
            await here.kubectl("exec", "deploy/web", "-c", "agent", "--", "python3", "agent.py", "turns", "1")
        ).splitlines()
    ]
    assert said["status"] == 200
    await here.kubectl("create", "job", "tonight", "--from", "cronjob/nightly")
    await here.kubectl("wait", "job/tonight", "--for", "condition=Complete", "--timeout", "90s")
