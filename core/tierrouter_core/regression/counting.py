"""Which results of a run count: those of tiers and models that are still there, of tasks that tell of the model."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tierrouter_core.regression.facts import RunFacts
from tierrouter_core.regression.flaky import Memory, set_aside
from tierrouter_core.regression.results import CellResults, TaskOutcome, TaskResult
from tierrouter_core.regression.state import SuiteState
from tierrouter_core.resources.regression import RegressionPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One cell, and what of it counts."""

    cell: CellResults
    tasks: tuple[TaskResult, ...] = ()
    """Those that say something of the model; each once."""
    resolved: int = 0
    """How many of them were solved."""
    aside: tuple[str, ...] = ()
    """Ids of the flaky ones among them: where models are compared, they are set aside."""
    why_not: str = ""
    """Why nothing of it counts; empty where it does."""
    is_current: bool = True
    """Whether its tier has this model, or, of a candidate, could have it."""

    @property
    def counts(self) -> bool:
        """Whether anything follows from it."""
        return not self.why_not

    @property
    def total(self) -> int:
        """Tasks that count."""
        return len(self.tasks)

    @property
    def steady(self) -> tuple[TaskResult, ...]:
        """The tasks that are not set aside."""
        aside = frozenset(self.aside)
        return tuple(task for task in self.tasks if task.task not in aside)

    @property
    def share(self) -> float:
        """Solved of those that count, 0.0 to 1.0; 0 where none does."""
        return self.resolved / self.total if self.tasks else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """A run's cells, sorted."""

    tiers: Mapping[str, Counted] = field(default_factory=dict)
    """The tiers' own models, by tier."""
    candidates: tuple[Counted, ...] = ()
    others: tuple[Counted, ...] = ()
    """Cells of a tier that another cell tests already."""
    together: tuple[str, ...] = ()
    """The tiers that are judged together."""
    models: tuple[str, ...] = ()
    """What they are made of: another tier or model makes earlier nights another's."""

    @property
    def counted(self) -> dict[str, Counted]:
        """The tiers whose results count."""
        return {name: found for name, found in self.tiers.items() if found.counts}

    @property
    def is_whole(self) -> bool:
        """Whether every tier that was to be tested was: a part of them says nothing of all together."""
        return bool(self.together) and all(name in self.counted for name in self.together)

    @property
    def streams(self) -> int:
        """How many kinds of evidence may each be wrong: each tier's, and that of all together."""
        tested = len({*self.together, *self.tiers})
        return tested + (len(self.together) > 1)

    @property
    def resolved(self) -> int:
        """Solved tasks of all tiers together."""
        return sum(found.resolved for name, found in self.counted.items() if name in self.together)

    @property
    def total(self) -> int:
        """Tasks of all tiers together."""
        return sum(found.total for name, found in self.counted.items() if name in self.together)

    def is_alone(self, tier: str) -> bool:
        """Whether the tier is all that the suite tests, and so the night's results are its own."""
        return self.together == (tier,)

    @property
    def cells(self) -> tuple[Counted, ...]:
        """All of them."""
        return (*self.tiers.values(), *self.candidates, *self.others)


def count(policy: RegressionPolicy, state: SuiteState, run: RunFacts) -> Night:
    """Sort a run's cells, and say of each what counts."""
    models = {tier.name: tier.model for tier in run.tiers}
    tiers: dict[str, Counted] = {}
    candidates, others = [], []
    for cell in run.cells:
        known = state.tiers.get(cell.tier)
        memory = known.memory if known is not None and known.model == models.get(cell.tier) else Memory()
        if cell.is_candidate:
            candidates.append(_counted(policy, cell, run, models.get(cell.tier), memory))
        elif cell.tier in tiers:
            others.append(Counted(cell=cell, why_not=f"tier {cell.tier} is tested by another cell", is_current=False))
        else:
            tiers[cell.tier] = _counted(policy, cell, run, models.get(cell.tier), memory)
    together = tuple(sorted(set(run.suite_tiers or tiers) & models.keys()))
    return Night(
        tiers=tiers,
        candidates=tuple(candidates),
        others=tuple(others),
        together=together,
        models=tuple(f"{name}={models[name]}" for name in together),
    )


def _counted(policy: RegressionPolicy, cell: CellResults, run: RunFacts, model: str | None, memory: Memory) -> Counted:
    stale = _stale(cell, model)
    if stale:
        return Counted(cell=cell, why_not=stale, is_current=False)
    error = run.errors.get(cell.cell, "")
    if error and not cell.tasks:
        return Counted(cell=cell, why_not=f"it has no results: {error.rstrip('.')}")
    if not cell.tasks:
        return Counted(cell=cell, why_not="its results hold no task")
    # A harness that tries a task again writes it down again: the last time counts.
    tried = tuple({task.task: task for task in cell.tasks}.values())
    known = tuple(task for task in tried if task.outcome is not TaskOutcome.ERROR)
    if not known:
        example = next((f", the first because: {task.error}" for task in tried if task.error), "")
        return Counted(cell=cell, why_not=f"none of its {len(tried):,} tasks could be tried{example}"[:400])
    few = f"only {len(known):,} of its tasks count, and fewer than {policy.min_tasks:,} decide nothing"
    return Counted(
        cell=cell,
        tasks=known,
        resolved=sum(task.outcome is TaskOutcome.RESOLVED for task in known),
        aside=tuple(sorted(set_aside(known, memory))),
        why_not=few if len(known) < policy.min_tasks else "",
    )


def _stale(cell: CellResults, model: str | None) -> str:
    if model is None:
        return f"the router has no tier {cell.tier} any more"
    if cell.is_candidate:
        return f"{cell.model} serves tier {cell.tier} already" if cell.model == model else ""
    return "" if cell.model == model else f"tier {cell.tier} has the model {model} by now"
