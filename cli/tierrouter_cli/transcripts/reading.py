"""What the readers share: counts that may be anything, broken lines that are counted and named, times made relative."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from tierrouter_core.errors import TierRouterError
from tierrouter_core.replay.calls import ReplayCall


class TranscriptError(TierRouterError):
    """An input that holds nothing that could be replayed; the message says why."""


@dataclass(slots=True)
class Broken:
    """What could not be read, and was left out."""

    count: int = 0
    first: str = ""
    """Where the first stands and what is wrong with it."""
    files: set[Path] = field(default_factory=set)

    def note(self, path: Path, where: str, what: str) -> None:
        """One line or row more that is broken."""
        self.count += 1
        self.files.add(path)
        if not self.first:
            self.first = f"{path}: {where}: {what}" if where else f"{path}: {what}"


def json_lines(path: Path, broken: Broken) -> Iterator[tuple[int, dict[str, Any]]]:
    """``(line number, object)`` of each line that is a JSON object; the others are noted."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    value = orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    broken.note(path, f"line {number}", f"not JSON ({error.msg})")
                    continue
                if isinstance(value, dict):
                    yield number, value
                else:
                    broken.note(path, f"line {number}", "not a JSON object")
    except OSError as error:
        broken.note(path, "", f"can't be read: {error.strerror or error}")


def json_file(path: Path, broken: Broken) -> dict[str, Any]:
    """The object that a file holds; an empty one, and a note, where it holds none."""
    try:
        value = orjson.loads(path.read_bytes())
    except OSError as error:
        broken.note(path, "", f"can't be read: {error.strerror or error}")
        return {}
    except orjson.JSONDecodeError as error:
        broken.note(path, "", f"not JSON ({error.msg})")
        return {}
    if isinstance(value, dict):
        return value
    broken.note(path, "", "not a JSON object")
    return {}


def member(value: Any, *names: str) -> Any:
    """``value[names[0]][names[1]]...``, or None where that is not there."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def count_of(value: Any) -> int:
    """A number of tokens; 0 for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def text_of(value: Any) -> str:
    """A text; empty for what is none."""
    return value if isinstance(value, str) else ""


def epoch_s(timestamp: Any) -> float | None:
    """Seconds since 1970 of an ISO 8601 time; without a zone it is UTC. None for what is no time."""
    if not isinstance(timestamp, str):
        return None
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        return None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def relative(calls: Iterable[ReplayCall]) -> list[ReplayCall]:
    """Calls whose ``t_rel_s`` is seconds since 1970, in the order of time, with what the rest of the fields promise.

    Times become relative to each session's first call, and an agent's calls are counted.
    """
    begun: dict[str, float] = {}
    counted: dict[tuple[str, str], int] = {}
    found = []
    for call in sorted(calls, key=lambda call: call.t_rel_s):
        start_s = begun.setdefault(call.session, call.t_rel_s)
        agent = (call.session, call.agent)
        turn = counted.get(agent, 0)
        counted[agent] = turn + 1
        found.append(call._replace(t_rel_s=call.t_rel_s - start_s, turn=turn))
    return found
