"""A bundle with a canary, in the real sidecar: who tries it, for how long, and what is counted of both sides."""

import csv
import io
import json
import signal
from dataclasses import replace

import pytest
from test_mounted_bundle import POD, TURNS, Mount, document, sidecar  # noqa: F401 (a fixture)
from tierrouter_process import tierrouter, until

from provider import Answer, Delivery, Status
from tierrouter_core.canonical import canonical_json, digest
from tierrouter_core.rollout.arms import Figure
from tierrouter_core.rollout.counters import told_from_status
from tierrouter_core.rollout.split import Split, split_to_bytes
from tierrouter_sidecar.session_file import sessions_file

SPLIT = Split(30, "salt", 7, "2026-11-29T14:00:00Z")


@pytest.fixture
def mount(tmp_path):
    return Mount(tmp_path / "config")


@pytest.fixture
def bundle(document):  # noqa: F811
    """A stable document whose default tier is routine, and a canary whose default tier is deep."""
    stable, canary = document("routine"), document("deep")

    def files(split: Split | None = SPLIT, **changes):
        found = {"stable.json": stable, "canary.json": canary}
        if split is not None:
            found["split.json"] = split_to_bytes(split)
        return {name: data for name, data in (found | changes).items() if data is not None}

    return files


def name_of(data: bytes) -> str:
    return f"coding-{json.loads(data)['sha256'][:10]}"


async def revision_of(pod, session):
    """Which configuration decides its turns; its tier it keeps."""
    return (await pod.post(x_tierrouter_session=session)).headers["x-tierrouter-revision"]


async def status_until(pod, **wanted):
    async def told():
        answer = await pod.get("/status")
        assert answer.status == 200, (answer.body, pod.log)
        found = answer.json
        return all(found[key] == value for key, value in wanted.items())

    await until(told)
    return (await pod.get("/status")).json


async def tiers_of(pod, sessions):
    return {session: (await pod.post(x_tierrouter_session=session)).tier for session in sessions}


async def test_new_sessions_fall_to_the_canary_as_the_split_says_and_stay_there(tmp_path, mount, bundle):
    files = bundle()
    mount.swap(files)
    async with sidecar(tmp_path, mount) as pod:
        sessions = [f"session-{number}" for number in range(400)]
        first = await tiers_of(pod, sessions)
        assert first == {session: "deep" if SPLIT.takes(session) else "routine" for session in sessions}
        share = sum(tier == "deep" for tier in first.values()) / len(first)
        assert 0.23 < share < 0.37, "three standard errors of 30 %"
        # More of those that start try it; who has started stays.
        mount.swap(bundle(replace(SPLIT, percent=90, generation=8)))
        await status_until(pod, split=replace(SPLIT, percent=90, generation=8).as_json())
        assert await tiers_of(pod, sessions[:60]) == {session: first[session] for session in sessions[:60]}
        answer = await pod.post(x_tierrouter_session=next(s for s in sessions if SPLIT.takes(s)))
        assert answer.headers["x-tierrouter-revision"] == name_of(files["canary.json"])


async def test_sessions_that_were_there_before_do_not_try_it_and_all_go_back_when_it_ends(tmp_path, mount, bundle):
    files = bundle(Split(100, "salt", 1))
    mount.swap({"stable.json": files["stable.json"]})
    async with sidecar(tmp_path, mount) as pod:
        assert (await pod.post(x_tierrouter_session="before")).tier == "routine"
        mount.swap(files)
        status = await status_until(pod, canary=name_of(files["canary.json"]))
        assert status["stable"] == status["bundle"] == name_of(files["stable.json"])
        assert await tiers_of(pod, ["before", "after"]) == {"before": "routine", "after": "deep"}
        mount.swap({"stable.json": files["stable.json"], "split.json": split_to_bytes(Split(0, "salt", 2))})
        await status_until(pod, canary=None)
        assert await revision_of(pod, "after") == name_of(files["stable.json"])


