"""What tuning promises; what it holds on tasks that it has not seen is among the integration tests."""

from dataclasses import replace

import numpy as np
import pytest
from tables import table

from synthetic_benchmark import relative, world
from tierrouter_core.errors import ResultsError
from tierrouter_core.tuning.policy import Entry, Policy, Stage
from tierrouter_core.tuning.results import Results
from tierrouter_core.tuning.tune import AS_THE_BASELINE, Tuned, tune

FLOOR = 0.95
WORLD = world(models=6, seed=2)
SMALL = world(models=4, seed=2)
"""With a tenth of the cascades, for what does not depend on how many there are."""


def tuned(results: Results, *, baseline: str = WORLD.baseline, floor: float = FLOOR, seed: int = 0) -> Tuned:
    return tune(results, baseline=baseline, floor=floor, rng=np.random.default_rng(seed))


def test_equal_seeds_give_equal_results():
    results = SMALL.draw(120, seed=3)
    assert tuned(results, baseline=SMALL.baseline, seed=5) == tuned(results, baseline=SMALL.baseline, seed=5)


def test_the_order_of_the_models_does_not_matter_but_for_what_costs_the_same():
    results = SMALL.draw(120, seed=3)
    order = np.arange(len(results.models))[::-1]
    turned = Results(
        tasks=results.tasks,
        models=tuple(results.models[at] for at in order),
        resolved=results.resolved[:, order],
        cost_usd=results.cost_usd[:, order],
        calls=results.calls[:, order],
    )
    savings = [tuned(each, baseline=SMALL.baseline).expected.saving for each in (turned, results)]
    assert savings[0] == pytest.approx(savings[1], abs=0.01)


def test_the_weights_are_whole_percents_and_add_up_to_one():
    for seed in range(8):
        weights = [entry.weight for entry in tuned(SMALL.draw(100, seed), baseline=SMALL.baseline).mix]
        assert sum(weights) == pytest.approx(1)
        assert all(weight * 100 == pytest.approx(round(weight * 100)) for weight in weights)


def test_the_frontier_saves_more_where_it_asks_for_less():
    frontier = tuned(WORLD.draw(200, 1)).frontier
    savings, qualities = ([getattr(p.expected, name) for p in frontier] for name in ("saving", "quality"))
    assert savings == sorted(savings)
    assert qualities == sorted(qualities, reverse=True)
    assert all(point.expected.quality_low <= point.expected.quality for point in frontier)


def test_what_seemed_is_what_the_mix_did_on_the_same_tasks():
    results = WORLD.draw(100, 2)
    found = tuned(results)
    assert (found.seemed.quality, found.seemed.saving) == pytest.approx(relative(found.mix, results, WORLD.baseline))


def test_a_cheap_model_that_does_the_same_on_every_task_is_taken_alone():
    same = [(int(task % 3 > 0), 10.0, 20) for task in range(400)]
    found = tuned(table({"cheap": [(solved, 1.0, 20) for solved, _, _ in same], "dear": same}), baseline="dear")
    assert found.mix == (Entry(1.0, Policy((Stage("cheap"),))),)
    assert found.expected.saving == pytest.approx(0.9)


def test_a_model_that_is_stuck_when_it_takes_long_is_given_up():
    # Of three tasks it solves two in 10 calls, and on the third it goes round in circles for a hundred.
    cheap = [(1, 1.0, 10) if task % 3 else (0, 10.0, 100) for task in range(400)]
    dear = [(1, 20.0, 20)] * 400
    mix = tuned(table({"cheap": cheap, "dear": dear}), baseline="dear", floor=0.99).mix
    most = max(mix, key=lambda entry: entry.weight)
    assert most.policy == Policy((Stage("cheap", 10), Stage("dear")))


def test_where_no_cheaper_policy_can_be_relied_on_it_is_the_baseline_alone():
    rng = np.random.default_rng(0)
    poor = [(int(solved), 1.0, 20) for solved in rng.random(30) < 0.4]
    found = tuned(table({"poor": poor, "good": [(1, 2.0, 20)] * 30}), baseline="good", floor=1.0)
    assert not found.is_supported
    assert found.mix == (Entry(1.0, Policy((Stage("good"),))),)
    assert found.expected == AS_THE_BASELINE
    assert found.supported_below is not None
    assert found.supported_below.floor < 1
    assert found.supported_below.expected.saving > 0


def test_a_model_that_solves_nothing_supports_no_floor_that_is_shown():
    useless = table({"useless": [(0, 1.0, 20)] * 40, "good": [(1, 2.0, 20)] * 40})
    found = tuned(useless, baseline="good", floor=0.99)
    assert found.expected.quality >= 0.99


def test_a_baseline_that_nobody_beats_in_price_stays_alone():
    results = table({"dear": [(1, 3.0, 20)] * 40, "good": [(1, 2.0, 20)] * 40})
    found = tuned(results, baseline="good")
    assert not found.is_supported
    assert found.supported_below is None


def test_a_free_model_and_runs_without_calls_are_no_trouble():
    free = [(int(task % 2), 0.0, 0) for task in range(40)]
    found = tuned(table({"free": free, "good": [(1, 2.0, 20)] * 40}), baseline="good", floor=0.5)
    assert 0 <= found.expected.saving <= 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("factor", [1e-60, 1e60])
def test_the_unit_of_the_costs_does_not_matter(factor):
    results = world(3, 1).draw(60, 1)
    other = replace(results, cost_usd=results.cost_usd * factor)
    usual, scaled = (tune(each, baseline="m2", floor=0.8, rng=np.random.default_rng(0)) for each in (results, other))
    assert usual.is_supported
    assert scaled.mix == usual.mix
    assert scaled.expected.saving == pytest.approx(usual.expected.saving)


@pytest.mark.filterwarnings("error")
def test_one_run_that_cost_more_than_all_others_together_is_no_trouble():
    results = world(3, 1).draw(60, 1)
    results.cost_usd[5, 0] = 1e300
    tuned = tune(results, baseline="m2", floor=0.8, rng=np.random.default_rng(0))
    assert 0 <= tuned.expected.saving <= 1


def test_a_baseline_that_solved_one_task_and_paid_for_one_is_no_trouble():
    dear = [(int(task == 3), float(task == 7), 20) for task in range(40)]
    found = tuned(table({"free": [(0, 0.0, 5)] * 40, "dear": dear}), baseline="dear")
    assert 0 <= found.expected.saving <= 1


@pytest.mark.parametrize(("baseline", "floor"), [("nobody", 0.95), ("m0", 0.0), ("m0", 1.5)])
def test_a_wrong_baseline_or_floor_is_refused(baseline, floor):
    with pytest.raises(ResultsError):
        tuned(WORLD.draw(20, 1), baseline=baseline, floor=floor)
