"""What a transcript tells of a task, counted by the same code that counts it in turns."""

from collections.abc import Mapping
from typing import Any

from tierrouter_core.names import Dialect
from tierrouter_core.routing.variables import Value
from tierrouter_core.signals.facts import Called, Fact, Prompted, Returned, facts_of
from tierrouter_core.signals.state import NO_SIGNALS, Signals, advanced
from tierrouter_core.signals.variables import NAMES, variables_of

_COUNTED_IN_REPLAY = frozenset({"session.calls", "session.calls_in_task"})


class Told:
    """Of one agent, as far as its transcript is read."""

    def __init__(self) -> None:
        self._signals: Signals = NO_SIGNALS
        self._facts: list[Fact] = []

    def prompt(self) -> None:
        """A prompt begins, whose words the reader does not look into."""
        self._facts.append(Prompted(""))

    def entry(self, dialect: Dialect, entry: Mapping[str, Any]) -> None:
        """A message or an item, as the agent sent it."""
        self._facts += facts_of(dialect, [dict(entry)])

    def call(self, id_: str, name: str, arguments: Any) -> None:
        """The model calls a tool."""
        self._facts.append(Called(id_, name, arguments))

    def result(self, id_: str, text: str, *, failed: bool) -> None:
        """A tool has ended."""
        self._facts.append(Returned(id_, text, failed))

    def values(self) -> tuple[tuple[str, Value], ...]:
        """What the next call is decided by; how many calls there were a replay counts itself."""
        self._signals, self._facts = advanced(self._signals, self._facts), []
        told = variables_of(self._signals)
        return tuple((name, told[name]) for name in sorted(NAMES - _COUNTED_IN_REPLAY))
