"""How far a suite is: a bar on a terminal, else a line for each task."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tierrouter_cli.exits import say
from tierrouter_core.regression.results import TaskOutcome, TaskResult


class Shown(Protocol):
    """What a run tells of itself."""

    def say(self, text: str) -> None:
        """Something that a person may want to know."""

    def done(self, result: TaskResult, failure: str) -> None:
        """A task ended."""

    def stop(self) -> None:
        """Nothing more comes."""


class _Lines:
    def __init__(self, total: int, done: int) -> None:
        self._total, self._done = total, done

    def say(self, text: str) -> None:
        say(text)

    def done(self, result: TaskResult, failure: str) -> None:
        self._done += 1
        say(f"{self._done}/{self._total} {_line(result, failure)}")

    def stop(self) -> None:
        pass


class _Bar:
    def __init__(self, progress: Progress, total: int, done: int) -> None:
        self._progress = progress
        self._solved = 0
        self._task = progress.add_task("", total=total, completed=done)

    def say(self, text: str) -> None:
        self._progress.console.print(escape(text), highlight=False)

    def done(self, result: TaskResult, failure: str) -> None:
        self._solved += result.outcome is TaskOutcome.RESOLVED
        if result.outcome is not TaskOutcome.RESOLVED:
            self.say(_line(result, failure))
        self._progress.update(self._task, advance=1, description=f"{self._solved} solved")

    def stop(self) -> None:
        self._progress.stop()


@contextmanager
def progress_of(total: int, done: int) -> Iterator[Shown]:
    """For as long as the suite runs."""
    if done:
        say(f"{done} of {total} tasks are done already")
    if sys.stderr is None or not sys.stderr.isatty():
        yield _Lines(total, done)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bar(progress, total, done)


def _line(result: TaskResult, failure: str) -> str:
    why = result.error or failure
    took = "" if result.duration_s is None else f" in {result.duration_s:.1f} s"
    word = {TaskOutcome.RESOLVED: "solved", TaskOutcome.UNRESOLVED: "not solved", TaskOutcome.ERROR: "error"}
    return f"{result.task}: {word[result.outcome]}{took}{': ' + why if why else ''}"
