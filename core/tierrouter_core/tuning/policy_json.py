"""The tuned policy as JSON (design section 10), and back.

What ``expected`` and the rest hold beyond the agreed fields is for people and may grow.
"""

from typing import Any

from tierrouter_core.tuning.policy import Entry, Mix, Policy, Stage
from tierrouter_core.tuning.tune import Estimate, Tuned

_PLACES = 6
"""Decimals of a figure: enough for anybody, and no rounding of another machine's sums shows."""


def policy_to_json(tuned: Tuned, seed: int) -> dict[str, Any]:
    """``{"baseline_model", "floor", "expected": {...}, "mix": [...], ...}`` as plain values."""
    return {
        "baseline_model": tuned.baseline,
        "floor": tuned.floor,
        "expected": _estimate(tuned.expected),
        "mix": mix_to_json(tuned.mix),
        "supported": tuned.is_supported,
        "supported_floor": _supported_floor(tuned),
        "tasks": tuned.tasks,
        "seed": seed,
        "uncorrected": {"quality": _rounded(tuned.seemed.quality), "saving": _rounded(tuned.seemed.saving)},
        "frontier": [
            {"floor": point.floor, "expected": _estimate(point.expected), "mix": mix_to_json(point.mix)}
            for point in tuned.frontier
        ],
    }


def _supported_floor(tuned: Tuned) -> float | None:
    """The floor that the data do support, of those that were tried; null for none."""
    if tuned.is_supported:
        return tuned.floor
    return None if tuned.supported_below is None else tuned.supported_below.floor


def mix_to_json(mix: Mix) -> list[dict[str, Any]]:
    """``[{"weight": 0.7, "stages": [{"model": "A", "max_calls": 8}, {"model": "B"}]}]``."""
    return [
        {
            "weight": entry.weight,
            "stages": [
                {"model": stage.model}
                if stage.max_calls is None
                else {"model": stage.model, "max_calls": stage.max_calls}
                for stage in entry.policy.stages
            ],
        }
        for entry in mix
    ]


def mix_from_json(value: list[dict[str, Any]]) -> Mix:
    """The mix of a policy's JSON; raises ValueError or KeyError for what is none."""
    return tuple(
        Entry(
            weight=float(entry["weight"]),
            policy=Policy(tuple(Stage(stage["model"], stage.get("max_calls")) for stage in entry["stages"])),
        )
        for entry in value
    )


def _estimate(estimate: Estimate) -> dict[str, float]:
    return {
        "quality": _rounded(estimate.quality),
        "quality_low": _rounded(estimate.quality_low),
        "saving": _rounded(estimate.saving),
        "saving_low": _rounded(estimate.saving_low),
        "saving_high": _rounded(estimate.saving_high),
    }


def _rounded(value: float) -> float:
    return round(value, _PLACES)