async def test_a_canary_that_is_promoted_serves_everybody(tmp_path, mount, bundle):
    files = bundle()
    mount.swap(files)
    async with sidecar(tmp_path, mount) as pod:
        sessions = [f"s-{number}" for number in range(20)]
        await tiers_of(pod, sessions)
        mount.swap({**files, "stable.json": files["canary.json"]})
        await status_until(pod, stable=name_of(files["canary.json"]), canary=None)
        for session in sessions:
            assert await revision_of(pod, session) == name_of(files["canary.json"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_restart_moves_no_session_to_the_other_side(tmp_path, mount, bundle, number):
    files = bundle(Split(50, "salt", 1))
    mount.swap({"stable.json": files["stable.json"]})
    async with sidecar(tmp_path, mount) as pod:
        before = [f"before-{number}" for number in range(8)]
        await tiers_of(pod, before)
        mount.swap(files)
        await status_until(pod, canary=name_of(files["canary.json"]))
        after = [f"after-{number}" for number in range(20)]
        first = await tiers_of(pod, before + after)
        assert {first[session] for session in before} == {"routine"}
        assert len(set(first.values())) == 2
        kept = sessions_file(pod.state_dir, pod.port)
        if number is signal.SIGKILL:
            await until(lambda: kept.exists() and b"after-19" in kept.read_bytes())
        instance = (await pod.get("/status")).json["counters"]["instance"]
        pod.send(number)
        await pod.ended()
    async with sidecar(tmp_path, mount, port=pod.port) as pod:
        assert await tiers_of(pod, before + after) == first
        counters = (await pod.get("/status")).json["counters"]
        assert counters["instance"] != instance
        assert counters["trial"]["arms"]["stable"]["sessions"] == sum(first[s] == "routine" for s in after)


async def test_a_stream_that_runs_ends_under_the_revision_that_it_began_with(tmp_path, mount, bundle, provider):
    files = bundle(Split(100, "salt", 1))
    mount.swap(files)
    streamed = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    async with sidecar(tmp_path, mount) as pod:
        provider.always(Answer(delivery=Delivery(event_delay_s=0.3)))
        headers = {"x-tierrouter-session": "s"}
        async with pod.client.post(pod.url + "/v1/chat/completions", json=streamed, headers=headers) as answer:
            assert answer.headers["x-tierrouter-revision"] == name_of(files["canary.json"])
            mount.swap({"stable.json": files["stable.json"]})
            await status_until(pod, canary=None)
            assert b"[DONE]" in await answer.read()
        assert await pod.stop() == 0
    (row,) = csv.DictReader(
        io.StringIO(tierrouter("report", "--state-dir", tmp_path / "state", "--format", "csv").text)
    )
    assert (row["revision"], row["outcome"]) == (name_of(files["canary.json"]), "answered")


@pytest.mark.parametrize(
    "wrong",
    [
        {"canary.json": b""},
        {"canary.json": b"{cut"},
        {"canary.json": "another router's"},
        {"split.json": None},
        {"split.json": b"{}"},
        {"split.json": b'{"percent": 50}'},
    ],
    ids=["empty", "cut", "another router's", "no split", "an empty split", "a split changed by hand"],
)
async def test_a_broken_canary_harms_nobody_and_is_told_of(tmp_path, mount, bundle, document, wrong):  # noqa: F811
    files = bundle()
    wrong = {name: document(name="other") if data == "another router's" else data for name, data in wrong.items()}
    mount.swap(bundle(**wrong))
    async with sidecar(tmp_path, mount) as pod:
        status = (await pod.get("/status")).json
        assert (status["stable"], status["canary"]) == (name_of(files["stable.json"]), None)
        assert "the canary is left out" in status["refused"]
        assert await pod.metric("tierrouter_config_last_reload_successful") == 0
        assert set((await tiers_of(pod, [f"s-{number}" for number in range(20)])).values()) == {"routine"}
        mount.swap(files)
        status = await status_until(pod, canary=name_of(files["canary.json"]))
        assert status["refused"] is None
        # And one that breaks while it is tried takes nobody along.
        mount.swap(bundle(**wrong))
        await status_until(pod, canary=None)
        assert set((await tiers_of(pod, ["s-1", "s-2"])).values()) == {"routine"}


async def test_what_came_of_turns_is_counted_for_each_side_session_by_session(tmp_path, mount, bundle, provider):
    files = bundle(Split(50, "salt", 1))
    mount.swap({"stable.json": files["stable.json"]})
    names = {"routine": name_of(files["stable.json"]), "deep": name_of(files["canary.json"])}
    tool_loop = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "Bash", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "is_error": True, "content": "no"}]},
    ]
    failed_tool = {"model": "auto", "max_tokens": 10, "messages": tool_loop}
    async with sidecar(tmp_path, mount) as pod:
        await pod.post(x_tierrouter_session="before")
        mount.swap(files)
        await status_until(pod, canary=names["deep"])
        sessions = [f"s-{number}" for number in range(8)]
        canary = [session for session in sessions if Split(50, "salt", 1).takes(session)]
        assert 0 < len(canary) < len(sessions)
        for at, session in enumerate(["before", *sessions]):
            for _ in range(at + 1):
                await pod.post(x_tierrouter_session=session)
            await pod.post(failed_tool, "/v1/messages", x_tierrouter_session=session)
        provider.always(Status(400))
        await pod.post(x_tierrouter_session=canary[0])
        status = (await pod.get("/status")).json
        rows = tierrouter("report", "--state-dir", pod.state_dir, "--format", "csv")
        assert await pod.stop() == 0
    assert rows.code == 0
    told = told_from_status(status, Split(50, "salt", 1).trial(names["deep"]))
    assert told is not None
    turns = {session: sessions.index(session) + 3 + (session == canary[0]) for session in sessions}
    for arm, mine in ((told.arms.canary, canary), (told.arms.stable, [s for s in sessions if s not in canary])):
        assert arm.sessions == len(mine), "one that was there before is on neither side"
        assert arm.turns == sum(turns[session] for session in mine)
        assert arm.turns_squared == sum(turns[session] ** 2 for session in mine)
        failed = arm.of(Figure.TOOL_ERRORS)
        assert (failed.total, failed.squares) == (len(mine), len(mine))
        assert failed.products == arm.turns
        deep = arm.of(Figure.DEEP_TURNS)
        assert deep.total == (arm.turns if mine is canary else 0)
        assert arm.of(Figure.ERRORS).total == (1 if mine is canary else 0)
        assert arm.of(Figure.COST).total > 0 if mine is canary else True
        assert arm.unpriced == 0
    totals = status["counters"]["revisions"]
    assert {names[tier]: totals[names[tier]]["turns"] for tier in names} == {
        names["routine"]: told.arms.stable.turns + 3,
        names["deep"]: told.arms.canary.turns,
    }
    assert totals[names["routine"]]["sessions"] == len(sessions) - len(canary) + 1
    assert totals[names["deep"]]["costUsdMicros"] > 0


