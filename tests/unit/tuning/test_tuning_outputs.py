"""What is written: the policy's JSON, a router that does what the policy says, and a picture."""

from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic_benchmark import world
from tierrouter_core.document.model import Document
from tierrouter_core.errors import ConfigurationError, ResultsError
from tierrouter_core.names import Dialect, TurnKind
from tierrouter_core.resources.compile import compile_router
from tierrouter_core.resources.load import load_resources
from tierrouter_core.routing.decide import Router
from tierrouter_core.routing.session_state import SessionState
from tierrouter_core.routing.turn import Turn
from tierrouter_core.routing.variables import defaults
from tierrouter_core.tuning.plot import frontier_svg
from tierrouter_core.tuning.policy import Entry, Mix, Policy, Stage
from tierrouter_core.tuning.policy_json import mix_from_json, mix_to_json, policy_to_json
from tierrouter_core.tuning.router import KnownModels, router_from, router_with_placeholders
from tierrouter_core.tuning.tune import Tuned, tune
from tierrouter_core.tuning.words import closing_lines

MODELS = ("small", "vendor/Middle 2.0", "large", "none")
USERS = """\
apiVersion: tierrouter.dev/v1alpha1
kind: TierRouter
metadata: {name: coding, namespace: agents, resourceVersion: "7"}
spec:
  tiers:
    - {name: routine, rank: 1, model: small, provider: second, maxTokens: 1234, fallbackTo: [deep]}
    - {name: deep, rank: 2, model: large, provider: first, expensive: true}
  defaultTier: routine
  hints: {allow: [deep], modelAliases: false}
  thresholds: [{name: files, value: 3}]
  rules: [{name: wide, when: "task.file_count > thresholds.files", tier: deep}]
  modelHints: [{match: "*haiku*", tier: routine}]
  session: {affinity: Prompt, subagentTier: routine}
  failover: {maxAttempts: 2}
---
apiVersion: tierrouter.dev/v1alpha1
kind: ModelProvider
metadata: {name: first, namespace: agents}
spec:
  baseURL: https://first.example/v1
  dialects: [OpenAIChat]
  models:
    - {name: small, id: "v/small", priceUSDPerMTok: {input: "0.10", output: "1e3"}}
    - {name: large, id: "v/large", priceUSDPerMTok: {input: "5", output: "30"}}
---
apiVersion: tierrouter.dev/v1alpha1
kind: ModelProvider
metadata: {name: second, namespace: agents}
spec:
  baseURL: https://second.example/v1
  dialects: [OpenAIChat]
  models: [{name: small}, {name: other}]
""".replace('"1e3"', '"1"')


def compiled(text: str) -> Document:
    resources = load_resources([("tuned.yaml", text)])
    return compile_router(resources.one_router(), resources.providers, lambda *asked: None).document


@st.composite
def policies(draw):
    models = draw(st.permutations(MODELS))[: draw(st.integers(1, 3))]
    return Policy((*(Stage(model, draw(st.integers(1, 6))) for model in models[:-1]), Stage(models[-1])))


@st.composite
def mixes(draw):
    one, other = draw(policies()), draw(policies())
    weight = draw(st.integers(1, 99)) / 100
    return (Entry(1.0, one),) if one == other else (Entry(weight, one), Entry(round(1 - weight, 2), other))


def served(document: Document, first: str, calls: int, compacted: int = 0) -> list[str]:
    """The ids of the models that serve the calls of a prompt that drew the tier ``first``.

    The conversation was compacted just before the call of index ``compacted``; 0: it was not.
    """
    router, state, found = Router(document), SessionState(first, first), []
    for call in range(calls):
        kind = TurnKind.TOOL_LOOP if call else TurnKind.USER
        if compacted and call == compacted:
            kind = TurnKind.AUTOMATIC
        turn = Turn(
            dialect=Dialect.CHAT,
            requested_model="auto",
            hint=None,
            kind=kind,
            session="s",
            compacted=kind is TurnKind.AUTOMATIC,
            # This one included.
            variables={**defaults(), "session.calls_in_task": call + 1},
        )
        decision = router.decide(turn, state)
        state = decision.state
        found.append(decision.targets[0].tier.model)
    return found


