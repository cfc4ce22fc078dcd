"""Signals by the names that rules know them by."""

from collections.abc import Mapping
from typing import Final

from tierrouter_core.signals.state import Signals

NAMES: Final = frozenset(
    {
        "task.file_count",
        "task.files_read",
        "task.refactoring",
        "task.tool_chain_length",
        "task.planning_depth",
        "session.tool_errors_in_a_row",
        "session.failing_tests_in_a_row",
        "session.repeated_calls",
        "session.undone_edits",
        "session.calls_in_task",
        "session.calls",
    }
)


def variables_of(signals: Signals) -> Mapping[str, bool | int]:
    """Their values for a call that is about to be made, which counts itself."""
    return {
        "task.file_count": signals.files_edited,
        "task.files_read": signals.files_read,
        "task.refactoring": signals.refactoring,
        "task.tool_chain_length": signals.chain,
        "task.planning_depth": signals.planning_depth,
        "session.tool_errors_in_a_row": signals.errors_in_a_row,
        "session.failing_tests_in_a_row": signals.failing_in_a_row,
        "session.repeated_calls": signals.repeated_calls,
        "session.undone_edits": signals.undone,
        "session.calls_in_task": signals.calls_in_task + 1,
        "session.calls": signals.calls + 1,
    }
