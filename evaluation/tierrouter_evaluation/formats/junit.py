"""JUnit XML as pytest, Maven Surefire, Gradle, jest-junit, go-junit-report and others write it.

There is no standard of it; what is read here is what these agree on. A test is a task:

- its id is ``classname::name``, or ``suite::name`` without a class, or the name where both are the same;
- passed is resolved; ``<failure>`` is unresolved; ``<skipped>`` is left out, and counted in a note;
- ``<error>`` is unresolved too where the test itself ran, for Surefire and others write one for any exception but a
  failed assertion. Outside of a test (pytest's set-up, tear-down and collection, a package of Go that does not build, a
  class or file that does not load) it is an error: it has no test's id that could be compared.

A property of the test's (pytest: ``record_property``) named as a row's key says what a test used: ``task_id``,
``cost_usd``, ``calls``, ``output_tokens``.
"""

import math
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

from tierrouter_core.errors import ResultsError
from tierrouter_core.regression.results import TaskOutcome, TaskResult
from tierrouter_core.regression.rows import task_of
from tierrouter_evaluation.errors import ResultFilesError
from tierrouter_evaluation.formats.found import Found
from tierrouter_evaluation.formats.xml_tree import parse

SUFFIXES: Final = (".xml",)
_SKIPPED: Final = frozenset({"notrun", "disabled", "skipped", "ignored"})
_OUTSIDE: Final = ("failed on setup", "failed on teardown", "collection failure", "test setup failure")
"""How pytest begins the message of an error that is not of the test's own body."""
_NO_TEST: Final = ("", "[build failed]", "[setup failed]", "test suite failed to run", "initializationerror")
_NUMBERS: Final = ("cost_usd", "calls", "output_tokens")


def read(data: bytes, source: str) -> Found:
    """One file's results.

    Raises:
        ResultFilesError: it is no JUnit XML, or a property has a value that makes no sense.
    """
    root = parse(data, source)
    if root.tag not in ("testsuites", "testsuite"):
        raise ResultFilesError(
            f"{source}: no JUnit XML: the outermost element is <{root.tag[:60]}>, not <testsuites> or <testsuite>"
        )
    tasks: dict[str, TaskResult] = {}
    skipped = again = 0
    for case, suite in _cases(root, ""):
        if _is_skipped(case):
            skipped += 1
            continue
        again += _passed_when_tried_again(case)
        task = _task(case, suite, source)
        before = tasks.setdefault(task.task, task)
        if before is task or task.outcome is TaskOutcome.ERROR:
            # pytest's tear-down after a test that failed, jest's second word on a file: the first says it.
            continue
        if before.outcome is not TaskOutcome.ERROR:
            raise ResultFilesError(
                f"{source}: task {task.task} stands twice in the file; each test needs a name of its own"
            )
        tasks[task.task] = task
    notes = []
    if skipped:
        notes.append(f"{source}: {skipped} skipped {'test was' if skipped == 1 else 'tests were'} left out")
    if again:
        notes.append(f"{source}: {again} passed only when the harness tried again")
    return Found(tuple(tasks.values()), tuple(notes))


def _cases(element: Element, suite: str) -> Iterator[tuple[Element, str]]:
    for child in element:
        if child.tag == "testsuite":
            yield from _cases(child, child.get("name", ""))
        elif child.tag == "testcase":
            yield child, suite or element.get("name", "")


def _task(case: Element, suite: str, source: str) -> TaskResult:
    properties = {
        found.get("name", ""): found.get("value") or (found.text or "").strip() for found in case.iter("property")
    }
    task = properties.get("task_id") or _id(case, suite)
    where = f"{source}: task {task}"
    if not task:
        raise ResultFilesError(f"{source}: a testcase has neither a name nor a class, so that no task can be told")
    row = {
        "task_id": task,
        **_verdict(case),
        "duration_s": _seconds(case.get("time", "")),
        **{key: _number(properties[key], f"{where}: property {key}") for key in _NUMBERS if properties.get(key)},
    }
    try:
        return task_of(row, where)
    except ResultsError as error:
        raise ResultFilesError(str(error)) from None


def _verdict(case: Element) -> dict[str, bool | str | None]:
    failure, error = case.find("failure"), case.find("error")
    found = failure if failure is not None else error
    if found is None:
        return {"resolved": True}
    if not _is_outside(case, error):
        return {"resolved": False}
    said = found.get("message") or (found.text or "").strip() or found.get("type") or "no message"
    return {"resolved": None, "error": " ".join(said.split())}


def _is_outside(case: Element, error: Element | None) -> bool:
    """Whether it is no test's own body that went wrong."""
    name, group = case.get("name", "").strip().lower(), case.get("classname", "").strip().lower()
    # A test that failed has been tried, whatever went wrong when it was over.
    said = "" if error is None or case.find("failure") is not None else (error.get("message") or "").lower()
    return said.startswith(_OUTSIDE) or name in _NO_TEST or group in _NO_TEST[1:]


def _is_skipped(case: Element) -> bool:
    is_marked = case.find("skipped") is not None or case.find("disabled") is not None
    return (is_marked or case.get("status", "").lower() in _SKIPPED) and case.find("failure") is None


def _passed_when_tried_again(case: Element) -> bool:
    return any(child.tag in ("flakyFailure", "flakyError") for child in case)


def _id(case: Element, suite: str) -> str:
    name, group = case.get("name", "").strip(), (case.get("classname") or suite).strip()
    return "::".join(part for part in ((group, name) if group != name else (name,)) if part)


def _seconds(text: str) -> float | None:
    # "1,234.5" is Surefire's; a time that can't be read is no reason to lose a result.
    try:
        found = float(text.replace(",", ""))
    except ValueError:
        return None
    return found if math.isfinite(found) and found >= 0 else None


def _number(text: str, where: str) -> float | str:
    """Money stays a text: it is a decimal."""
    if where.endswith("cost_usd"):
        return text
    try:
        return float(text)
    except ValueError:
        raise ResultFilesError(f"{where}: expected a number, found {text[:60]!r}") from None
