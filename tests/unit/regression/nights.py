"""Runs for tests: tiers that solve so many of so many tasks."""

from collections.abc import Iterable, Mapping
from typing import Any

from tierrouter_core.regression.facts import RunFacts
from tierrouter_core.regression.results import CellResults, TaskOutcome, TaskResult
from tierrouter_core.resources.inputs import NOTHING_MOVED
from tierrouter_core.resources.revision import TunedValues
from tierrouter_core.resources.router import Threshold, TierSpec

FILE_COUNT = Threshold(name="file_count", value=8, min=1, max=40, on_regression=-1, on_promotion=1)
DEPTH = Threshold(name="planning_depth", value=6, min=5, max=30, on_regression=-1, on_promotion=1)
ROUTINE = TierSpec(name="routine", rank=1, model="kimi", provider="openrouter")
DEEP = TierSpec(name="deep", rank=3, model="opus", provider="anthropic")


def tasks(resolved: int, total: int, *, failing_from: int = 0, errors: int = 0, **more: Any) -> tuple[TaskResult, ...]:
    """Tasks ``t0``, ``t1`` and so on, the failing ones on end (around the end) from ``failing_from``; then errors."""
    failing = {(failing_from + number) % total for number in range(total - resolved)} if total else set()
    done = [
        TaskResult(
            task=f"t{number}",
            outcome=TaskOutcome.UNRESOLVED if number in failing else TaskOutcome.RESOLVED,
            **more,
        )
        for number in range(total)
    ]
    return (*done, *(TaskResult(task=f"e{n}", outcome=TaskOutcome.ERROR, error="no pod") for n in range(errors)))


def cell(tier: TierSpec, found: Iterable[TaskResult], *, model: str = "") -> CellResults:
    """A tier's cell, or with a ``model`` a candidate's."""
    name = f"{tier.name}-{model or 'own'}"
    return CellResults(
        cell=name, tier=tier.name, model=model or tier.model, is_candidate=bool(model), tasks=tuple(found)
    )


def night(
    number: int,
    *cells: CellResults,
    tiers: tuple[TierSpec, ...] = (ROUTINE,),
    thresholds: tuple[Threshold, ...] = (FILE_COUNT, DEPTH),
    overlay: TunedValues = NOTHING_MOVED,
    errors: Mapping[str, str] | None = None,
    **more: Any,
) -> RunFacts:
    """The run of one night, with the overlay in force."""
    return RunFacts(
        run=more.pop("run", f"coding-{number}"),
        revision=more.pop("revision", "coding-aaaa"),
        tiers=tuple(in_force(tier, overlay) for tier in tiers),
        thresholds=tuple(moved(threshold, overlay) for threshold in thresholds),
        overlay=overlay,
        cells=cells,
        errors=errors or {},
        time=more.pop("time", f"2026-{1 + number // 28:02}-{1 + number % 28:02}T03:00:00Z"),
        **more,
    )


def in_force(tier: TierSpec, overlay: TunedValues) -> TierSpec:
    """The tier with the model that serves."""
    return TierSpec(
        name=tier.name, rank=tier.rank, provider=tier.provider, model=overlay.tiers.get(tier.name, tier.model)
    )


def moved(threshold: Threshold, overlay: TunedValues) -> Threshold:
    """The threshold with the value in force."""
    return Threshold(
        name=threshold.name,
        value=overlay.thresholds.get(threshold.name, threshold.value),
        min=threshold.min,
        max=threshold.max,
        on_regression=threshold.on_regression,
        on_promotion=threshold.on_promotion,
    )
