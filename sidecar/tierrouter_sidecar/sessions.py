"""What is remembered of sessions: bounded, the longest unused forgotten first."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from decimal import Decimal
from typing import Generic, TypeVar

from tierrouter_core.routing.session_state import NEW_SESSION, SessionState

MAX_SESSIONS = 10_000

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class RecentMap(Generic[Key, Value]):
    """A mapping that keeps the ``most`` keys that were used last."""

    def __init__(self, most: int = MAX_SESSIONS) -> None:
        self._most = most
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """What is kept of ``key``."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Keep it."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._most:
            self._values.popitem(last=False)

    def items(self) -> list[tuple[Key, Value]]:
        """All that is kept, the longest unused first."""
        return list(self._values.items())

    def __len__(self) -> int:
        return len(self._values)


class Recent(Generic[Key]):
    """A set that forgets what was added longest ago."""

    def __init__(self, most: int = MAX_SESSIONS) -> None:
        self._keys: RecentMap[Key, bool] = RecentMap(most)

    def add(self, key: Key) -> None:
        """Remember ``key``."""
        self._keys.put(key, True)

    def __contains__(self, key: object) -> bool:
        return key in self._keys._values


Conversation = tuple[str, str]
"""Session and agent: each agent of a session has a context of its own."""


class SessionStore:
    """Who serves which conversation, and what each session has cost. Times are wall-clock seconds, since they outlive
    the process."""

    def __init__(self, max_sessions: int = MAX_SESSIONS) -> None:
        self._states: RecentMap[Conversation, tuple[float, SessionState]] = RecentMap(max_sessions)
        self._spent_usd: RecentMap[str, Decimal] = RecentMap(max_sessions)
        self.changes = 0
        """How often something was remembered."""

    def get(self, key: Conversation, now_s: float, idle_timeout_s: float) -> SessionState:
        """The state of ``key``; a new one if it is unknown or was idle for longer than the timeout."""
        known = self._states.get(key)
        if known is None or now_s - known[0] > idle_timeout_s:
            return NEW_SESSION
        return known[1]

    def put(self, key: Conversation, now_s: float, state: SessionState) -> None:
        """Remember the state of ``key``."""
        self._states.put(key, (now_s, state))
        self.changes += 1

    def all(self) -> Iterator[tuple[Conversation, float, SessionState]]:
        """``(key, when it was remembered, state)``, the longest unused first."""
        for key, (at_s, state) in self._states.items():
            yield key, at_s, state

    def spend(self, session: str, usd: Decimal) -> None:
        """A turn of ``session`` has cost so much."""
        self._spent_usd.put(session, self.spent_usd(session) + usd)
        self.changes += 1

    def spent_usd(self, session: str) -> Decimal:
        """What the turns of ``session`` have cost, all of its agents'."""
        return self._spent_usd.get(session) or Decimal(0)

    def all_spent_usd(self) -> list[tuple[str, Decimal]]:
        """By session, the longest unused first."""
        return self._spent_usd.items()

    def __len__(self) -> int:
        return len(self._states)
