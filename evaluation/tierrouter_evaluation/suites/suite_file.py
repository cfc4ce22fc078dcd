"""A suite's file: what is asked, and how an answer is checked."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from tierrouter_core.errors import ConfigurationError, Problem
from tierrouter_core.resources.fields import read, resource, setting
from tierrouter_core.resources.kinds import Boolean, Choice, Duration, Integer, ListOf, MapOf, ObjectOf, Text
from tierrouter_core.resources.yaml_text import RawDocument, format_path, parse_yaml

MAX_TASKS: Final = 10_000
_EXPECTED: Final = "a map with name and tasks"
_AS_ROUTER: Final = re.compile("a map that begins with apiVersion and kind|a TierRouter or a ModelProvider")
_SOURCE: Final = Text(words="text", max_length=256 * 1024, multiline=True)
_PATH: Final = Text(
    pattern=r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*){0,7}",
    words="a relative path such as shop/cart.py",
    max_length=128,
)
_ID: Final = Text(
    pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*", words="letters, digits, dots, dashes and underscores", max_length=100
)


@resource
class Check:
    """How an answer is checked: by one of ``exact``, ``regex`` and ``python``."""

    exact: str | None = setting(_SOURCE, "The result, but for white space at its ends.", default=None)
    regex: str | None = setting(_SOURCE, "What the whole result has to match, as Python's `re` has it.", default=None)
    python: str | None = setting(
        _SOURCE, "Tests: functions `test_*`, or plain assertions, with the standard library alone.", default=None
    )
    ignore_case: bool = setting(Boolean(), "Of `exact` and `regex`: capitals don't matter.", default=False)
    timeout_ms: int = setting(
        Duration(minimum_ms=100, maximum_ms=600_000), "How long the check may take.", default=10_000
    )
    memory_mib: int = setting(
        Integer(minimum=64, maximum=16_384), "Address space of the check in MiB.", default=512, key="memoryMiB"
    )


@resource
class Task:
    """One thing to do."""

    id: str = setting(_ID, "Its name, the same every night; also the session that the router sees.")
    prompt: str = setting(_SOURCE, "What is asked.")
    difficulty: str = setting(Choice(of=("easy", "medium", "hard")), "For people.", default="medium")
    files: Mapping[str, str] = setting(
        MapOf(item=_SOURCE, key=_PATH, max_items=32),
        "Files that are shown with the prompt, and are there when the tests run.",
        default_factory=dict,
    )
    answer_files: tuple[str, ...] = setting(
        ListOf(item=_PATH, max_items=32, unique=True),
        "Files that the answer has to give; with `python`.",
        default=(),
    )
    check: Check = setting(ObjectOf(cls=Check), "How the answer is checked.")


@resource
class Suite:
    """Tasks."""

    name: str = setting(_ID, "The suite's name.")
    description: str = setting(_SOURCE, "For people.", default="")
    max_tokens: int = setting(
        Integer(minimum=16, maximum=200_000), "How many tokens an answer may have, as it is asked for.", default=8192
    )
    tasks: tuple[Task, ...] = setting(
        ListOf(item=ObjectOf(cls=Task), min_items=1, max_items=MAX_TASKS), "What is asked, in this order."
    )


def suite_from(text: str, source: str) -> Suite:
    """Read a suite.

    Raises:
        ConfigurationError: anything is wrong; it holds every problem.
    """
    documents, problems = parse_yaml(text, source)
    if not problems and len(documents) != 1:
        problems.append(Problem(source, "", "", f"found {len(documents)} YAML documents, expected one: {_EXPECTED}"))
    if problems:
        # The parser is that of router files, and takes it for one.
        raise ConfigurationError([replace(each, message=_AS_ROUTER.sub(_EXPECTED, each.message)) for each in problems])
    (raw,) = documents
    label = f"suite {raw.value.get('name') or source}"
    reading = read(Suite, raw, label)
    found = list(reading.problems)
    if reading.value is not None and not found:
        found += _wrong(reading.value, raw, label)
    if found or reading.value is None:
        raise ConfigurationError(found)
    return reading.value


def _wrong(suite: Suite, raw: RawDocument, label: str) -> Iterator[Problem]:
    """What no single field can tell."""
    first: dict[str, int] = {}
    for index, task in enumerate(suite.tasks):

        def problem(*path: str, message: str, at: int = index) -> Problem:
            whole: tuple[str | int, ...] = ("tasks", at, *path)
            return Problem(raw.where(whole), label, format_path(whole), message)

        if task.id in first:
            yield problem("id", message=f"{task.id} is the id of tasks[{first[task.id]}] too; each task has its own")
        first.setdefault(task.id, index)
        kinds = [each for each in ("exact", "regex", "python") if getattr(task.check, each) is not None]
        if len(kinds) != 1:
            yield problem("check", message=f"has {' and '.join(kinds) or 'none'} of exact, regex, python; write one")
        if (task.check.python is not None) != bool(task.answer_files):
            yield problem(
                "answerFiles",
                message="python checks files, and nothing else does: name those that the answer gives",
            )
        paths = {*task.files, *task.answer_files}
        for path in sorted(paths):
            for parent in PurePosixPath(path).parents:
                if str(parent) in paths:
                    yield problem("files", message=f"{parent} can't be a file and, for {path}, a folder")
        if task.check.regex is not None:
            try:
                re.compile(task.check.regex)
            except re.error as error:
                yield problem("check", "regex", message=f"is no regular expression: {error}")
        if task.check.python is not None:
            try:
                compile(task.check.python, "tests.py", "exec")
            except (SyntaxError, ValueError) as error:
                yield problem("check", "python", message=f"can't be compiled: {error}")
