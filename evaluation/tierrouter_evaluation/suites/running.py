"""Runs a suite: several tasks at once, each asked, checked and written down; stops where it may spend no more."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from tierrouter_core.regression.results import TaskOutcome, TaskResult
from tierrouter_core.regression.rows import row_of
from tierrouter_evaluation.errors import EvaluationError, InfrastructureError
from tierrouter_evaluation.formats.found import with_usage
from tierrouter_evaluation.suites.answers import prompt_of
from tierrouter_evaluation.suites.asking import Asker, RefusedError, Router
from tierrouter_evaluation.suites.checking import check_answer
from tierrouter_evaluation.suites.results_file import ResultsFile
from tierrouter_evaluation.suites.spending import Spent, spent
from tierrouter_evaluation.suites.suite_file import Suite, Task

_METERING_S: Final = 1.0
"""How long the router may take to write a turn down that has been answered."""


class Ending(StrEnum):
    """How a run of a suite ends."""

    COMPLETE = "complete"
    COST_LIMIT = "the cost limit was reached"
    COST_UNKNOWN = "the cost of a turn is not known, so that its limit can't be held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is run."""

    suite: Suite
    router: Router
    admin_url: str
    parallel: int
    max_cost_usd: Decimal | None
    say: Callable[[str], None]
    """Takes what a person may want to know."""
    done: Callable[[TaskResult, str], None]
    """Is told of each task that ends, with why its check failed."""


@dataclass(slots=True)
class Summary:
    """What came of it."""

    ending: Ending = Ending.COMPLETE
    results: dict[str, TaskResult] = field(default_factory=dict)
    cost_usd: Decimal | None = None
    """Of this time, without what was done before; None where nobody knows."""


async def run_suite(plan: Plan, file: ResultsFile) -> Summary:
    """Run what the file does not hold yet.

    Raises:
        EvaluationError: no task can be tried: the router refuses all, or a limit on cost can't be held.
    """
    running = _Running(plan, file)
    return await running.run()


class _Running:
    def __init__(self, plan: Plan, file: ResultsFile) -> None:
        self._plan = plan
        self._file = file
        self._summary = Summary(results=dict(file.done))
        self._before = sum((each.cost_usd or Decimal(0) for each in file.done.values()), Decimal(0))
        self._start = Spent(None)
        self._told: set[str] = set()

    async def run(self) -> Summary:
        plan = self._plan
        self._start = await spent(plan.admin_url)
        if plan.max_cost_usd is not None and self._start.cost_usd is None:
            raise EvaluationError(
                f"--max-cost: what turns cost is not known: {plan.admin_url} does not answer; name the router's admin "
                "port with --admin-url"
            )
        left = [task for task in plan.suite.tasks if task.id not in self._file.done]
        queue = iter(left)
        async with Asker(plan.router) as asker:
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(plan.parallel, len(left))):
                        group.create_task(self._work(queue, asker))
            except* EvaluationError as errors:
                raise errors.exceptions[0] from None
        self._summary.cost_usd = self._cost(await spent(plan.admin_url))
        if self._summary.ending is not Ending.COMPLETE:
            # Said of each, or they would be missing without a word.
            for task in left:
                if task.id not in self._summary.results:
                    self._write(_error(task.id, f"not tried: {self._summary.ending}"), "")
        return self._summary

    async def _work(self, queue: Any, asker: Asker) -> None:
        while self._may_spend(await self._spent_now()) and (task := next(queue, None)) is not None:
            await self._one(task, asker)

    async def _one(self, task: Task, asker: Asker) -> None:
        began_s = time.monotonic()
        failure = ""
        is_new = task.id not in (self._start.sessions or {})
        try:
            said = await asker.ask(task.id, prompt_of(task), self._plan.suite.max_tokens, self._plan.say)
            answered_s = time.monotonic() - began_s
            verdict = await check_answer(task, said.text)
            for each in verdict.missing:
                self._tell_once(f"the sandbox on this machine: {each}")
            failure = verdict.failure
            result = TaskResult(
                task=task.id,
                outcome=TaskOutcome.RESOLVED if verdict.has_passed else TaskOutcome.UNRESOLVED,
                output_tokens=said.output_tokens,
                duration_s=round(answered_s, 3),
            )
        except RefusedError:
            raise
        except InfrastructureError as error:
            result = _error(task.id, str(error))
        self._write(await self._metered(result) if is_new else result, failure)

    async def _metered(self, result: TaskResult) -> TaskResult:
        """With what the router says that the task took. Its session is new: what it took, it took for this."""
        until_s = time.monotonic() + _METERING_S
        while (sessions := (await spent(self._plan.admin_url)).sessions) is not None:
            if result.task in sessions:
                return with_usage(result, replace(sessions[result.task], duration_s=None))
            if time.monotonic() > until_s:
                break
            await asyncio.sleep(0.05)
        return result

    def _write(self, result: TaskResult, failure: str) -> None:
        self._summary.results[result.task] = result
        self._file.add(row_of(result) | ({"failure": failure} if failure else {}))
        self._plan.done(result, failure)

    async def _spent_now(self) -> Spent:
        return self._start if self._plan.max_cost_usd is None else await spent(self._plan.admin_url)

    def _may_spend(self, now: Spent) -> bool:
        limit = self._plan.max_cost_usd
        if limit is None:
            return True
        cost = self._cost(now)
        if now.unpriced > self._start.unpriced or cost is None:
            self._summary.ending = Ending.COST_UNKNOWN
        elif cost + self._before >= limit:
            self._summary.ending = Ending.COST_LIMIT
        return self._summary.ending is Ending.COMPLETE

    def _cost(self, now: Spent) -> Decimal | None:
        if now.cost_usd is None or now.unpriced > self._start.unpriced:
            return None
        return now.cost_usd - (self._start.cost_usd or Decimal(0))

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._plan.say(text)


def _error(task: str, error: str) -> TaskResult:
    return TaskResult(task=task, outcome=TaskOutcome.ERROR, error=" ".join(error.split()))
