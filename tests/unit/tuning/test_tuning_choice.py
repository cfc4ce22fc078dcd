"""What is chosen holds the floor as strictly as asked, and is simple where simple costs no more; luck is measured."""

import numpy as np
import pytest
from tables import table

from synthetic_benchmark import world
from tierrouter_core.tuning.choose import choose
from tierrouter_core.tuning.correct import measure_optimism
from tierrouter_core.tuning.policy import Entry, Policy, Stage, mix_outcomes
from tierrouter_core.tuning.search import Candidates

WORLD = world(models=5, seed=4)
RESULTS = WORLD.draw(200, seed=1)
CANDIDATES = Candidates(RESULTS, WORLD.baseline)
POINTS = CANDIDATES.points(np.arange(200))


@pytest.mark.parametrize("floor", [0.7, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("strictness", [0.0, 1.0, 3.0])
def test_the_quality_is_above_the_floor_by_as_many_errors_as_asked(floor, strictness):
    chosen = choose(CANDIDATES, POINTS, floor, strictness)
    assert chosen.quality - strictness * chosen.error >= floor - 1e-6
    assert chosen.cost <= 1


@pytest.mark.parametrize("floor", [0.8, 0.95])
def test_what_is_said_of_a_mix_is_what_it_did(floor):
    chosen = choose(CANDIDATES, POINTS, floor, 1.0)
    outcomes, column = mix_outcomes(chosen.mix, RESULTS), RESULTS.column(WORLD.baseline)
    assert chosen.quality == pytest.approx(outcomes.quality.sum() / RESULTS.resolved[:, column].sum(), abs=1e-4)
    assert chosen.cost == pytest.approx(outcomes.cost_usd.sum() / RESULTS.cost_usd[:, column].sum(), abs=1e-4)


def test_being_stricter_by_much_or_asking_for_more_costs_more():
    assert choose(CANDIDATES, POINTS, 0.9, 0.0).cost < choose(CANDIDATES, POINTS, 0.9, 2.0).cost
    assert choose(CANDIDATES, POINTS, 0.8, 1.0).cost < choose(CANDIDATES, POINTS, 0.95, 1.0).cost


def test_of_two_that_cost_nearly_the_same_the_one_with_fewer_stages_is_taken():
    # A cascade that gives up the cheap model after 10 calls saves a cent in a hundred dollars.
    cheap = [(1, 50.0, 10)] * 99 + [(1, 50.02, 11)]
    other = [(1, 5.0, 3)] + [(0, 5.0, 3)] * 99
    candidates = Candidates(table({"cheap": cheap, "other": other, "dear": [(1, 100.0, 20)] * 100}), "dear")
    chosen = choose(candidates, candidates.points(np.arange(100)), 0.9, 0.0)
    assert chosen.complexity <= 2
    alone = choose(candidates, candidates.points(np.arange(100)), 1.0, 0.0)
    assert alone.mix == (Entry(1.0, Policy((Stage("cheap"),))),)


def test_where_many_policies_are_alike_the_best_looking_one_was_lucky():
    # Twelve models of which none is better than another: what is chosen among them can't be as good as it looks.
    rng = np.random.default_rng(1)
    runs = {f"m{number}": [(int(solved), 1.0, 10) for solved in rng.random(100) < 0.5] for number in range(12)}
    runs["dear"] = [(int(solved), 3.0, 10) for solved in rng.random(100) < 0.5]
    candidates = Candidates(table(runs), "dear")
    (optimism,) = measure_optimism(candidates, 1.0, np.random.default_rng(0), strictnesses=[0.0])
    assert optimism.quality > 0.5


def test_where_there_is_nothing_to_choose_there_is_no_optimism():
    results = table({"dear": [(1, 9.0, 10)] * 50, "base": [(1, 1.0, 10)] * 50})
    (optimism,) = measure_optimism(Candidates(results, "base"), 0.95, np.random.default_rng(0), strictnesses=[1.0])
    assert (optimism.quality, optimism.saving) == (0, 0)
