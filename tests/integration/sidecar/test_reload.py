"""A changed file is in force within a moment; a broken one changes nothing."""

import asyncio

import pytest
from routers import router_text

from provider import Answer, Delivery, Tokens

CHAT = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}


async def until(condition, timeout_s=5.0):
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_change_is_in_force_in_under_a_second_without_a_restart(sidecar):
    before = sidecar.running.live.in_force.revision
    sidecar.file.write_text(sidecar.file.read_text().replace("defaultTier: routine", "defaultTier: local"))
    await until(lambda: sidecar.running.live.in_force.revision != before, 1.0)
    got = await sidecar.post("/v1/chat/completions", CHAT)
    assert got.tier == "local"
    assert got.header("x-tierrouter-revision") != before
    status = (await sidecar.get(sidecar.admin_url + "/status")).json
    assert (status["generation"], status["refused"]) == (2, None)


async def test_a_file_that_is_replaced_by_rename_is_seen(sidecar, tmp_path):
    new = tmp_path / "new.yaml"
    new.write_text(sidecar.file.read_text().replace("defaultTier: routine", "defaultTier: deep"))
    new.rename(sidecar.file)
    await until(lambda: sidecar.running.live.in_force.generation == 2)
    assert (await sidecar.post("/v1/chat/completions", CHAT)).tier == "deep"


async def test_a_broken_file_keeps_the_last_good_one_and_says_so(sidecar):
    good = sidecar.file.read_text()
    sidecar.file.write_text(good.replace("tier: local", "tier: lokal"))
    await until(lambda: sidecar.running.live.refused)
    assert (await sidecar.post("/v1/chat/completions", CHAT)).tier == "routine"
    status = (await sidecar.get(sidecar.admin_url + "/status")).json
    assert "lokal" in status["refused"]
    assert await sidecar.metric("tierrouter_config_last_reload_successful") == 0
    assert await sidecar.metric('tierrouter_config_reloads_total{outcome="refused"}') == 1
    sidecar.file.unlink()
    await until(lambda: "can't be read" in sidecar.running.live.refused)
    assert (await sidecar.post("/v1/chat/completions", CHAT)).status == 200
    sidecar.file.write_text(good)
    await until(lambda: not sidecar.running.live.refused)
    assert await sidecar.metric("tierrouter_config_last_reload_successful") == 1


async def test_a_running_stream_ends_under_the_revision_that_it_began_with(sidecar, provider):
    provider.script(Answer(text=["a "] * 10, delivery=Delivery(event_delay_s=0.05)))
    before = sidecar.running.live.in_force.revision
    async with sidecar.client.post(sidecar.url + "/v1/chat/completions", json={**CHAT, "stream": True}) as response:
        await response.content.readany()
        sidecar.file.write_text(router_text("http://127.0.0.1:9/v1"))
        await until(lambda: sidecar.running.live.in_force.revision != before)
        body = await response.read()
    assert body.endswith(b"[DONE]\n\n")
    (row,) = await sidecar.rows()
    assert (row.revision, row.outcome) == (before, "answered")


async def test_a_comment_changes_the_file_but_not_the_revision(sidecar):
    before = sidecar.running.live.in_force
    sidecar.file.write_text("# a comment\n" + sidecar.file.read_text())
    await asyncio.sleep(0.2)
    assert sidecar.running.live.in_force is before


async def test_what_was_spent_before_a_baseline_was_named_is_not_held_against_it(start, provider):
    text = router_text(provider.base_url)
    sidecar = await start(text.replace("  baselineModel: gpt-5-5\n", ""))
    provider.always(Answer(text="ok", usage=Tokens(input=1000, output=1000)))

    async def saved() -> float | None:
        return (await sidecar.get(sidecar.admin_url + "/summary")).json["total"]["savedUsd"]

    await sidecar.post("/v1/chat/completions", CHAT, {"x-tierrouter-hint": "deep"})
    assert await saved() is None
    sidecar.file.write_text(text)
    await until(lambda: sidecar.running.live.in_force.generation == 2)
    await sidecar.post("/v1/chat/completions", CHAT, {"x-tierrouter-session": "new"})
    assert await saved() == pytest.approx((5 + 30 - 0.95 - 4) / 1000)
