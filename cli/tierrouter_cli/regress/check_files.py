"""A decision from files: read, decide, write, say."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import orjson

from tierrouter_cli.exits import SLIPPED, USAGE, forget_output, say, write_out
from tierrouter_cli.regress.check_table import print_decision
from tierrouter_cli.regress.result_files import read_cells
from tierrouter_core.canonical import digest
from tierrouter_core.errors import ResultsError
from tierrouter_core.regression.decide import decide
from tierrouter_core.regression.facts import Decision, RunFacts
from tierrouter_core.resources.inputs import with_overlay
from tierrouter_core.resources.load import load_resources
from tierrouter_core.resources.regression import RegressionPolicy, RunAction
from tierrouter_core.resources.revision import TunedValues
from tierrouter_core.resources.router import TierRouter
from tierrouter_sidecar.configuration import read_texts

_STOPS: Final = (RunAction.REGRESS, RunAction.REJECT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The command's options."""

    results: tuple[Path, ...]
    junit: tuple[Path, ...]
    files: tuple[Path, ...]
    tier: str
    model: str
    thresholds: Path | None
    state: Path | None
    out: Path | None
    run: str
    policy: RegressionPolicy
    format: str


def check_files(request: Request) -> None:
    """Decide, write the new state and thresholds, and print the decision.

    Nothing is written unless everything could be read. The state is written first: a run whose thresholds were lost is
    better than one that moves them twice.

    Raises:
        ResultsError, ConfigurationError: what is wrong in a file that was read.
        SystemExit: 4 where a tier has slipped or a candidate is rejected.
    """
    _refuse_overwriting(request)
    router = load_resources(read_texts(request.files)).one_router()
    overlay = _overlay(request.thresholds, router)
    now = with_overlay(router, overlay)
    cells = read_cells(request.results, request.junit, now.spec.tiers, request.tier, request.model)
    name = request.run or _name_of((*request.results, *request.junit), (request.tier, request.model))
    found = decide(
        request.policy,
        _text(request.state),
        RunFacts(
            run=name,
            revision="",
            tiers=now.spec.tiers,
            thresholds=now.spec.thresholds,
            overlay=overlay,
            cells=cells,
        ),
    )
    after = with_overlay(router, overlay if found.overlay is None else found.overlay)
    if request.state is not None:
        _write(request.state, found.state.encode() + b"\n")
    if request.out is not None:
        _write(request.out, orjson.dumps(_values(after), option=orjson.OPT_INDENT_2) + b"\n")
    try:
        if request.format == "json":
            shown = {"run": name, **_as_json(found), **_values(after)}
            write_out(orjson.dumps(shown, option=orjson.OPT_INDENT_2) + b"\n")
        else:
            print_decision(found)
    except BrokenPipeError:
        # The state says that this run is decided: no later one would stop the pipeline in its place.
        forget_output()
    if found.action in _STOPS:
        raise SystemExit(SLIPPED)


def _overlay(path: Path | None, router: TierRouter) -> TunedValues:
    """What the file of thresholds says otherwise than the router file."""
    text = _text(path)
    if text is None:
        return TunedValues(thresholds={}, tiers={})
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ResultsError(f"{path}: not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ResultsError(f'{path}: expected an object such as {{"thresholds": {{"file_count": 7}}}}')
    values = found.get("thresholds", {}) if {"thresholds", "tiers"} & found.keys() else found
    models = found.get("tiers", {}) if "tiers" in found else {}
    if not isinstance(values, dict) or not isinstance(models, dict):
        raise ResultsError(f"{path}: thresholds and tiers have to be objects")
    return TunedValues(thresholds=_thresholds(path, values, router), tiers=_tiers(path, models, router))


def _thresholds(path: Path | None, values: Mapping[str, Any], router: TierRouter) -> dict[str, int]:
    known = {threshold.name: threshold for threshold in router.spec.thresholds}
    moved = {}
    for name, value in values.items():
        threshold = known.get(name)
        if threshold is None:
            say(f"{path}: threshold {name} is passed over: the router file has none of that name")
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not threshold.min <= value <= threshold.max:
            raise ResultsError(
                f"{path}: thresholds.{name}: expected a whole number from {threshold.min} to {threshold.max}, "
                f"found {value!r}"
            )
        if value != threshold.value:
            moved[name] = value
    return moved


def _tiers(path: Path | None, models: Mapping[str, Any], router: TierRouter) -> dict[str, str]:
    known = {tier.name: tier.model for tier in router.spec.tiers}
    moved = {}
    for name, model in models.items():
        if name not in known:
            say(f"{path}: tier {name} is passed over: the router file has none of that name")
        elif not isinstance(model, str) or not model:
            raise ResultsError(f"{path}: tiers.{name}: expected a model's name, found {model!r}")
        elif model != known[name]:
            moved[name] = model
    return moved


def _values(router: TierRouter) -> dict[str, Any]:
    return {
        "thresholds": {threshold.name: threshold.value for threshold in router.spec.thresholds},
        "tiers": {tier.name: tier.model for tier in router.spec.tiers},
    }


def _as_json(found: Decision) -> dict[str, Any]:
    return {
        "action": found.action.value,
        "reason": found.reason,
        "lowPercent": found.low_percent,
        "highPercent": found.high_percent,
        "changed": found.overlay is not None,
        "steps": found.steps,
        "cells": [
            {
                "name": cell.name,
                "accuracyPercent": cell.accuracy_percent,
                "lowPercent": cell.low_percent,
                "highPercent": cell.high_percent,
                "sentence": cell.sentence,
            }
            for cell in found.cells
        ],
    }


def _name_of(paths: Sequence[Path], words: Sequence[str]) -> str:
    contents = [path.read_bytes() for path in paths] + [word.encode() for word in words]
    return f"check-{digest(b''.join(digest(content).encode() for content in contents))[:10]}"


def _text(path: Path | None) -> str | None:
    """A file's text; None for a file that is not there yet."""
    if path is None or not path.exists():
        return None
    ((_, text),) = read_texts([path])
    return text


def _write(path: Path, data: bytes) -> None:
    """All of it or nothing; a device or a pipe is written to as it is."""
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _refuse_overwriting(request: Request) -> None:
    inputs = [path.resolve() for path in (*request.results, *request.junit, *request.files)]
    outputs = {"--state": request.state, "--out": request.out}
    for option, path in outputs.items():
        if path is None:
            continue
        if path.resolve() in inputs:
            _refuse(f"{path} would be overwritten; name another file by {option}")
        if not path.parent.is_dir():
            _refuse(f"there is no folder {path.parent}; make it, or name another by {option}")
    # --out may well be --thresholds: the next run's thresholds are this one's.
    for option, path in (("--thresholds", request.thresholds), ("--out", request.out)):
        if request.state is not None and path is not None and request.state.resolve() == path.resolve():
            _refuse(f"--state and {option} name one file; give them one each")


def _refuse(message: str) -> NoReturn:
    say(f"tierrouter regress check: {message}")
    raise SystemExit(USAGE)
