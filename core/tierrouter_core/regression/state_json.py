"""A suite's state as JSON of at most 64 KiB. Fields that are not known are passed over, so that a newer version's state
can be read; anything else that is not as it was written is no state."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from math import isfinite
from typing import Any, Final, TypeVar

import orjson

from tierrouter_core.errors import StateError
from tierrouter_core.regression.flaky import NIGHTS, Memory
from tierrouter_core.regression.state import (
    MAX_CANDIDATES,
    MAX_RUNS_REMEMBERED,
    CandidateState,
    Promoted,
    Scope,
    Step,
    SuiteState,
    TierState,
    Track,
)
from tierrouter_core.regression.stepping import Move, StepKind
from tierrouter_core.resources.regression import MAX_STATE_BYTES

VERSION: Final = 1
T = TypeVar("T")


def state_text(state: SuiteState) -> str:
    """The state as JSON; equal states give equal texts.

    What tasks did on earlier nights goes first where it would be too long: it only tells which are flaky.
    """
    text = _text(state)
    for most in (1000, 300, 100, 30, 0):
        if len(text) <= MAX_STATE_BYTES:
            break
        text = _text(_forgetting(state, most))
    if len(text) > MAX_STATE_BYTES:
        text = _text(replace(_forgetting(state, 0), candidates={}, decided=state.decided[-8:]))
    if len(text) > MAX_STATE_BYTES:
        raise StateError(f"the suite's state has {len(text):,} bytes, more than {MAX_STATE_BYTES:,}: test fewer tiers")
    return text.decode()


def read_state(text: str | None) -> SuiteState:
    """What :func:`state_text` made; a new state for None and for an empty text.

    Raises:
        StateError: it is something else.
    """
    if not text or not text.strip():
        return SuiteState()
    try:
        return _state(_object(orjson.loads(text)))
    except orjson.JSONDecodeError as error:
        raise StateError(f"the suite's state is not JSON: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise StateError(f"the suite's state does not make sense: {what}") from None


def _text(state: SuiteState) -> bytes:
    return orjson.dumps(
        {
            "version": VERSION,
            "runs": state.runs,
            "decided": state.decided,
            "newest": state.newest,
            "newestRun": state.newest_run,
            "tiers": {
                name: {
                    "model": tier.model,
                    "slip": asdict(tier.slip),
                    "memory": {"nights": tier.memory.nights, "outcomes": dict(tier.memory.outcomes)},
                }
                for name, tier in state.tiers.items()
            },
            "night": asdict(state.night),
            "nightTiers": state.night_tiers,
            "steps": [asdict(step) for step in state.steps],
            "candidates": [
                {"tier": tier, "model": model, "incumbent": incumbent, **asdict(found)}
                for (tier, model, incumbent), found in state.candidates.items()
            ],
            "promoted": {tier: asdict(found) for tier, found in state.promoted.items()},
        },
        option=orjson.OPT_SORT_KEYS,
    )


def _forgetting(state: SuiteState, most: int) -> SuiteState:
    tiers = {
        name: replace(tier, memory=Memory(tier.memory.nights, dict(list(tier.memory.outcomes.items())[:most])))
        for name, tier in state.tiers.items()
    }
    return replace(state, tiers=tiers)


def _state(found: Mapping[str, Any]) -> SuiteState:
    if found.get("version") != VERSION:
        raise ValueError(f"version is {found.get('version')!r}, {VERSION} can be read")
    return SuiteState(
        runs=_count(found["runs"]),
        decided=tuple(_str(name) for name in _list(found["decided"]))[-MAX_RUNS_REMEMBERED:],
        newest=_str(found["newest"]),
        newest_run=_str(found["newestRun"]),
        tiers={_str(name): _tier(_object(tier)) for name, tier in _object(found["tiers"]).items()},
        night=_track(_object(found["night"])),
        night_tiers=tuple(_str(name) for name in _list(found["nightTiers"])),
        steps=tuple(_step(_object(step)) for step in _list(found["steps"])),
        candidates=dict([_candidate(_object(one)) for one in _list(found["candidates"])][:MAX_CANDIDATES]),
        promoted={
            _str(tier): Promoted(_str(one["model"]), _str(one["run"]), _count(one["at"]))
            for tier, one in _object(found["promoted"]).items()
        },
    )


def _tier(found: Mapping[str, Any]) -> TierState:
    memory = _object(found["memory"])
    outcomes = {_str(key): _str(letters) for key, letters in _object(memory["outcomes"]).items()}
    if any(set(letters) - set("01.") or len(letters) > NIGHTS for letters in outcomes.values()):
        raise ValueError("a task's earlier outcomes are more, or others, than there can be")
    return TierState(
        _str(found["model"]), _track(_object(found["slip"])), Memory(min(_count(memory["nights"]), NIGHTS), outcomes)
    )


def _track(found: Mapping[str, Any]) -> Track:
    return Track(_logs(found["logs"]), _count(found["runs"]), *_counts(found))


def _step(found: Mapping[str, Any]) -> Step:
    scope = _str(found["scope"])
    if scope not in (Scope.NIGHT, Scope.TIER):
        raise ValueError(f"a step's scope is {scope!r}")
    resolved, tasks = _counts(found)
    night_resolved, night_tasks = _counts({"resolved": found["night_resolved"], "tasks": found["night_tasks"]})
    return Step(
        kind=StepKind(found["kind"]),
        tier=_str(found["tier"]),
        run=_str(found["run"]),
        scope=scope,
        moves=tuple(
            Move(
                threshold=_str(move["threshold"]),
                before=_whole(move["before"]),
                after=_whole(move["after"]),
                is_first=bool(move["is_first"]),
            )
            for move in _each(found["moves"], _object)
        ),
        resolved=resolved,
        tasks=tasks,
        night_resolved=night_resolved,
        night_tasks=night_tasks,
        back=_track(_object(found["back"])),
    )


def _candidate(found: Mapping[str, Any]) -> tuple[tuple[str, str, str], CandidateState]:
    resolved, tasks = _counts(found)
    return (_str(found["tier"]), _str(found["model"]), _str(found["incumbent"])), CandidateState(
        floor=_logs(found["floor"]),
        pair=_logs(found["pair"]),
        runs=_count(found["runs"]),
        last=_count(found["last"]),
        resolved=resolved,
        tasks=tasks,
        gained=_count(found["gained"]),
        lost=_count(found["lost"]),
        pairs=_count(found["pairs"]),
    )


def _counts(found: Mapping[str, Any]) -> tuple[int, int]:
    resolved, tasks = _count(found["resolved"]), _count(found["tasks"])
    if resolved > tasks:
        raise ValueError(f"{resolved} of {tasks} tasks are resolved")
    return resolved, tasks


def _each(value: Any, read: Callable[[Any], T]) -> list[T]:
    return [read(one) for one in _list(value)]


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"an object was expected, found {str(value)[:40]!r}")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"a list was expected, found {str(value)[:40]!r}")
    return value


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text was expected, found {str(value)[:40]!r}")
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"a whole number was expected, found {str(value)[:40]!r}")
    return value


def _count(value: Any) -> int:
    if _whole(value) < 0:
        raise ValueError(f"a count is {value}")
    return int(value)


def _logs(value: Any) -> tuple[float, ...]:
    logs = tuple(float(log) for log in _list(value) if isinstance(log, int | float) and isfinite(log))
    if len(logs) != len(value) or len(logs) not in (0, 5):
        raise ValueError(f"evidence is {str(value)[:60]}")
    return logs
