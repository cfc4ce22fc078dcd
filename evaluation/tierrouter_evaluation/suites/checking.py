"""Checks an answer; all of it in the restricted process, for even a regular expression can run for ever."""

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tierrouter_evaluation.errors import InfrastructureError
from tierrouter_evaluation.sandbox.run import Limits, Verdict, run_tests
from tierrouter_evaluation.suites.answers import files_from, overlaid, result_from
from tierrouter_evaluation.suites.suite_file import Check, Task

_REGEX = """\
import re
result = {result!r}
assert re.fullmatch({pattern!r}, result, {flags}), f"the result does not match: {{result[:200]!r}}"
"""


async def check_answer(task: Task, text: str) -> Verdict:
    """Whether an answer solves its task.

    Raises:
        InfrastructureError: it could not be checked.
    """
    limits = Limits(
        wall_s=task.check.timeout_ms / 1000,
        cpu_s=max(1, -(-task.check.timeout_ms // 1000)),
        memory_mib=task.check.memory_mib,
    )
    if task.check.exact is not None:
        return _exact(task.check, result_from(text))
    if task.check.regex is not None:
        flags = "re.IGNORECASE" if task.check.ignore_case else "0"
        tests = _REGEX.format(pattern=task.check.regex.strip(), result=result_from(text), flags=flags)
        return await _tested({}, tests, limits)
    answer = files_from(text, task)
    missing = [path for path in task.answer_files if path not in answer and path not in task.files]
    if not answer or missing:
        return Verdict(f"the answer does not give {', '.join(missing or task.answer_files)}")
    return await _tested(overlaid(task.files, answer), task.check.python or "", limits)


def _exact(check: Check, result: str) -> Verdict:
    wanted, found = (check.exact or "").strip(), result
    if check.ignore_case:
        wanted, found = wanted.casefold(), found.casefold()
    return Verdict("" if wanted == found else f"the result is {result[:200]!r}")


async def _tested(files: Mapping[str, str], tests: str, limits: Limits) -> Verdict:
    with tempfile.TemporaryDirectory(prefix="tierrouter-check-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        try:
            await asyncio.to_thread(_write, folder, files)
        except OSError as error:
            raise InfrastructureError(f"the check's files can't be written: {error}") from None
        return await run_tests(tests, folder, limits)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8", errors="replace")
