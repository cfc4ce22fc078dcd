"""What a policy would have done: stages that are abandoned, mixes, and the search's sums of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import table

from tierrouter_core.tuning.policy import Entry, Policy, Stage, mix_outcomes, policy_outcomes
from tierrouter_core.tuning.search import Candidates

RUN = st.tuples(st.integers(0, 1), st.floats(0, 100), st.integers(0, 60))
MODELS = ("a", "b", "c")


@st.composite
def results(draw, least=1, most=8):
    count = draw(st.integers(least, most))
    return table({model: draw(st.lists(RUN, min_size=count, max_size=count)) for model in MODELS})


@st.composite
def policies(draw):
    models = draw(st.permutations(MODELS))[: draw(st.integers(1, 3))]
    stages = [Stage(model, draw(st.integers(1, 40))) for model in models[:-1]]
    return Policy((*stages, Stage(models[-1])))


def test_an_abandoned_stage_costs_its_share_of_the_calls_and_the_next_starts_afresh():
    of = table({"small": [(1, 2.0, 20)], "large": [(1, 5.0, 30)]})
    outcomes = policy_outcomes(Policy((Stage("small", 8), Stage("large"))), of)
    assert outcomes.quality.tolist() == [1]
    assert outcomes.cost_usd.tolist() == [2.0 * 8 / 20 + 5.0]


def test_a_run_of_just_as_many_calls_as_allowed_is_not_abandoned():
    of = table({"small": [(0, 2.0, 8)], "large": [(1, 5.0, 30)]})
    outcomes = policy_outcomes(Policy((Stage("small", 8), Stage("large"))), of)
    assert (outcomes.quality.tolist(), outcomes.cost_usd.tolist()) == ([0], [2.0])


def test_the_last_stage_has_no_limit_and_all_others_have_one():
    for stages in ((), (Stage("a", 3),), (Stage("a"), Stage("b")), (Stage("a", 3), Stage("b", 3))):
        with pytest.raises(ValueError, match="stage"):
            Policy(stages)


@given(results(), policies())
def test_a_task_is_solved_by_the_stage_that_ends_it_and_every_stage_until_then_is_paid(of, policy):
    outcomes = policy_outcomes(policy, of)
    for task in range(len(of.tasks)):
        cost, solved = 0.0, 0.0
        for stage in policy.stages:
            column = of.column(stage.model)
            calls, price = of.calls[task, column], of.cost_usd[task, column]
            if stage.max_calls is not None and calls > stage.max_calls:
                cost += price * stage.max_calls / calls
                continue
            cost, solved = cost + price, of.resolved[task, column]
            break
        assert outcomes.quality[task] == solved
        assert outcomes.cost_usd[task] == pytest.approx(cost)


@given(results(), st.integers(1, 40), st.integers(0, 20))
def test_a_higher_limit_never_makes_the_first_stage_cheaper_nor_reach_fewer_ends(of, limit, more):
    # Behind a stage that is free and solves nothing, what is left is the first stage alone.
    joined = table(
        {
            "a": list(zip(of.resolved[:, 0].astype(int), of.cost_usd[:, 0], of.calls[:, 0].astype(int), strict=True)),
            "none": [(0, 0.0, 0)] * len(of.tasks),
        }
    )
    low = policy_outcomes(Policy((Stage("a", limit), Stage("none"))), joined)
    high = policy_outcomes(Policy((Stage("a", limit + more), Stage("none"))), joined)
    whole = policy_outcomes(Policy((Stage("a"),)), joined)
    for lesser, greater in ((low, high), (high, whole)):
        assert (lesser.quality <= greater.quality).all()
        assert (lesser.cost_usd <= greater.cost_usd + 1e-9).all()


@given(results(), policies(), policies(), st.floats(0, 1))
def test_a_mix_lies_on_the_line_between_its_policies(of, one, other, weight):
    mixed = mix_outcomes([Entry(weight, one), Entry(1 - weight, other)], of)
    first, second = policy_outcomes(one, of), policy_outcomes(other, of)
    assert np.allclose(mixed.quality, weight * first.quality + (1 - weight) * second.quality)
    assert np.allclose(mixed.cost_usd, weight * first.cost_usd + (1 - weight) * second.cost_usd)


@settings(max_examples=30)
@given(results(least=4, most=12), st.data())
def test_the_search_sums_what_running_every_policy_through_the_tasks_gives(of, data):
    baseline = data.draw(st.sampled_from(MODELS))
    column = of.column(baseline)
    of.resolved[0, column], of.cost_usd[:, column] = 1, of.cost_usd[:, column] + 50
    rows = np.array(sorted({0, *data.draw(st.lists(st.integers(0, len(of.tasks) - 1)))}))
    candidates = Candidates(of, baseline)
    points, some = candidates.points(rows), of.only(rows)
    solved, paid = some.resolved[:, column].sum(), some.cost_usd[:, column].sum()
    found = {candidates.policy(int(index)) for index in points.index}
    assert len(found) == len(points.index)
    assert (np.diff(points.cost) >= 0).all()
    for at in data.draw(st.lists(st.integers(0, len(points.index) - 1), max_size=20)):
        policy = candidates.policy(int(points.index[at]))
        outcomes = policy_outcomes(policy, some)
        share = outcomes.quality.sum() / solved
        assert points.stages[at] == len(policy.stages)
        assert points.quality[at] == pytest.approx(share, abs=1e-5)
        assert points.cost[at] == pytest.approx(outcomes.cost_usd.sum() / paid, abs=1e-5)
        residual = outcomes.quality - share * some.resolved[:, column]
        more = 0 if points.index[at] == column else 1
        assert points.error[at] == pytest.approx(np.sqrt((residual**2).sum() + more) / solved, abs=1e-4)


def test_every_policy_that_costs_no_more_than_the_baseline_is_looked_at():
    of = table({"a": [(1, 1.0, 4), (0, 1.0, 9)], "b": [(1, 2.0, 5), (1, 2.0, 6)], "c": [(1, 50.0, 3), (1, 50.0, 7)]})
    candidates = Candidates(of, "c")
    found = {candidates.policy(int(index)) for index in candidates.points(np.arange(2)).index}
    assert Policy((Stage("c"),)) in found
    assert {len(policy.stages) for policy in found} == {1, 2, 3}
    assert all(len({stage.model for stage in policy.stages}) == len(policy.stages) for policy in found)