async def test_a_suites_pod_has_no_part_in_a_canary(tmp_path, mount, bundle):
    files = bundle(Split(100, "salt", 1))
    mount.swap(files)
    variables = {**POD, "TIERROUTER_FORCE_TIER": "reasoning"}
    async with sidecar(tmp_path, mount, variables=variables) as pod:
        for path, body in TURNS.items():
            answer = await pod.post(body, path)
            assert answer.tier == "reasoning"
            assert answer.headers["x-tierrouter-revision"] == name_of(files["stable.json"])
        status = (await pod.get("/status")).json
        assert (status["canary"], status["counters"]["revisions"]) == (None, {})


async def test_a_tier_that_the_router_does_not_have_yet_is_waited_for_and_named(tmp_path, mount, document):  # noqa: F811
    mount.swap({"stable.json": document()})
    variables = {**POD, "TIERROUTER_FORCE_TIER": "new-tier"}
    async with sidecar(tmp_path, mount, variables=variables, wait=False) as pod:
        await pod.until_answering("/readyz", 503)
        for path, body in TURNS.items():
            answer = await pod.post(body, path)
            assert answer.status == (429 if path == "/v1/responses" else 503)
            assert "'new-tier' is not one of router coding: routine, reasoning" in answer.body.decode()
        data = json.loads(document())
        del data["sha256"]
        for tier in data["tiers"]:
            tier["name"] = "new-tier" if tier["name"] == "deep" else tier["name"]
        data["hints"]["allow"] = []
        mount.swap({"stable.json": canonical_json({**data, "sha256": digest(canonical_json(data))})})
        await pod.until_answering("/readyz", 200)
        assert (await pod.post()).tier == "new-tier"