def wanted(policy: Policy, calls: int) -> list[str]:
    stages = [stage.model for stage in policy.stages for _ in range(stage.max_calls or calls)]
    return stages[:calls]


@settings(max_examples=60)
@given(mixes(), st.integers(0, 15))
def test_a_session_goes_through_the_stages_of_what_it_drew_and_no_others(mix: Mix, compacted: int):
    document = compiled(router_with_placeholders(mix, "large").text)
    names = dict(zip(MODELS, ("small", "middle-2-0", "large", "none"), strict=True))
    assert sum(weight for _, weight in document.default_tier) in (1, 100)
    for entry, (tier, _) in zip(mix, document.default_tier, strict=True):
        assert served(document, tier, 16, compacted) == [names[model] for model in wanted(entry.policy, 16)]


@given(mixes())
def test_a_policy_that_is_read_back_is_the_same(mix: Mix):
    assert mix_from_json(mix_to_json(mix)) == mix


CASCADE = Policy((Stage("small", 8), Stage("other", 4), Stage("large")))
MIX = (Entry(0.7, CASCADE), Entry(0.3, Policy((Stage("large"),))))


def test_a_cascade_of_three_stages_has_two_thresholds_and_two_rules_that_escalate():
    document = compiled(router_with_placeholders(MIX, "large").text)
    assert document.thresholds == {"calls_1": 8, "calls_2": 12}
    assert [rule.when for rule in document.rules] == [
        "session.calls_in_task > thresholds.calls_2",
        # Who began on the last tier would be moved down by it after a compaction.
        'session.tier in ["small", "other"] && session.calls_in_task > thresholds.calls_1',
    ]
    assert served(document, "large", 40, compacted=10) == ["large"] * 40
    assert all(rule.escalate for rule in document.rules)
    assert document.default_tier == (("small", 70), ("large", 30))


def test_a_rule_says_which_tiers_it_is_meant_for_where_the_mix_has_others():
    mix = (Entry(0.69, Policy((Stage("small", 31), Stage("large")))), Entry(0.31, Policy((Stage("small"),))))
    document = compiled(router_with_placeholders(mix, "large").text)
    assert [rule.when for rule in document.rules] == [
        'session.tier in ["small", "large"] && session.calls_in_task > thresholds.calls_1'
    ]
    assert served(document, "small-2", 40, compacted=35) == ["small"] * 40
    assert served(document, "small", 40, compacted=35) == ["small"] * 31 + ["large"] * 9


def test_without_a_router_file_the_written_one_has_places_to_fill_in_and_says_so():
    text = router_with_placeholders(MIX, "large").text
    assert 'put your providers in the place of "replace-me"' in text
    assert "https://replace-me.invalid/v1" in text


def test_with_a_router_file_the_policy_takes_the_place_of_what_decided_there():
    written = router_from(MIX, "v/large", KnownModels(USERS, "coding.yaml"))
    document = compiled(written.text)
    assert (document.namespace, document.router) == ("agents", "coding")
    assert [(tier.model, tier.provider) for tier in document.tiers.values()] == [
        ("small", "second"),  # whose tier it was, though the first has one too
        ("other", "second"),
        ("large", "first"),
    ]
    assert document.tiers["small"].max_tokens == 1234
    assert document.tiers["large"].expensive
    assert document.baseline is not None
    assert document.baseline.model == "large"
    assert (document.session.affinity, document.failover.max_attempts) == ("Prompt", 2)
    assert not document.hints.model_aliases
    assert set(document.hints.allow) == set(document.tiers)


def test_what_was_not_taken_over_is_named():
    written = router_from(MIX, "large", KnownModels(USERS, "coding.yaml"))
    assert written.left_out == (
        "spec.rules",
        "spec.thresholds",
        "spec.modelHints",
        "spec.hints.allow",
        "spec.session.subagentTier",
    )
    assert "# Not taken over from coding.yaml" in written.text


