"""What is remembered of sessions: bounded, the longest unused forgotten first."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from tierrouter_core.routing.decide import NEW_SESSION, SessionState

MAX_SESSIONS = 10_000


Key = TypeVar("Key", bound=Hashable)


class Recent(Generic[Key]):
    """A set that forgets what was added longest ago."""

    def __init__(self, most: int = MAX_SESSIONS) -> None:
        self._most = most
        self._keys: OrderedDict[Key, None] = OrderedDict()

    def add(self, key: Key) -> None:
        """Remember ``key``."""
        self._keys[key] = None
        self._keys.move_to_end(key)
        if len(self._keys) > self._most:
            self._keys.popitem(last=False)

    def __contains__(self, key: object) -> bool:
        return key in self._keys


class SessionStore:
    """State of (session, agent) pairs. Times are a monotonic clock's seconds."""

    def __init__(self, max_sessions: int = MAX_SESSIONS) -> None:
        self._max = max_sessions
        self._states: OrderedDict[tuple[str, str], tuple[float, SessionState]] = OrderedDict()

    def get(self, key: tuple[str, str], now_s: float, idle_timeout_s: float) -> SessionState:
        """The state of ``key``; a new one if it is unknown or was idle for longer than the timeout."""
        known = self._states.get(key)
        if known is None or now_s - known[0] > idle_timeout_s:
            return NEW_SESSION
        return known[1]

    def put(self, key: tuple[str, str], now_s: float, state: SessionState) -> None:
        """Remember the state of ``key``."""
        self._states[key] = (now_s, state)
        self._states.move_to_end(key)
        if len(self._states) > self._max:
            self._states.popitem(last=False)

    def __len__(self) -> int:
        return len(self._states)
