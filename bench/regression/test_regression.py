"""The simulation's own promises, and in small what it shows at length: ``python -m pytest bench/regression``."""

from xml.etree import ElementTree

import numpy as np
import pytest

from bench.regression import experiments
from bench.regression.fleets import fleets
from bench.regression.picture import picture
from bench.regression.suites import MIXED, Tasks


@pytest.mark.parametrize("accuracy", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("unlike", [0.0, MIXED])
def test_made_up_tasks_have_exactly_the_accuracy_that_was_asked_for(accuracy: float, unlike: float) -> None:
    chances = Tasks(200, np.random.default_rng(0), unlike).chances(accuracy)
    assert np.mean(chances) == pytest.approx(accuracy, abs=1e-6)
    assert chances.min() >= 0
    assert chances.max() <= 1


def test_the_same_tasks_are_hard_for_a_better_model() -> None:
    tasks = Tasks(200, np.random.default_rng(0), MIXED)
    assert list(np.argsort(tasks.chances(0.9))[:50]) == list(np.argsort(tasks.chances(0.97))[:50])


def test_series_at_the_limit_make_hardly_a_revision_and_the_plain_rule_fires_all_the_time() -> None:
    found = experiments.quiet(20, 1, 200, 0.0, seed=5)
    assert found.revisions <= 1
    assert 0.35 < found.plain_nights < 0.48
    assert found.plain_series == 20


def test_a_slip_of_five_points_is_caught_in_three_nights_on_average() -> None:
    assert experiments.slip(40, 200, 0.9, 0.0, seed=5).mean <= 3


def test_a_candidate_worse_by_the_margin_is_hardly_ever_promoted_and_an_equal_one_is() -> None:
    assert experiments.promotion(10, 200, 0.97, 0.94, MIXED, seed=5).share <= 0.1
    assert experiments.promotion(5, 200, 0.97, 0.97, MIXED, seed=5).share == 1


def test_thresholds_do_not_wind_up_while_a_slip_lasts_and_the_picture_shows_it() -> None:
    wound = experiments.wind_up(3, 200, 0.9, seed=5, nights=15)
    assert wound.ours[-1] == 7
    assert wound.plain[-1] == 1
    caught = experiments.slip(3, 200, 0.9, 0.0, seed=5)
    root = ElementTree.fromstring(picture([("to 90 %", caught)], wound))
    assert len(root.findall("{http://www.w3.org/2000/svg}polyline")) == 3


def test_equal_seeds_give_equal_fleets() -> None:
    assert fleets(3, seed=2) == fleets(3, seed=2)