def test_hooks_that_ask_for_what_is_gone_are_left_out_and_the_others_stay():
    hooks = """\
  hooks:
    isThrottled: "response.tier == 'deep' && response.status == 503"
    isComplexPlanning: "task.planning_depth > 3"
    outputFlagged: "response.text == ''"
"""
    users = USERS.replace("  failover:", hooks + "  failover:")
    written = router_from(MIX, "large", KnownModels(users, "coding.yaml"))
    kept = compiled(written.text).hooks
    assert kept is not None
    assert (kept.is_throttled, kept.is_complex_planning, kept.output_flagged) == ("", "", "response.text == ''")
    assert written.left_out[-2:] == ("spec.hooks.isThrottled", "spec.hooks.isComplexPlanning")
    asks_thresholds = users.replace("response.text == ''", "response.output_tokens < thresholds.files")
    assert compiled(router_from(MIX, "large", KnownModels(asks_thresholds, "coding.yaml")).text).hooks is None


def test_a_model_that_no_provider_has_is_refused_by_name():
    known = KnownModels(USERS, "coding.yaml")
    known.check(["small", "v/large", "other"], "bench.csv")
    with pytest.raises(ResultsError, match=r'bench.csv: column model: "larg" is unknown: no ModelProvider of coding.y'):
        known.check(["small", "larg"], "bench.csv")


def test_a_router_file_that_is_wrong_is_refused_with_its_problems():
    with pytest.raises(ConfigurationError, match="no tier is named"):
        KnownModels(USERS.replace("defaultTier: routine", "defaultTier: nope"), "coding.yaml")


@pytest.fixture(scope="module")
def tuned() -> Tuned:
    of = world(models=5, seed=2)
    return tune(of.draw(150, 1), baseline=of.baseline, floor=0.9, rng=np.random.default_rng(0))


def test_the_json_has_the_agreed_fields(tuned):
    policy = policy_to_json(tuned, seed=3)
    assert policy["baseline_model"] == "m4"
    assert policy["floor"] == 0.9
    assert {"quality", "quality_low", "saving"} <= set(policy["expected"])
    assert policy["mix"] == mix_to_json(tuned.mix)
    assert policy["seed"] == 3
    assert policy["supported"] is True
    assert policy["supported_floor"] == 0.9


def test_the_picture_is_one_svg_that_asks_for_nothing_from_elsewhere(tuned):
    svg = frontier_svg(tuned)
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "href" not in svg
    assert "url(" not in svg
    text = " ".join(root.itertext())
    for words in ("frontier, expected", "floor 90 %", "m4 (baseline)", "chosen:"):
        assert words in text


def test_a_models_name_can_not_break_out_of_the_picture():
    of = world(models=3, seed=2).draw(60, 1)
    names = ("<script>", 'a"b', "c&d")
    renamed = type(of)(
        tasks=of.tasks, models=names, resolved=of.resolved, cost_usd=of.cost_usd, calls=of.calls
    )  # fmt: skip
    svg = frontier_svg(tune(renamed, baseline="c&d", floor=0.9, rng=np.random.default_rng(0)))
    assert "<script>" in "".join(ElementTree.fromstring(svg).itertext())


def test_it_says_what_is_proposed_what_to_expect_and_how_it_seemed(tuned):
    proposed, expected, seemed = closing_lines(tuned)
    assert proposed.startswith("Proposed: ")
    assert "95 % sure of" in expected
    assert "90 % interval" in expected
    assert "On these 150 tasks" in seemed


def test_it_says_plainly_that_the_data_do_not_support_the_floor_and_what_they_do_support():
    of = world(models=5, seed=2)
    unsupported = tune(of.draw(25, 1), baseline=of.baseline, floor=1.0, rng=np.random.default_rng(0))
    lines = closing_lines(unsupported)
    assert lines[0].startswith("These 25 tasks do not support a floor of 1: no policy that is cheaper than m4 can be")
    assert lines[-1] == "Proposed: m4 alone."
