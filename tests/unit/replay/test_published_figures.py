"""The figures that are known of a recorded trace, come to again. The trace is no part of the project."""

from pathlib import Path

import pytest
from replay_examples import document

from tierrouter_cli.transcripts.reading import Broken
from tierrouter_core.replay.calls import ReplayCall
from tierrouter_core.replay.draws import Range, range_of
from tierrouter_core.replay.policy import Always, DrawnPolicy, Unit
from tierrouter_core.replay.run import recorded_on, replay
from tierrouter_core.replay.seats import BASELINE, seat_of_baseline, seats_of, tiers_of_a_mix

TRACE = Path(__file__).resolve().parents[4] / "shared" / "traces" / "agent_turns_claude_code.parquet"
HOUR_MS = 3_600_000

DOCUMENT = document()
assert DOCUMENT.baseline is not None
HALF_A_POINT = 0.005


@pytest.fixture(scope="module")
def calls() -> list[ReplayCall]:
    pytest.importorskip("pyarrow", reason="Parquet needs pyarrow: pip install 'tierrouter[analysis]'")
    if not TRACE.is_file():
        pytest.skip(f"the recorded trace is not beside the project: no {TRACE.relative_to(TRACE.parents[2])}")
    from tierrouter_cli.transcripts.turn_table import in_order, read_table

    broken = Broken()
    found = in_order(read_table(TRACE, broken))
    assert not broken.count
    return found


def saving(calls: list[ReplayCall], unit: Unit, ttl_ms: int) -> Range:
    numpy = pytest.importorskip("numpy", reason="draws need numpy: pip install 'tierrouter[analysis]'")
    seats = seats_of(DOCUMENT, ttl_ms)
    tiers = tiers_of_a_mix(DOCUMENT)
    assert tiers == ("routine", "reasoning")
    baseline = replay(calls, Always(BASELINE), {BASELINE: seat_of_baseline(DOCUMENT.baseline, ttl_ms)})
    runs = [
        replay(calls, DrawnPolicy(unit, 0.822, tiers, numpy.random.default_rng(seed).random), seats)
        for seed in range(20)
    ]
    return range_of([1 - run.total.cost_units / baseline.total.cost_units for run in runs])


def test_all_calls_on_the_baseline_cost_1542_dollars_with_a_cache_of_five_minutes(calls: list[ReplayCall]) -> None:
    seat = seat_of_baseline(DOCUMENT.baseline)
    run = replay(calls, Always(BASELINE), {BASELINE: seat})
    assert run.total.calls == 19_206
    assert round(run.total.cost_usd) == 1542
    assert sum(call.cache_read_tokens for call in calls) / run.total.input_tokens == pytest.approx(0.957, abs=0.0005)


def test_the_recorded_reads_give_1437_dollars_and_no_cache_at_all_9356(calls: list[ReplayCall]) -> None:
    recorded = recorded_on(calls, seat_of_baseline(DOCUMENT.baseline))
    assert recorded is not None
    assert round(recorded.as_recorded_usd) == 1437
    assert round(recorded.uncached_usd) == 9356


@pytest.mark.parametrize(
    ("unit", "mean", "low", "high"),
    [(Unit.TURN, 0.384, 0.376, 0.394), (Unit.PROMPT, 0.566, 0.548, 0.586), (Unit.SESSION, 0.609, 0.562, 0.641)],
)
def test_the_savings_with_a_cache_of_five_minutes(
    calls: list[ReplayCall], unit: Unit, mean: float, low: float, high: float
) -> None:
    found = saving(calls, unit, 300_000)
    assert found.mean == pytest.approx(mean, abs=HALF_A_POINT)
    assert found.low == pytest.approx(low, abs=HALF_A_POINT)
    assert found.high == pytest.approx(high, abs=HALF_A_POINT)


@pytest.mark.parametrize(("unit", "mean"), [(Unit.TURN, 0.469), (Unit.PROMPT, 0.553), (Unit.SESSION, 0.599)])
def test_the_savings_with_a_cache_of_an_hour(calls: list[ReplayCall], unit: Unit, mean: float) -> None:
    assert saving(calls, unit, HOUR_MS).mean == pytest.approx(mean, abs=HALF_A_POINT)
