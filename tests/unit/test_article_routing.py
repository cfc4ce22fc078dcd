"""The article's routing: the five tiers, the hint, and the three questions."""

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tierrouter_core import article
from tierrouter_core.article import (
    TIER_ROUTER,
    Predicates,
    resolve_with_fallback,
    route_turn,
    tier_alias,
)

# A busy machine is not a failure.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
TASKS = st.dictionaries(st.text(max_size=8), JSON, max_size=4)
HINTS = st.sampled_from(sorted(TIER_ROUTER)) | st.text(max_size=12) | st.none()


def yes(_: Any) -> bool:
    return True


def throttled(*models: str) -> Predicates:
    return Predicates(is_throttled=lambda model: model in models)


# The tiers


def test_the_five_tiers_are_the_articles() -> None:
    assert TIER_ROUTER == {
        "routine": {"model": "kimi-k2-6", "provider": "openrouter", "max_tokens": 8192},
        "reasoning": {"model": "gpt-5-5", "provider": "openai", "max_tokens": 4096},
        "deep": {"model": "claude-opus-4-7", "provider": "anthropic", "max_tokens": 8192},
        "local": {"model": "qwen-3-6-27b-local", "provider": "ollama", "max_tokens": 4096},
        "fallback": {"model": "deepseek-v4-flash", "provider": "openrouter", "max_tokens": 8192},
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda tiers: tiers.__setitem__("deep", {}),
        lambda tiers: tiers["deep"].__setitem__("model", "cheaper"),
        lambda tiers: tiers.__delitem__("deep"),
        lambda tiers: tiers.pop("deep"),
        lambda tiers: tiers.popitem(),
        lambda tiers: tiers.clear(),
        lambda tiers: tiers.update(deep={}),
        lambda tiers: tiers.setdefault("new", {}),
        lambda tiers: tiers.__ior__({"new": {}}),
    ],
)
def test_the_tiers_refuse_every_change(change: Any) -> None:
    before = json.dumps(TIER_ROUTER)
    with pytest.raises(TypeError, match="read-only constant: copy it"):
        change(TIER_ROUTER)
    assert json.dumps(TIER_ROUTER) == before


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_copy_of_the_tiers_is_plain_and_may_be_changed(copied: Any) -> None:
    mine = copied(TIER_ROUTER)
    mine["deep"]["model"] = "another"
    mine["new"] = {}
    assert TIER_ROUTER["deep"]["model"] == "claude-opus-4-7"
    assert "new" not in TIER_ROUTER


def test_the_public_names_are_these() -> None:
    assert sorted(article.__all__) == [
        "ARTICLE_STEPS",
        "BaselineComparison",
        "DEEP_SHARE_LIMIT",
        "DeepShare",
        "EXPENSIVE_MODELS",
        "ModelSpend",
        "NEXT_TIER_UP",
        "PROMOTE_AT",
        "Predicates",
        "REGRESSION_FLOOR",
        "ROUTER_STEPS",
        "Spend",
        "Steps",
        "THRESHOLDS",
        "TIER_FLOOR",
        "TIER_ROUTER",
        "TierConfig",
        "baseline_comparison",
        "check_promotion",
        "deep_share_alert",
        "deep_tier_ratio",
        "log_spend",
        "new_spend",
        "promote_on_regression",
        "resolve_with_fallback",
        "route_turn",
        "spend_totals",
        "tier_alias",
        "tune_on_regression",
    ]
    assert all(hasattr(article, name) for name in article.__all__)


@pytest.mark.parametrize("name", sorted(TIER_ROUTER))
def test_a_tiers_model_becomes_the_alias_that_a_running_router_understands(name: str) -> None:
    assert tier_alias(TIER_ROUTER[name]["model"]) == f"tier/{name}"


def test_a_model_of_no_tier_has_no_alias() -> None:
    with pytest.raises(ValueError, match=r"no tier has the model 'gpt-3'.*kimi-k2-6"):
        tier_alias("gpt-3")


# route_turn


@pytest.mark.parametrize("name", sorted(TIER_ROUTER))
def test_a_known_hint_is_served_by_its_tier(name: str) -> None:
    assert route_turn({}, name) == (TIER_ROUTER[name]["model"], TIER_ROUTER[name])


def test_no_hint_is_routine() -> None:
    assert route_turn({}) == route_turn({}, None) == route_turn({}, "routine")


@pytest.mark.parametrize("hint", ["", "Deep", " deep", "gpt-5-5", "none", 7, ["deep"], {"deep"}])
def test_an_unknown_hint_falls_back(hint: Any) -> None:
    assert route_turn({}, hint) == ("deepseek-v4-flash", TIER_ROUTER["fallback"])


