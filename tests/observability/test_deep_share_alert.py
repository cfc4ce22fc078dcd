"""From real turns to a notification: a sidecar, Prometheus and Alertmanager, with the rules as they are shipped."""

import asyncio
import sys
import time
from itertools import count
from pathlib import Path

# The process of a sidecar, as the integration tests start it.
sys.path.append(str(Path(__file__).parents[1] / "integration"))

from monitoring import Monitoring, Pod, monitoring
from tierrouter_process import KEYS, Served, router_file, serving

from helm_chart import render, values
from provider import Answer, ScriptedProvider

ALERT = "TierRouterDeepShareHigh"
SHARE = "100 * router:tierrouter_deep_turns:ratio_increase30m"
_sessions = count()


async def turns(router: Served, number: int, **headers: str) -> None:
    """As many turns, each of a session of its own, eight at a time."""
    left = iter(range(number))

    async def some() -> None:
        for _ in left:
            answer = await router.post(x_tierrouter_session=f"s{next(_sessions)}", **headers)
            assert answer.status == 200, answer.body

    await asyncio.gather(*(some() for _ in range(8)))


async def test_a_share_above_five_per_cent_fires_into_alertmanager_and_clears_when_it_is_lower(
    tmp_path: Path, provider: ScriptedProvider
) -> None:
    chart = render(*values(**{"podMonitor.enabled": True, "prometheusRule.enabled": True}))
    provider.always(Answer(text="Done."))
    file = router_file(tmp_path, provider)
    async with (
        serving(tmp_path / "agent", "-f", file, variables=KEYS) as agent,
        serving(tmp_path / "suite", "-f", file, variables=KEYS) as suite,
        monitoring(
            tmp_path,
            chart,
            [
                Pod("agent-0", agent.admin_port, {"tierrouter.dev/router": "coding"}),
                Pod(
                    "suite-0", suite.admin_port, {"tierrouter.dev/router": "coding", "tierrouter.dev/run": "nightly-1"}
                ),
            ],
        ) as seen,
    ):
        await scraped(seen)

        # The suite tries the deep tier, the agent's own turns are routine: no share of anything.
        await turns(suite, 150, x_tierrouter_hint="deep")
        await turns(agent, 300)
        await seen.until(lambda: counted(seen, 300))
        # The two are scraped apart: what the agent's has of its turns says nothing of the suite's.
        await seen.until(lambda: suite_counted(seen, 150))
        assert await seen.number(SHARE) == 0

        began = time.monotonic()
        await turns(agent, 100, x_tierrouter_hint="deep")
        spent = time.monotonic() - began
        await seen.until(lambda: has(seen, ALERT, "firing"))
        fired = time.monotonic() - began
        share = await seen.number(SHARE)
        alert = (await seen.firing())[ALERT]
        assert share is not None
        assert 20 < share < 30
        assert alert["labels"].items() >= {"namespace": "agents", "router": "coding", "severity": "warning"}.items()
        assert "of the turns of agents/coding" in alert["annotations"]["summary"]

        began = time.monotonic()
        await turns(agent, 2000)
        diluted = time.monotonic() - began
        await seen.until(lambda: has(seen, ALERT, "resolved"))
        cleared = time.monotonic() - began
        share = await seen.number(SHARE)
        assert share is not None
        assert share < 5
        assert ALERT not in await seen.firing()
        assert seen.told(ALERT)[-1] == "resolved"
        # All else was well all the time.
        told = {each["labels"]["alertname"] for notification in seen.notifications for each in notification["alerts"]}
        assert told == {ALERT, "TierRouterWatchdog"}
    print(
        f"\n100 deep turns in {spent:.1f} s; notified {fired:.1f} s after the first of them; "
        f"2000 others in {diluted:.1f} s; resolved {cleared:.1f} s after the first of those"
    )


async def scraped(seen: Monitoring) -> None:
    """Wait until every pod's counters are known at 0, for what is counted before is not an increase."""

    async def both() -> bool:
        return await seen.number("count(tierrouter_deep_turns_total)") == 2

    await seen.until(both)


async def counted(seen: Monitoring, number: int) -> bool:
    """Whether the rules know of that many turns; an increase is an estimate."""
    found = await seen.number("router:tierrouter_turns:increase30m")
    return found is not None and found > 0.95 * number


async def suite_counted(seen: Monitoring, number: int) -> bool:
    """Whether Prometheus has all of that many turns of the suite, no more."""
    return await seen.number('sum(tierrouter_turns_total{tier="deep",purpose="regression"})') == number


async def has(seen: Monitoring, alert: str, status: str) -> bool:
    """Whether the receiver was told that of an alert."""
    return status in seen.told(alert)
