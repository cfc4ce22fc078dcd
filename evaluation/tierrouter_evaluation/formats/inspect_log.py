"""Logs of Inspect (the package inspect-ai): ``.eval``, a zip file that it compresses by zstd, and ``.json``.

Read without that package. A sample is a task, its id ``task/sample``. Of several scorers the first one counts, in the
order in which the log names them. ``C``, ``true``, ``yes`` and 1 or more are resolved; ``I``, ``P`` (in part), ``N``
(no answer) and less than 1 are not. Of several epochs more than half have to be resolved; what they used is added up.

A sample with an error, without a score or declared invalid is an error, as is one that is missing in a log that broke
off.
"""

import io
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from tierrouter_core.errors import ResultsError
from tierrouter_core.regression.results import TaskOutcome, TaskResult
from tierrouter_core.regression.rows import task_of
from tierrouter_core.wire.counts import details, items
from tierrouter_evaluation.errors import ResultFilesError
from tierrouter_evaluation.formats.found import Found
from tierrouter_evaluation.formats.zip_members import Members

SUFFIXES: Final = (".eval", ".json")
_WORDS: Final = {"c": 1.0, "i": 0.0, "p": 0.5, "n": 0.0, "true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Log:
    """One log, and what tells it from others of its kind."""

    source: str
    found: Found
    eval_task: str
    """``eval.task_id``: a retry of Inspect's has that of the log that it goes on with."""
    created: str


def read(data: bytes, source: str) -> Log | None:
    """One file; None for JSON that is no log, such as the list of logs that Inspect keeps beside them.

    Raises:
        ResultFilesError: it is cut off, of an unknown form, or its scores can't be told.
    """
    if data.startswith(b"PK"):
        header, samples = _from_zip(data, source)
    elif source.endswith(".eval"):
        raise ResultFilesError(f"{source}: no .eval file of Inspect: it does not begin as a zip file does")
    else:
        whole = _json(data, source)
        if not isinstance(whole, dict) or not isinstance(whole.get("eval"), dict) or "status" not in whole:
            return None
        header, samples = whole, whole.get("samples") or []
        if not isinstance(samples, list):
            raise ResultFilesError(f"{source}: samples: expected a list, found {type(samples).__name__}")
    return _log(header, samples, source)


def newest_of_each(logs: Iterable[Log]) -> tuple[list[Log], list[str]]:
    """Without those that Inspect tried again later; and a note for each that was left out."""
    newest: dict[str, Log] = {}
    notes = []
    for log in sorted(logs, key=lambda each: (each.created, each.source)):
        key = log.eval_task or log.source
        if key in newest:
            notes.append(f"{newest[key].source}: left out, since {log.source} is a later try of the same task")
        newest[key] = log
    return list(newest.values()), notes


def _from_zip(data: bytes, source: str) -> tuple[Json, list[Any]]:
    members = Members(io.BytesIO(data), source)
    if "header.json" in members:
        header = _json(members.read("header.json"), f"{source}/header.json")
    elif "_journal/start.json" in members:
        # Inspect was killed: what it had done stands in its journal.
        header = {**details(_json(members.read("_journal/start.json"), source)), "status": "started"}
    else:
        raise ResultFilesError(f"{source}: no log of Inspect: the zip file has no header.json")
    if not isinstance(header, dict) or not isinstance(header.get("eval"), dict):
        raise ResultFilesError(f"{source}: no log of Inspect: its header names no eval")
    # The summaries hold all that is needed, and are small where samples can be large.
    names = [name for name in members if name == "summaries.json"]
    names = names or sorted(name for name in members if name.startswith("_journal/summaries/"))
    names = names or sorted(name for name in members if name.startswith("samples/"))
    samples: list[Any] = []
    for name in names:
        found = _json(members.read(name), f"{source}/{name}")
        samples += found if isinstance(found, list) else [found]
    return header, samples


def _log(header: Json, samples: list[Any], source: str) -> Log:
    about: Json = header["eval"]
    status = str(header.get("status", ""))
    name = str(about.get("task") or "task")
    if header.get("invalidated"):
        raise ResultFilesError(f"{source}: the log was declared invalid in Inspect; take it out of the folder")
    scorer = _scorer(about, samples, source)
    epochs: dict[str, list[TaskResult]] = {}
    for number, sample in enumerate(samples, 1):
        if not isinstance(sample, dict) or not isinstance(sample.get("id"), str | int):
            raise ResultFilesError(f"{source}: sample {number} has no id")
        task = f"{name}/{sample['id']}"
        epochs.setdefault(task, []).append(_tried(sample, task, scorer, source))
    notes = []
    if status != "success":
        expected = items(details(about.get("dataset")).get("sample_ids"))
        missing = [task for each in expected if (task := f"{name}/{each}") not in epochs]
        for task in missing:
            error = f"not tried: the log ends as {status or 'unknown'}"
            epochs[task] = [TaskResult(task=task, outcome=TaskOutcome.ERROR, error=error)]
        notes.append(f"{source}: the log ends as {status or 'unknown'}; {len(missing)} samples are missing")
    scorers = items(about.get("scorers"))
    if scorer and len(scorers) > 1:
        notes.append(f"{source}: of {len(scorers)} scorers the first one counts: {scorer}")
    tasks = tuple(_reduced(task, tries) for task, tries in epochs.items())
    return Log(source, Found(tasks, tuple(notes)), str(about.get("task_id") or ""), str(about.get("created") or ""))


def _scorer(about: Json, samples: list[Any], source: str) -> str:
    """The one that counts; empty where nothing was scored."""
    used = list(dict.fromkeys(key for each in samples if isinstance(each, dict) for key in details(each.get("scores"))))
    named = [each.get("name") for each in items(about.get("scorers")) if isinstance(each, dict)]
    for name in named:
        if name in used:
            return str(name)
    if len(used) > 1:
        raise ResultFilesError(
            f"{source}: several scorers ({', '.join(map(str, used[:5]))}), and the log does not say in which order; "
            "give the task one scorer"
        )
    return str(used[0]) if used else ""


def _tried(sample: Json, task: str, scorer: str, source: str) -> TaskResult:
    where = f"{source}: sample {task}"
    usage = [each for each in details(sample.get("model_usage")).values() if isinstance(each, dict)]
    costs = [each.get("total_cost") for each in usage]
    resolved, error = _verdict(sample, scorer, where)
    try:
        row = {
            "task_id": task,
            "resolved": resolved,
            "error": error,
            "cost_usd": sum(Decimal(str(cost)) for cost in costs) if costs and None not in costs else None,
            "calls": _calls(sample),
            "output_tokens": sum(each.get("output_tokens") or 0 for each in usage) if usage else None,
            "duration_s": sample["working_time"]
            if sample.get("working_time") is not None
            else sample.get("total_time"),
        }
        return task_of(row, where)
    except (ArithmeticError, TypeError):
        raise ResultFilesError(f"{where}: model_usage has something that is no number") from None
    except ResultsError as problem:
        raise ResultFilesError(f"{where}: {problem}") from None


def _verdict(sample: Json, scorer: str, where: str) -> tuple[bool | None, str]:
    if sample.get("invalidation"):
        return None, "the sample was declared invalid"
    if error := sample.get("error"):
        return None, str(error.get("message") if isinstance(error, dict) else error)
    score = details(sample.get("scores")).get(scorer)
    if score is None:
        return None, "the sample has no score"
    value = _value(score.get("value") if isinstance(score, dict) else score, f"{where}: score {scorer}")
    return (None, "the score is not a number") if math.isnan(value) else (value >= 1, "")


def _value(value: Any, where: str) -> float:
    """As Inspect's own ``value_to_float`` has it."""
    if isinstance(value, bool | int | float):
        return float(value)
    if isinstance(value, str):
        if value.strip().lower() in _WORDS:
            return _WORDS[value.strip().lower()]
        try:
            return float(value)
        except ValueError:
            pass
    raise ResultFilesError(f"{where}: {value!r:.80} is none of C, I, P, N, yes, no and no number; use another scorer")


def _calls(sample: Json) -> int | None:
    if isinstance(sample.get("turn_count"), int):
        return int(sample["turn_count"])
    events = sample.get("events")
    if not isinstance(events, list):
        return None
    return len([each for each in events if isinstance(each, dict) and each.get("event") == "model"])


def _reduced(task: str, tries: list[TaskResult]) -> TaskResult:
    if len(tries) == 1:
        return tries[0]
    counted = [each for each in tries if each.outcome is not TaskOutcome.ERROR]
    if counted:
        solved = sum(each.outcome is TaskOutcome.RESOLVED for each in counted)
        outcome = TaskOutcome.RESOLVED if 2 * solved > len(counted) else TaskOutcome.UNRESOLVED
    else:
        outcome = TaskOutcome.ERROR
    return TaskResult(
        task=task,
        outcome=outcome,
        cost_usd=_sum(each.cost_usd for each in tries),
        calls=_sum(each.calls for each in tries),
        output_tokens=_sum(each.output_tokens for each in tries),
        duration_s=_sum(each.duration_s for each in tries),
        error="" if counted else tries[0].error,
    )


def _sum(values: Iterable[Any]) -> Any:
    """None where one is not known."""
    found = list(values)
    return None if None in found else sum(found[1:], found[0])


def _json(data: bytes, source: str) -> Any:
    try:
        return json.loads(data)  # not orjson: Inspect writes NaN
    except (ValueError, RecursionError) as error:
        raise ResultFilesError(f"{source}: no JSON that can be read, or cut off: {error}") from None
