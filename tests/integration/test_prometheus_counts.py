"""What a real Prometheus knows of a canary from real sidecars, and how the operator asks for it."""

import signal
from contextlib import AsyncExitStack

from test_canary import SPLIT, bundle, document, mount, name_of, sidecar, status_until, tiers_of  # noqa: F401 (fixtures)
from test_mounted_bundle import Mount
from tierrouter_process import until

from scraping_prometheus import scraping_prometheus
from tierrouter_core.rollout.arms import Arms
from tierrouter_core.rollout.counters import told_from_status
from tierrouter_core.rollout.exposed import NUMBERS, SIDES, exposed
from tierrouter_operator.planning.kinds import ROUTER, Key
from tierrouter_operator.prometheus import Prometheus

IN_POD = {"namespace": "agents", "pod": "agent"}


async def counted(pod, trial):
    """What the sidecar itself says."""
    told = told_from_status((await pod.get("/status")).json, trial)
    assert told is not None
    return told.arms


async def test_the_metric_shows_what_the_status_says(tmp_path, mount, bundle):  # noqa: F811
    files = bundle()
    trial = SPLIT.trial(name_of(files["canary.json"]))
    mount.swap({"stable.json": files["stable.json"]})
    async with sidecar(tmp_path, mount) as pod:
        await tiers_of(pod, ["before"])
        assert b"tierrouter_trial_count{" not in (await pod.get("/metrics")).body
        mount.swap(files)
        await status_until(pod, canary=name_of(files["canary.json"]))
        await tiers_of(pod, [f"session-{number}" for number in range(20)] * 2)
        process = (await pod.get("/status")).json["counters"]["instance"]
        for side, number, value in exposed(await counted(pod, trial)):
            labels = f'number="{number}",process="{process}",side="{side}",trial="{trial}"'
            assert await pod.metric(f"tierrouter_trial_count{{{labels}}}") == value
        lines = (await pod.get("/metrics")).body.count(b"\ntierrouter_trial_count{")
        assert lines == len(SIDES) * len(NUMBERS) == 44


async def test_it_knows_what_every_process_has_counted_also_of_those_that_ended(tmp_path, mount, bundle):  # noqa: F811
    files = bundle()
    trial = SPLIT.trial(name_of(files["canary.json"]))
    mount.swap(files)
    second = Mount(tmp_path / "second")
    second.swap(files)
    async with AsyncExitStack() as stack:
        # Whoever scrapes a pod twice does not count it twice.
        server = stack.enter_context(scraping_prometheus(tmp_path / "prometheus", jobs=2))
        asks = await stack.enter_async_context(Prometheus(server.url, "namespace"))
        of_everybody = await stack.enter_async_context(Prometheus(server.url, ""))
        agents, others = Key(ROUTER, "agents", "coding"), Key(ROUTER, "others", "coding")
        said = await asks.counts(agents, trial, 60)
        assert said == "has no series tierrouter_trial_count of the trial: does it scrape the sidecars?"

        one = await stack.enter_async_context(sidecar(tmp_path / "one", mount))
        two = await stack.enter_async_context(sidecar(tmp_path / "two", second))
        ports = {f"127.0.0.1:{pod.admin_port}": {**IN_POD, "pod": f"agent-{pod.admin_port}"} for pod in (one, two)}
        server.scrape(ports)
        await tiers_of(one, [f"one-{number}" for number in range(30)] * 2)
        await tiers_of(two, [f"two-{number}" for number in range(20)])
        expected = await counted(one, trial) + await counted(two, trial)
        assert (expected.turns, expected.canary.sessions > 0) == (80, True)

        async def knows() -> bool:
            return await asks.counts(agents, trial, 60) == expected

        await until(knows)
        assert await of_everybody.counts(others, trial, 60) == expected
        assert "has no series" in await asks.counts(others, trial, 60), "another namespace has no say in it"
        assert "has no series" in await asks.counts(agents, trial + "0", 60), "another trial counts for itself"

        # One is killed and starts anew in its pod: what it had counted stays.
        before = await counted(one, trial)
        one.send(signal.SIGKILL)
        await one.ended()
        again = await stack.enter_async_context(sidecar(tmp_path / "one", mount, admin_port=one.admin_port))
        await tiers_of(again, [f"again-{number}" for number in range(10)])
        expected = before + await counted(again, trial) + await counted(two, trial)
        assert expected.turns == 90
        await until(knows)

        # And one goes for good, with its target.
        await two.stop()
        server.scrape({address: labels for address, labels in ports.items() if str(two.admin_port) not in address})
        await tiers_of(again, [f"later-{number}" for number in range(5)])
        added = await counted(again, trial)
        await until(lambda: _is(asks, agents, trial, 95))
        assert added.turns == 15

        # When the canary is over, its numbers are no longer exposed; what is known of it stays known.
        mount.swap({"stable.json": files["stable.json"]})
        await status_until(again, canary=None)
        assert b"tierrouter_trial_count{" not in (await again.get("/metrics")).body
        assert await _is(asks, agents, trial, 95)


async def _is(asks, router, trial, turns):
    found = await asks.counts(router, trial, 60)
    return isinstance(found, Arms) and found.turns == turns
