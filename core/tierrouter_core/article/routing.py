"""Which model serves a turn: by the agent's hint, and by three questions that only the agent can answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from tierrouter_core.article.frozen import must_be_mapping
from tierrouter_core.article.tiers import (
    DEEP_TIER,
    DEFAULT_TIER,
    FALLBACK_TIER,
    REASONING_TIER,
    TIER_ROUTER,
    TierConfig,
    tier_config,
)

Task = Mapping[str, Any]


def _never(_asked_about: Any) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicates:
    """What :func:`resolve_with_fallback` asks; a question that is not given is answered with no."""

    is_throttled: Callable[[str], bool] = _never
    """Whether the provider of this model turns requests away at the moment."""
    is_complex_planning: Callable[[Task], bool] = _never
    """Whether this task is planning that needs the deep tier."""
    output_flagged: Callable[[Task], bool] = _never
    """Whether the previous answer to this task was refused, filtered or found wrong."""


_NAMES = tuple(question.name for question in fields(Predicates))


def route_turn(task: Task, complexity_hint: str | None = DEFAULT_TIER) -> tuple[str, TierConfig]:
    """``(model, tier)`` for a hint: the tier of that name, ``fallback`` for a name that no tier has.

    No hint, or None, is ``routine``. Names are compared exactly, so ``"Deep"`` and ``""`` are unknown. The task does
    not influence the choice, as in the article: prompt text does not predict difficulty.
    ``TypeError`` when the task is no mapping.
    """
    name = _tier_name(task, complexity_hint)
    return TIER_ROUTER[name]["model"], tier_config(name)


def resolve_with_fallback(
    task: Task,
    hint: str | None = DEFAULT_TIER,
    predicates: Predicates | Mapping[str, Callable[[Any], bool]] | None = None,
) -> tuple[str, TierConfig]:
    """``(model, tier)`` for a hint and the state of things. The first that applies decides:

    1. the model that the hint names is throttled: ``fallback``;
    2. the task is complex planning: ``deep``;
    3. the last output was flagged: ``reasoning``;
    4. otherwise as :func:`route_turn`.

    A model chosen by 2 or 3 that is itself throttled gives way to ``fallback`` too. ``fallback`` is never asked
    about: there is nothing behind it. ``predicates`` may also be a mapping with any of the names of
    :class:`Predicates`; ``ValueError`` for other names. ``TypeError`` when the task is no mapping.
    """
    asked = _as_predicates(predicates)
    hinted = _tier_name(task, hint)
    name = hinted
    if _throttled(asked, hinted):
        name = FALLBACK_TIER
    elif asked.is_complex_planning(task):
        name = DEEP_TIER
    elif asked.output_flagged(task):
        name = REASONING_TIER
    if name != hinted and _throttled(asked, name):
        name = FALLBACK_TIER
    return TIER_ROUTER[name]["model"], tier_config(name)


def _tier_name(task: Task, hint: str | None) -> str:
    must_be_mapping(task, "task")
    if hint is None:
        return DEFAULT_TIER
    # A hint of another type may not even be hashable; it is as unknown as any other.
    return hint if isinstance(hint, str) and hint in TIER_ROUTER else FALLBACK_TIER


def _throttled(predicates: Predicates, name: str) -> bool:
    return name != FALLBACK_TIER and predicates.is_throttled(TIER_ROUTER[name]["model"])


def _as_predicates(given: Predicates | Mapping[str, Callable[[Any], bool]] | None) -> Predicates:
    if given is None:
        return Predicates()
    if not isinstance(given, Mapping):
        return given
    unknown = [str(name) for name in given if name not in _NAMES]
    if unknown:
        raise ValueError(f"predicates: unknown name {', '.join(unknown)}; known are {', '.join(_NAMES)}")
    return Predicates(**given)
