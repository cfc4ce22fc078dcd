"""What tuning holds and saves on the half of a benchmark that it has not seen, where the truth is known."""

import numpy as np
import pytest

from synthetic_benchmark import Truth, halvings, world

FLOOR = 0.95
WORLDS = [world(models=6, seed=seed) for seed in (1, 2, 3)]
"""The first three of the dozen that ``python -m bench.tuning --models 6`` goes through."""


@pytest.fixture(scope="module")
def worlds():
    """Twenty halvings of a benchmark of 500 tasks, in each world."""
    return [
        halvings(of, Truth(of), tasks=500, floor=FLOOR, count=20, seed=seed + 100) for seed, of in enumerate(WORLDS, 1)
    ]


@pytest.fixture(scope="module")
def halved(worlds):
    return [one for halvings_of_world in worlds for one in halvings_of_world]


def test_the_floor_is_held_on_tasks_that_were_not_tuned_on(worlds):
    for halvings_of_world in worlds:
        quality = [one.quality for one in halvings_of_world]
        assert np.mean(quality) >= FLOOR - 0.005
        assert np.quantile(quality, 0.1) >= FLOOR - 0.05


def test_nearly_as_much_is_saved_as_the_best_policy_of_that_quality_would(halved):
    assert all(one.tuned.is_supported for one in halved)
    assert sum(one.true_saving for one in halved) >= 0.9 * sum(one.best_saving for one in halved)


def test_quality_and_saving_are_as_expected_and_the_bounds_hold_nearly_always(halved):
    expected = np.mean([one.tuned.expected.quality for one in halved])
    assert expected == pytest.approx(np.mean([one.true_quality for one in halved]), abs=0.03)
    saving = np.mean([one.tuned.expected.saving for one in halved])
    assert saving == pytest.approx(np.mean([one.true_saving for one in halved]), abs=0.03)
    assert np.mean([one.true_quality >= one.tuned.expected.quality_low for one in halved]) >= 0.9


def test_less_is_expected_than_what_the_chosen_policy_seemed_to_do(halved):
    assert all(one.tuned.expected.quality < one.tuned.seemed.quality for one in halved)
