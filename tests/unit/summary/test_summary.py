"""What is shown of a sidecar: figures from what it counted, and every text of both views."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from summaries import BOUNDS_S, COUNTED, status, summary, turn

from tierrouter_core.names import Reason
from tierrouter_core.summary import MOST_RECENT
from tierrouter_core.summary.codec import as_json, summary_from_json, summary_to_json
from tierrouter_core.summary.make import MOST_TIERS, Counted
from tierrouter_core.summary.meanings import MEANINGS
from tierrouter_core.summary.model import FirstTokens, Summary
from tierrouter_core.summary.problems import Tone
from tierrouter_core.summary.quantile import quantile_s
from tierrouter_core.summary.view import DEFAULT_DEEP_SHARE, ENOUGH_TURNS, view_of

ROOT = Path(__file__).resolve().parents[3]
SECRET = "the launch code is 0000"


def fact(made: Summary, name: str):
    return next(each for each in view_of(made).facts if each.name == name)


def texts(made: Summary) -> list[str]:
    return [each.text for each in view_of(made).problems]


def test_tiers_stand_in_the_order_of_the_configuration_with_what_they_served():
    made = summary()
    assert [(tier.name, tier.turns, tier.failed) for tier in made.tiers] == [
        ("routine", 93, 2),
        ("deep", 7, 0),
        ("local", 0, 0),
    ]
    assert (made.turns, made.failed, made.cost_usd) == (100, 2, 4.0)
    routine = view_of(made).tiers[0]
    assert (routine.turns, routine.share_text, routine.input, routine.cached, routine.output, routine.cost) == (
        *("93", "93.0 %", "400k", "75.0 %", "9.00k"),
        "$1.50",
    )


def test_a_tier_that_the_configuration_names_no_more_is_shown_as_long_as_it_has_served_something():
    counted = Counted(turns={**COUNTED.turns, ("old", "gpt", "answered"): 4.0, ("", "", "refused"): 1.0})
    rows = view_of(summary(counted)).tiers
    assert [(row.name, row.model, row.turns) for row in rows[-2:]] == [("no tier", "", "1"), ("old", "gpt", "4")]


def test_no_number_of_old_tiers_makes_it_long():
    counted = Counted(turns={(f"tier-{n}", "m", "answered"): 1.0 for n in range(1000)})
    assert len(summary(counted).tiers) == MOST_TIERS


def test_the_saving_is_what_the_baseline_would_have_cost_less_what_was_spent():
    assert fact(summary(), "Saved") == replace(
        fact(summary(), "Saved"), value="$16.00", note="80.0 % less than all on opus", tone=Tone.GOOD
    )
    dear = summary(replace(COUNTED, baseline_usd={("opus",): 2.0}))
    assert (fact(dear, "Saved").value, fact(dear, "Saved").tone) == ("-$2.00", Tone.WARN)
    assert fact(dear, "Saved").note == "100.0 % more than all on opus"
    assert fact(summary(replace(COUNTED, baseline_usd={})), "Saved").value == "–"


def test_the_deep_share_is_the_routers_own_with_its_limit_where_it_has_one():
    watched = {"percent": 6.2, "maxPercent": 5, "by": "Turns", "windowSeconds": 86_400.0, "exceeded": True}
    made = summary(status=status(spending={"budgets": [], "deepShare": watched}))
    shown = fact(made, "Expensive tiers")
    assert (shown.value, shown.note, shown.tone) == ("6.2 %", "of turns in 24 h; 5 % allowed", Tone.BAD)
    assert (shown.share, shown.limit) == (0.062, 0.05)
    assert texts(made) == ["Expensive tiers have 6.2 % of turns; 5 % are allowed"]


def test_without_a_limit_of_its_own_the_deep_share_is_held_to_the_alerts_default():
    shown = fact(summary(), "Expensive tiers")
    assert (shown.value, shown.note, shown.tone) == ("7.0 %", "of turns since the start; 5 % by default", Tone.WARN)
    assert shown.limit == 0.05
    turns = {("routine", "kimi", "answered"): 9.0, ("deep", "opus", "answered"): 1.0}
    few = summary(Counted(turns=turns, deep_turns={(): 1.0}))
    assert (fact(few, "Expensive tiers").value, fact(few, "Expensive tiers").tone) == ("10.0 %", Tone.PLAIN)
    assert texts(summary()) == []


@pytest.mark.parametrize("tiers", [{}, {"deep": {"provider": "vendor", "model": "opus", "expensive": False}}])
def test_what_an_expensive_tier_has_served_is_in_the_share_whatever_became_of_the_tier(tiers):
    watched = {"percent": None, "maxPercent": 20, "by": "Spend", "windowSeconds": 86_400.0, "exceeded": False}
    assert fact(summary(status=status(tiers=tiers)), "Expensive tiers").value == "7.0 %"
    by_spend = status(tiers=tiers, spending={"budgets": [], "deepShare": watched})
    assert fact(summary(status=by_spend), "Expensive tiers").value == "62.5 %"


def test_the_share_is_of_turns_that_a_tier_was_chosen_for_as_the_alerts_is():
    turns = {**COUNTED.turns, ("none", "kimi", "answered"): 300.0, ("", "", "refused"): 300.0}
    assert fact(summary(replace(COUNTED, turns=turns)), "Expensive tiers").value == "7.0 %"


def test_the_default_is_the_one_that_the_chart_gives_to_the_alert():
    values = yaml.safe_load((ROOT / "charts/tierrouter/values.yaml").read_text())["prometheusRule"]["thresholds"]
    assert (values["deepSharePercent"], values["minTurns"]) == (100 * DEFAULT_DEEP_SHARE, ENOUGH_TURNS)


def test_before_there_are_enough_prompts_the_share_is_of_what_the_limit_is_about():
    watched = {"percent": None, "maxPercent": 20, "by": "Spend", "windowSeconds": 86_400.0, "exceeded": False}
    shown = fact(summary(status=status(spending={"budgets": [], "deepShare": watched})), "Expensive tiers")
    assert (shown.value, shown.note, shown.share) == ("62.5 %", "of spending; 20 % allowed", 0.625)


def test_turns_that_fail_now_need_attention_though_no_provider_is_left_alone():
    ends = ["answered"] * 6 + ["upstream_error", "cut", "upstream_error", "client_gone"]
    made = summary(recent=tuple(turn(outcome=end) for end in ends), shows_recent=False)
    (problem,) = view_of(made).problems
    assert (problem.tone, problem.text) == (
        Tone.BAD,
        "3 of the latest 10 turns failed: 2 without an answer, 1 cut off; the log says why",
    )
    one = summary(recent=tuple(turn(outcome=end) for end in ["answered"] * 10 + ["refused"]))
    assert [(each.tone, each.text) for each in view_of(one).problems] == [
        (Tone.WARN, "1 of the latest 11 turns failed: 1 refused; the log says why")
    ]


def test_failures_of_an_hour_ago_need_no_attention_any_more():
    before = tuple(turn(time="2026-09-21T12:33:10.000Z", outcome="cut") for _ in range(20))
    assert texts(summary(recent=before)) == []


def test_reasons_stand_with_what_they_mean_the_most_frequent_first():
    assert [(part.name, part.count, part.share_text) for part in view_of(summary()).reasons] == [
        ("Default", "60", "60.0 %"),
        ("ToolLoop", "33", "33.0 %"),
        ("Rule", "7", "7.0 %"),
    ]
    assert view_of(summary()).reasons[2].note == "a rule was true"


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_meaning(reason):
    assert MEANINGS[reason]


def test_failures_fallbacks_and_failed_calls_are_told():
    shown = fact(summary(), "Failed")
    assert (shown.value, shown.note, shown.tone) == ("2.0 %", "2 of 100; 3.0 % fell back to another tier", Tone.BAD)
    assert [(part.name, part.count) for part in view_of(summary()).errors] == [("vendor: server error", "5")]


def test_what_is_wrong_is_a_sentence_each_the_worst_first():
    left_alone = [
        {"provider": "vendor", "model": "kimi", "state": "throttled", "forSeconds": 61.0, "why": "vendor answered 429"},
        {"provider": "spare", "model": None, "state": "unauthorized", "forSeconds": 0, "why": "check\n spare.key"},
    ]
    budgets = [
        {"name": "day", "scope": "Router", "limitUSD": "20", "exhausted": 1},
        {"name": "deep", "scope": "Session", "limitUSD": "5", "exhausted": 3},
    ]
    made = summary(
        replace(COUNTED, unpriced={("local", "qwen"): 1.0}),
        status(
            leftAlone=left_alone,
            spending={"budgets": budgets},
            refused="rule x: no such tier",
            ledger={"pendingRows": 4, "lostRows": 1},
        ),
    )
    assert texts(made) == [
        "The newest configuration is refused: rule x: no such tier",
        "spare refuses the key: check spare.key",
        "1 row of the ledger could not be written, and went to the log",
        "vendor, model kimi, is throttled for another 1 min: vendor answered 429",
        "Budget day is used up ($20)",
        "Budget deep is used up by 3 sessions ($5)",
        "1 turn without a known price, of qwen, counts as nothing",
    ]
    assert fact(made, "Spent").value == "$4.00 + ?"
    assert ("ledger", "4 rows to be written") in view_of(made).serving


def test_a_sidecar_without_a_configuration_says_so_and_why():
    waiting = {"stable": None, "canary": None, "split": None, "loadedAt": None, "refused": "no document"}
    made = summary(Counted(), waiting)
    assert texts(made) == ["No configuration is in force: no document"]
    assert view_of(made).title == "no configuration"
    assert [each.value for each in view_of(made).facts] == ["$0", "–", "0.0 %", "0", "0.0 %"]


def test_a_canary_is_shown_with_its_share():
    made = summary(status=status(canary="coding-9876543210", split={"percent": 10}))
    assert ("canary", "coding-9876543210 (10 % of new sessions)") in view_of(made).serving


def test_a_budget_is_shown_with_how_much_of_it_is_used():
    budget = {"name": "day", "scope": "Router", "limitUSD": "20", "exhausted": 0, "usedRatio": 0.43}
    (row,) = view_of(summary(status=status(spending={"budgets": [budget]}))).budgets
    assert (row.limit, row.state, row.share) == ("$20 in all", "43.0 % used", 0.43)


def test_the_latest_turns_are_shown_newest_first_with_the_rule_that_decided():
    rows = (
        turn(time="2026-09-21T13:33:09.000Z"),
        turn(reason="Rule: wide is true (task.file_count=9)", cost_usd=Decimal("0.0213")),
        turn(reason="Failover: vendor answered 400; deep takes over", outcome="upstream_error"),
    )
    shown = view_of(summary(recent=rows)).recent
    assert [(row.why, row.outcome, row.cost) for row in shown] == [
        ("Failover", "failed", "–"),
        ("Rule: wide", "answered", "$0.0213"),
        ("Default", "answered", "–"),
    ]
    assert (shown[1].input, shown[1].output, shown[1].duration) == ("10.0k", "120", "1.4 s")


@pytest.mark.parametrize(
    "reason",
    [
        f"Failover: vendor answered 400: {SECRET}; deep takes over from routine",
        f"UnknownHint: '{SECRET}' is not a tier of this router",
        f"ModelHint: {SECRET} matches the model hint *",
    ],
)
def test_nothing_that_a_provider_or_an_agent_wrote_is_shown_of_a_turn(reason):
    row = turn(reason=reason, requested_model=SECRET, hint=SECRET, agent=SECRET, session=SECRET, labels=SECRET)
    made = summary(recent=(row,))
    assert SECRET not in json.dumps(summary_to_json(made))
    assert SECRET not in json.dumps(as_json(view_of(made)))


def test_the_latest_turns_are_left_out_where_they_are_not_to_be_seen_but_their_pace_is_told():
    rows = tuple(turn() for _ in range(10))
    made = summary(recent=rows, shows_recent=False)
    assert made.recent == ()
    assert made.per_minute == 2.0


def test_the_pace_is_that_of_the_turns_that_are_remembered_where_there_were_more():
    full = tuple(turn(time="2026-09-21T13:33:09.000Z", duration_ms=1000) for _ in range(MOST_RECENT))
    assert summary(recent=full).per_minute == pytest.approx(60 * MOST_RECENT / 10)
    assert summary(recent=(turn(time="2026-09-21T10:00:00.000Z"),)).per_minute == 0


def test_a_summary_is_the_same_after_it_went_over_the_wire():
    made = summary(recent=(turn(cost_usd=Decimal("0.5"), ttft_ms=300),))
    assert summary_from_json(json.loads(json.dumps(summary_to_json(made)))) == made


def test_what_another_version_says_more_is_left_out_and_what_it_does_not_say_is_nothing():
    assert summary_from_json({"upS": 3.0, "tiers": [{"name": "deep", "colour": "red"}], "future": [1]}).turns == 0


@pytest.mark.parametrize(
    "said", [[], None, {"upS": "long"}, {"tiers": [{}]}, {"tiers": {}}, {"inFlight": True}, {"reasons": {"a": "b"}}]
)
def test_what_no_sidecar_says_is_an_error(said):
    with pytest.raises(ValueError, match=r"."):
        summary_from_json(said)


def test_a_quantile_is_the_one_that_prometheus_gives():
    waits = FirstTokens(BOUNDS_S, (50, 40, 10, 0))
    assert quantile_s(waits, 0.5) == pytest.approx(0.1)
    assert quantile_s(waits, 0.95) == pytest.approx(5.5)
    assert quantile_s(FirstTokens(BOUNDS_S, (0, 0, 0, 5)), 0.5) == 10.0
    assert quantile_s(FirstTokens(), 0.5) is None
