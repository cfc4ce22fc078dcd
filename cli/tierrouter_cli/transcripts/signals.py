"""What a conversation tells of its progress: the variables of rules that can be counted in a transcript.

Files edited and read, tool calls and the plan are counted since the prompt began, failed tools in a row over prompts.
"""

import re
from typing import Any

from tierrouter_cli.transcripts.reading import text_of
from tierrouter_core.routing.variables import Value

_EDITS = frozenset({"edit", "write", "multiedit", "notebookedit", "patch"})
_READS = frozenset({"read"})
_PATHS = ("file_path", "filePath", "notebook_path", "path")
_PLANS = ("todos", "plan")
"""Where TodoWrite and todowrite, and update_plan, have their items."""
_PATCHED = re.compile(r"\*\*\* (?:Add|Update|Delete) File: ([^\n\\\"]+)")
"""Also inside a script, where the line's end is written ``\\n``."""


class Signals:
    """Of one agent."""

    def __init__(self) -> None:
        self._edited: set[str] = set()
        self._read: set[str] = set()
        self._tool_calls = 0
        self._plan = 0
        self._errors = 0

    def prompt(self) -> None:
        """A prompt begins."""
        self._edited.clear()
        self._read.clear()
        self._tool_calls = 0

    def tool(self, name: str, arguments: Any) -> None:
        """The model calls a tool.

        Args:
            arguments: an object, or the text of a patch.
        """
        self._tool_calls += 1
        kind = name.lower()
        if isinstance(arguments, str):
            self._edited.update(path.strip() for path in _PATCHED.findall(arguments))
            return
        if not isinstance(arguments, dict):
            return
        path = next((text for key in _PATHS if (text := text_of(arguments.get(key)))), "")
        if path and kind in _EDITS:
            self._edited.add(path)
        elif path and kind in _READS:
            self._read.add(path)
        for key in _PLANS:
            if isinstance(arguments.get(key), list):
                self._plan = len(arguments[key])

    def result(self, *, failed: bool) -> None:
        """A tool has ended."""
        self._errors = self._errors + 1 if failed else 0

    def values(self) -> tuple[tuple[str, Value], ...]:
        """What the next call is decided by."""
        return (
            ("task.file_count", len(self._edited)),
            ("task.files_read", len(self._read)),
            ("task.tool_chain_length", self._tool_calls),
            ("task.planning_depth", self._plan),
            ("session.tool_errors_in_a_row", self._errors),
        )
