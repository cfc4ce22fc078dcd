"""Several sidecars as one."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from summaries import COUNTED, status, summary, turn

from tierrouter_core.summary.make import Counted
from tierrouter_core.summary.model import Summary
from tierrouter_core.summary.total import added_up
from tierrouter_core.summary.view import view_of

COUNTS = st.dictionaries(
    st.tuples(st.sampled_from(["routine", "deep", "old", ""]), st.just("m"), st.sampled_from(["answered", "cut"])),
    st.integers(0, 1000).map(float),
)
SUMMARIES = st.lists(
    st.builds(lambda turns: summary(Counted(turns=turns, decisions=turns)), COUNTS),
    min_size=1,
    max_size=5,
)


@given(SUMMARIES)
def test_sums_are_sums_whatever_the_sidecars_counted(made: list[Summary]):
    total = added_up(made)
    assert total.turns == sum(each.turns for each in made)
    assert total.failed == sum(each.failed for each in made)
    assert sum(total.outcomes.values()) == sum(sum(each.outcomes.values()) for each in made)
    assert total.sidecars == len(made)


@given(SUMMARIES)
def test_it_does_not_matter_in_which_order_they_are_added(made: list[Summary]):
    one, other = added_up(made), added_up(made[::-1])
    assert (one.turns, one.reasons) == (other.turns, other.reasons)
    assert {tier.name: tier.turns for tier in one.tiers} == {tier.name: tier.turns for tier in other.tiers}


def test_pods_that_serve_different_revisions_are_told_of_both():
    lagging = summary(status=status(stable="coding-old"))
    total = added_up([summary(recent=(turn(),)), lagging])
    assert total.served.revision == "coding-0123456789, coding-old"
    assert ("sidecars", "2") in view_of(total).serving
    assert total.recent == ()


def test_shares_and_savings_are_those_of_the_sums():
    deep_alone = replace(COUNTED, turns={("deep", "opus", "answered"): 100.0}, deep_turns={(): 100.0})
    total = added_up([summary(), summary(deep_alone)])
    assert total.expensive_turn_share == 107 / 200
    assert total.cost_usd == 8.0
    assert total.saved_usd == 32.0


def test_what_has_no_baseline_takes_nothing_from_what_was_saved():
    without = summary(replace(COUNTED, cost_usd={("deep", "opus"): 80.0}, baseline_usd={}, compared_usd={}))
    total = added_up([summary(), without])
    assert (total.cost_usd, total.saved_usd) == (84.0, 16.0)
    assert total.saved_usd == summary().saved_usd


def test_a_tier_that_is_expensive_in_one_router_is_not_so_in_another_that_has_the_name_too():
    cheap = status(router="other", tiers={"deep": {"provider": "vendor", "model": "opus", "expensive": False}})
    other = summary(Counted(turns={("deep", "opus", "answered"): 900.0}, cost_usd={("deep", "opus"): 6.0}), cheap)
    total = added_up([summary(), other])
    assert total.expensive_turn_share == 7 / 1000
    assert total.expensive_cost_share == 2.5 / 10


def with_budget(router: str = "coding", **changes) -> Summary:
    budget = {"name": "day", "scope": "Router", "limitUSD": "10", "exhausted": 0, "usedRatio": 0.1, **changes}
    return summary(status=status(router=router, spending={"budgets": [budget]}))


def test_budgets_of_one_name_in_several_routers_stay_apart():
    used_up = with_budget("other", limitUSD="1000", exhausted=1, usedRatio=1.0)
    shown = view_of(added_up([with_budget(), used_up, with_budget(usedRatio=0.4)]))
    assert [(row.name, row.limit, row.state) for row in shown.budgets] == [
        ("coding/day", "$10 in all", "40.0 % used"),
        ("other/day", "$1000 in all", "used up"),
    ]
    assert [each.text for each in shown.problems] == ["Budget other/day is used up ($1000)"]


def test_a_budget_whose_limit_has_changed_is_told_with_each_limit_that_pods_still_have():
    shown = view_of(added_up([with_budget(), with_budget(limitUSD="20", usedRatio=0.05)]))
    assert [(row.name, row.limit, row.state) for row in shown.budgets] == [
        ("day", "$10 in all", "10.0 % used"),
        ("day", "$20 in all", "5.0 % used"),
    ]


def test_no_sidecar_is_nothing():
    assert added_up([]).turns == 0
    assert view_of(added_up([])).title == "no configuration"


def test_what_fails_now_is_counted_over_all_sidecars():
    ends = (turn(), turn(outcome="cut"))
    total = added_up([summary(recent=ends), summary(recent=ends[:1])])
    assert total.lately == {"answered": 2, "cut": 1}
    assert [each.text for each in view_of(total).problems] == [
        "1 of the latest 3 turns failed: 1 cut off; the log says why"
    ]
