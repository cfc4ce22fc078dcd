"""Which cells a run of a suite has: every tier that it names with the tier's own model, and every candidate."""

import re
from collections.abc import Collection
from typing import Final

from tierrouter_core.canonical import digest
from tierrouter_core.document.model import Document
from tierrouter_core.regression.words import RunReason
from tierrouter_core.resources.kinds import did_you_mean
from tierrouter_core.resources.regression import Candidate, SuiteSpec
from tierrouter_core.resources.regression_run import Cell
from tierrouter_operator.planning.run_hindrance import Hindrance

_MAX_NAME: Final = 63
_MAX_CELLS: Final = 128


def matrix_of(suite: SuiteSpec, document: Document) -> tuple[Cell, ...] | Hindrance:
    """The cells, tiers first.

    Args:
        suite: the suite.
        document: the router's, in force: its tiers serve.
    """
    names = suite.tiers or tuple(document.tiers)
    for name in (*names, *(candidate.tier for candidate in suite.candidates)):
        if name not in document.tiers:
            there = did_you_mean(name, document.tiers) or f"; there are: {', '.join(document.tiers)}"
            return Hindrance(RunReason.TIER_MISSING, f"router {document.router} has no tier {name}{there}")
    cells: list[Cell] = []
    for name in names:
        tier = document.tiers[name]
        cells.append(Cell(name=name, tier=name, provider=tier.provider, model=tier.model, is_candidate=False))
    taken = set(document.tiers)
    for candidate in suite.candidates:
        problem = _problem_of(candidate, document)
        if problem:
            return Hindrance(RunReason.CANDIDATE_REFUSED, problem)
        if candidate.model == document.tiers[candidate.tier].model:
            # It was promoted since: the tier's own cell tests it.
            continue
        name = cell_name(candidate.tier, candidate.model, taken)
        taken.add(name)
        cells.append(
            Cell(
                name=name,
                tier=candidate.tier,
                provider=candidate.provider,
                model=candidate.model,
                is_candidate=True,
            )
        )
    if len(cells) > _MAX_CELLS:
        message = f"{len(names)} tiers and {len(suite.candidates)} candidates are more than the {_MAX_CELLS} of one run"
        return Hindrance(RunReason.INVALID, message)
    return tuple(cells)


def cell_name(tier: str, model: str, taken: Collection[str]) -> str:
    """``routine-kimi-k2-6``: the same for the same tier and model, whatever else is tested unless it looks alike."""
    label = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")
    name = f"{tier}-{label}"
    if name not in taken and len(name) <= _MAX_NAME and label:
        return name
    mark = digest(f"{tier} {model}".encode())[:8]
    return f"{name[: _MAX_NAME - len(mark) - 1].rstrip('-')}-{mark}"


def _problem_of(candidate: Candidate, document: Document) -> str:
    """Why the candidate can't take its tier over; empty where it can."""
    tier = document.tiers[candidate.tier]
    whom = f"candidate {candidate.model} of tier {candidate.tier}"
    if candidate.provider != tier.provider:
        return (
            f"{whom}: its provider {candidate.provider} is not the tier's ({tier.provider}); a run moves a tier to "
            f"another model, never to another provider: name a model of {tier.provider}, or change the tier"
        )
    models = document.provider_of(tier).models
    if candidate.model not in models:
        hint = did_you_mean(candidate.model, models) or f"; there are: {', '.join(list(models)[:12])}"
        return f"{whom}: ModelProvider {candidate.provider} has no such model in force{hint}"
    return ""
