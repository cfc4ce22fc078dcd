"""What regression runs have moved: it holds until the user decides otherwise, and no decision moves more than its own."""

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.resources.inputs import NOTHING_MOVED, base_values, carried, inputs_digest, rebased, with_overlay
from tierrouter_core.resources.load import load_resources
from tierrouter_core.resources.revision import TunedValues
from tierrouter_core.resources.router import TierRouter

EXAMPLE = Path(__file__).parents[3] / "examples" / "coding.yaml"


def router() -> TierRouter:
    return load_resources([(str(EXAMPLE), EXAMPLE.read_text())]).one_router()


ROUTER = router()
NAMES = [threshold.name for threshold in ROUTER.spec.thresholds]
TIERS = [tier.name for tier in ROUTER.spec.tiers]
OVERLAYS = st.builds(
    TunedValues,
    thresholds=st.dictionaries(st.sampled_from([*NAMES, "gone"]), st.integers(0, 60), max_size=4),
    tiers=st.dictionaries(st.sampled_from([*TIERS, "gone"]), st.sampled_from(["glm-5", "gpt-5-5"]), max_size=3),
)


@st.composite
def edited(draw: st.DrawFn) -> TierRouter:
    """The router after its user has changed values and bounds, and taken thresholds away."""
    thresholds = []
    for threshold in ROUTER.spec.thresholds:
        if draw(st.integers(0, 5)) == 0:
            continue
        low, high = sorted((draw(st.integers(0, 30)), draw(st.integers(0, 30))))
        value = threshold.value if low <= threshold.value <= high and draw(st.booleans()) else low
        thresholds.append(replace(threshold, min=low, max=high, value=value))
    return replace(ROUTER, spec=replace(ROUTER.spec, thresholds=tuple(thresholds)))


BASE = base_values(ROUTER.spec)


@given(OVERLAYS, edited())
def test_a_rebased_overlay_is_within_bounds_and_names_only_what_there_is_and_the_user_left_alone(
    overlay: TunedValues, now: TierRouter
) -> None:
    left = rebased(overlay, BASE, now)
    spec = {threshold.name: threshold for threshold in now.spec.thresholds}
    for name, value in left.thresholds.items():
        assert spec[name].min <= value <= spec[name].max
        assert spec[name].value == BASE.thresholds[name] != value
    for name, model in left.tiers.items():
        assert base_values(now.spec).tiers[name] == BASE.tiers[name] != model
    for name in left.thresholds.keys() & overlay.thresholds.keys():
        if spec[name].min <= overlay.thresholds[name] <= spec[name].max:
            assert left.thresholds[name] == overlay.thresholds[name]


@given(OVERLAYS, edited())
def test_rebasing_twice_is_rebasing_once(overlay: TunedValues, now: TierRouter) -> None:
    left = rebased(overlay, BASE, now)
    assert rebased(left, base_values(now.spec), now) == left


@given(OVERLAYS, OVERLAYS)
def test_a_decision_on_what_is_in_force_gives_what_it_decided(current: TunedValues, after: TunedValues) -> None:
    current = rebased(current, BASE, ROUTER)
    after = rebased(after, BASE, ROUTER)
    assert carried(current, current, after, BASE, ROUTER) == after


@given(OVERLAYS, OVERLAYS, OVERLAYS)
def test_a_decision_moves_nothing_but_its_own_step(
    current: TunedValues, before: TunedValues, after: TunedValues
) -> None:
    current = rebased(current, BASE, ROUTER)
    moved = carried(current, before, after, BASE, ROUTER)
    for name in NAMES:
        if before.thresholds.get(name) == after.thresholds.get(name):
            assert moved.thresholds.get(name) == current.thresholds.get(name)


@given(OVERLAYS, OVERLAYS, edited())
def test_what_the_user_has_set_since_is_the_users(before: TunedValues, after: TunedValues, now: TierRouter) -> None:
    moved = carried(NOTHING_MOVED, before, after, BASE, now)
    effective = base_values(with_overlay(now, moved).spec).thresholds
    for threshold in now.spec.thresholds:
        assert threshold.min <= effective[threshold.name] <= threshold.max
        if threshold.value != BASE.thresholds[threshold.name]:
            assert effective[threshold.name] == threshold.value


def test_an_overlay_is_part_of_the_digest_of_inputs() -> None:
    moved = TunedValues(thresholds={"file_count": 7}, tiers={})
    assert inputs_digest(ROUTER, (), moved) != inputs_digest(ROUTER, (), NOTHING_MOVED)


def test_bounds_that_are_narrower_now_hold_the_value_within_them() -> None:
    narrower = tuple(
        replace(threshold, min=7) if threshold.name == "file_count" else threshold
        for threshold in ROUTER.spec.thresholds
    )
    now = replace(ROUTER, spec=replace(ROUTER.spec, thresholds=narrower))
    assert rebased(TunedValues(thresholds={"file_count": 5}, tiers={}), BASE, now).thresholds == {"file_count": 7}