@pytest.mark.parametrize("task", [None, "fix the tests", 3, ["a"], {"a"}])
def test_a_task_that_is_no_mapping_is_refused(task: Any) -> None:
    with pytest.raises(TypeError, match=f"task: a {type(task).__name__} was given, a dict"):
        route_turn(task)
    with pytest.raises(TypeError, match="task"):
        resolve_with_fallback(task)


def test_the_returned_tier_is_the_callers_own() -> None:
    _, tier = route_turn({}, "deep")
    tier["max_tokens"] = 1
    assert route_turn({}, "deep")[1]["max_tokens"] == 8192


@UNHURRIED
@given(TASKS, HINTS)
def test_every_hint_is_routed_and_nothing_is_mutated(task: dict[str, Any], hint: str | None) -> None:
    before = copy.deepcopy((task, TIER_ROUTER))
    model, tier = route_turn(task, hint)
    assert tier in TIER_ROUTER.values()
    assert model == tier["model"]
    assert (task, TIER_ROUTER) == before


@UNHURRIED
@given(TASKS, st.text(max_size=12).filter(lambda hint: hint not in TIER_ROUTER))
def test_every_unknown_text_falls_back(task: dict[str, Any], hint: str) -> None:
    assert route_turn(task, hint)[1] == TIER_ROUTER["fallback"]


# resolve_with_fallback


def test_without_predicates_the_hint_decides() -> None:
    assert resolve_with_fallback({}, "deep") == route_turn({}, "deep")
    assert resolve_with_fallback({}) == route_turn({})


@pytest.mark.parametrize(
    ("predicates", "tier"),
    [
        (Predicates(), "routine"),
        (throttled("kimi-k2-6"), "fallback"),
        (throttled("some-other-model"), "routine"),
        (Predicates(is_complex_planning=yes), "deep"),
        (Predicates(output_flagged=yes), "reasoning"),
        (Predicates(is_complex_planning=yes, output_flagged=yes), "deep"),
        (Predicates(is_throttled=yes, is_complex_planning=yes, output_flagged=yes), "fallback"),
    ],
)
def test_throttled_comes_before_planning_and_planning_before_flagged(predicates: Predicates, tier: str) -> None:
    assert resolve_with_fallback({}, "routine", predicates) == (TIER_ROUTER[tier]["model"], TIER_ROUTER[tier])


@pytest.mark.parametrize("question", ["is_complex_planning", "output_flagged"])
def test_a_throttled_model_is_never_chosen_by_a_later_rule(question: str) -> None:
    busy = ("claude-opus-4-7", "gpt-5-5")
    _, tier = resolve_with_fallback({}, "routine", {"is_throttled": lambda model: model in busy, question: yes})
    assert tier == TIER_ROUTER["fallback"]


def test_the_fallback_serves_even_when_it_is_throttled() -> None:
    assert resolve_with_fallback({}, "no such tier", throttled("deepseek-v4-flash"))[1] == TIER_ROUTER["fallback"]


def test_the_questions_are_asked_about_the_model_and_the_task() -> None:
    asked: list[Any] = []

    def ask(about: Any) -> bool:
        asked.append(about)
        return False

    task = {"file_count": 4}
    resolve_with_fallback(task, "deep", {"is_throttled": ask, "is_complex_planning": ask, "output_flagged": ask})
    assert asked == ["claude-opus-4-7", task, task]


def test_an_unknown_predicate_is_named() -> None:
    with pytest.raises(ValueError, match="unknown name is_slow; known are is_throttled, is_complex_planning"):
        resolve_with_fallback({}, "deep", {"is_slow": yes})


@UNHURRIED
@given(
    TASKS,
    HINTS,
    st.sets(st.sampled_from([tier["model"] for tier in TIER_ROUTER.values()])),
    st.booleans(),
    st.booleans(),
)
def test_resolving_is_total_mutates_nothing_and_avoids_the_throttled(
    task: dict[str, Any], hint: str | None, busy: set[str], planning: bool, flagged: bool
) -> None:
    predicates = {
        "is_throttled": busy.__contains__,
        "is_complex_planning": lambda _: planning,
        "output_flagged": lambda _: flagged,
    }
    before = copy.deepcopy((task, TIER_ROUTER)), dict(predicates)
    model, tier = resolve_with_fallback(task, hint, predicates)
    assert tier in TIER_ROUTER.values()
    assert model == tier["model"]
    assert model not in busy or tier == TIER_ROUTER["fallback"]
    assert ((task, TIER_ROUTER), predicates) == before
