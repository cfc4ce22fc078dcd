"""How a tool call went, as far as its result tells."""

import re
from typing import Final

LOOKED_AT: Final = 8 * 1024
"""Characters at a result's end: where runners say how it went."""
_HEAD = 256

_FAILED_TESTS: Final = re.compile(
    r"\b[1-9]\d* failed\b|^FAILED |^--- FAIL|^Tests:.*\bfailed|^not ok \d|error\[E\d+\]|\bBUILD FAIL|npm ERR!"
    r"|^FAIL\b|\bfailures=[1-9]|^Traceback \(most recent call last\)",
    re.MULTILINE,
)
_MARKS: Final = ("failed", "FAIL", "failures=", "not ok ", "error[E", "npm ERR!", "Traceback")
"""One of them is in whatever the expression finds: looking for them is a hundred times faster."""
_FAILED_RUN: Final = re.compile(
    r"\b[1-9]\d* (?:failing|failures?|tests? failed)\b|\b[1-9]\d* errors? in \d|^\s*[1-9]\d* fail$"
    r"|\b(?:Failed|Failures|Errors):? +[1-9]|\bFAILED in \d|^npm error\b|^error Command failed|^make\S*: \*\*\* ",
    re.MULTILINE,
)
"""What only a runner of tests says of them; elsewhere such words mean other things."""
_RUN_MARKS: Final = ("fail", "Fail", "FAIL", "rror", "***")
_WENT_WRONG: Final = re.compile(
    r"^(?:<tool_use_error>|\[tool error\]|unsupported call|failed to parse function arguments|aborted\b)"
    r"|^(?:Process exited with code|Exit code:?) (?!0\b)-?\d+",
    re.MULTILINE,
)
"""In the words of Claude Code, Codex, and our own translation. OpenCode marks nothing."""
_WRONG_MARKS: Final = (
    "<tool_use_error>",
    "[tool error]",
    "unsupported call",
    "failed to parse",
    "aborted",
    "exited with code",
    "xit code",
)
"""Likewise: one of them is in whatever the expression finds."""


def tests_failed(text: str, *, run: bool) -> bool:
    """Whether a result shows tests that failed, or a program that broke; ``run`` where it is known to be of tests."""
    end = text[-LOOKED_AT:]
    if any(mark in end for mark in _MARKS) and _FAILED_TESTS.search(end) is not None:
        return True
    return run and any(mark in end for mark in _RUN_MARKS) and _FAILED_RUN.search(end) is not None


def went_wrong(text: str, *, said: bool) -> bool:
    """Whether a result is an error; ``said`` where the agent itself marks it so."""
    if said:
        return True
    # Only where an agent writes it: what a tool read may hold such words too.
    head = text[:_HEAD]
    return any(mark in head for mark in _WRONG_MARKS) and _WENT_WRONG.search(head) is not None
