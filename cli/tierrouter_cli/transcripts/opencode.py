"""OpenCode's store: folders of JSON files up to version 1.1, a SQLite file since 1.2.

    storage/session/<project>/<session>.json    id, parentID (a subagent's session has one)
    storage/message/<session>/<message>.json    role, time, modelID, tokens; one for each of the model's answers
    storage/part/<message>/<part>.json          tools, and step-finish with the tokens of each call

``opencode.db`` has the same objects in the column ``data`` of its tables ``message`` and ``part``. An answer is one
call, or as many as it has ``step-finish`` parts. Its input leaves out what was read from the cache or written to it,
and its output the hidden reasoning.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from tierrouter_cli.transcripts.reading import Broken, count_of, json_file, member, text_of
from tierrouter_cli.transcripts.signals import Told
from tierrouter_core.names import Dialect, TurnKind
from tierrouter_core.replay.calls import ReplayCall
from tierrouter_core.turn import MAIN_AGENT

DATABASE = "opencode.db"

_Object = dict[str, Any]


@dataclass(slots=True)
class _Store:
    parents: dict[str, str] = field(default_factory=dict)
    """A session's id to that of the one that started it."""
    messages: dict[str, list[_Object]] = field(default_factory=lambda: defaultdict(list))
    """By session."""
    parts: dict[str, list[_Object]] = field(default_factory=lambda: defaultdict(list))
    """By message, in their order."""


def is_store(folder: Path) -> bool:
    """Whether it is a ``storage`` folder."""
    return (folder / "message").is_dir() and (folder / "session").is_dir()


def read_opencode(place: Path, broken: Broken) -> list[ReplayCall]:
    """The calls of a ``storage`` folder or an ``opencode.db``, with times in seconds since 1970."""
    store = _from_database(place, broken) if place.is_file() else _from_folder(place, broken)
    return [call for session in store.messages for call in _calls(store, session, place, broken)]


def _from_folder(folder: Path, broken: Broken) -> _Store:
    store = _Store()
    for path in sorted(folder.glob("session/*/*.json")):
        session = json_file(path, broken)
        store.parents[text_of(session.get("id")) or path.stem] = text_of(session.get("parentID"))
    for path in sorted(folder.glob("message/*/*.json")):
        store.messages[path.parent.name].append({"id": path.stem, **json_file(path, broken)})
    for path in sorted(folder.glob("part/*/*.json")):
        store.parts[path.parent.name].append(json_file(path, broken))
    return store


def _from_database(path: Path, broken: Broken) -> _Store:
    store = _Store()
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            for session, parent in database.execute("SELECT id, parent_id FROM session"):
                store.parents[session] = parent or ""
            for session, message, data in database.execute("SELECT session_id, id, data FROM message ORDER BY id"):
                store.messages[session].append({"id": message, **_row(data, path, f"message {message}", broken)})
            for message, part, data in database.execute("SELECT message_id, id, data FROM part ORDER BY id"):
                store.parts[message].append(_row(data, path, f"part {part}", broken))
    except sqlite3.Error as error:
        broken.note(path, "", f"not a database of OpenCode: {error}")
    return store


def _row(data: Any, path: Path, where: str, broken: Broken) -> _Object:
    try:
        value = orjson.loads(data)
    except (orjson.JSONDecodeError, TypeError):
        value = None
    if isinstance(value, dict):
        return value
    broken.note(path, where, "not a JSON object")
    return {}


def _calls(store: _Store, session: str, place: Path, broken: Broken) -> Iterator[ReplayCall]:
    owner = _owner(store, session)
    signals = Told()
    prompt, prompt_idx = "", -1
    for message in sorted(store.messages[session], key=lambda message: _created_s(message) or 0.0):
        if message.get("role") != "assistant":
            continue
        at_s = _created_s(message)
        if at_s is None:
            broken.note(place, f"message {text_of(message.get('id'))}", "an answer without a time")
            continue
        if prompt_idx < 0 or text_of(message.get("parentID")) != prompt:
            prompt = text_of(message.get("parentID"))
            prompt_idx += 1
            signals.prompt()
            kind = TurnKind.USER
        else:
            kind = TurnKind.TOOL_LOOP
        if message.get("summary") is True:
            kind = TurnKind.COMPACTION
        for tokens, step_s in _steps(message, store.parts.get(text_of(message.get("id")), ()), at_s):
            if not tokens.get("input") and not tokens.get("output") and not member(tokens, "cache", "read"):
                continue  # It was broken off, or failed, before anything was counted.
            yield _call(owner, prompt_idx, message, tokens, kind, step_s)._replace(signals=signals.values())
            kind = TurnKind.TOOL_LOOP if kind is not TurnKind.COMPACTION else kind
        for part in _tools(store.parts.get(text_of(message.get("id")), ())):
            _note_tool(signals, part)


def _steps(message: _Object, parts: Iterable[_Object], at_s: float) -> Iterator[tuple[_Object, float]]:
    """The tokens of each call that an answer took, and when it was made."""
    found = False
    for part in parts:
        if part.get("type") == "step-finish" and isinstance(part.get("tokens"), dict):
            found = True
            yield part["tokens"], at_s
        elif part.get("type") == "tool":
            ended_ms = member(part, "state", "time", "end")
            # Where an answer has several steps, the next begins when the tools of the one before have ended.
            at_s = max(at_s, ended_ms / 1000) if isinstance(ended_ms, int | float) else at_s
    if not found and isinstance(message.get("tokens"), dict):
        yield message["tokens"], _created_s(message) or at_s


def _tools(parts: Iterable[_Object]) -> Iterator[_Object]:
    return (part for part in parts if part.get("type") == "tool")


def _note_tool(signals: Told, part: _Object) -> None:
    id_ = text_of(part.get("callID"))
    signals.call(id_, text_of(part.get("tool")), member(part, "state", "input"))
    said = text_of(member(part, "state", "output"))
    signals.result(id_, said, failed=member(part, "state", "status") == "error")


def _call(
    owner: tuple[str, str, str], prompt_idx: int, message: _Object, tokens: _Object, kind: TurnKind, at_s: float
) -> ReplayCall:
    session, agent, parent = owner
    return ReplayCall(
        session=session,
        agent=agent,
        turn=0,
        prompt_idx=prompt_idx,
        t_rel_s=at_s,
        model=text_of(message.get("modelID")),
        input_tokens=count_of(tokens.get("input")),
        cache_creation_tokens=count_of(member(tokens, "cache", "write")),
        cache_read_tokens=count_of(member(tokens, "cache", "read")),
        output_tokens=count_of(tokens.get("output")) + count_of(tokens.get("reasoning")),
        kind=kind,
        parent_agent=parent,
        # How it speaks to a router: as to any provider that is compatible with OpenAI's Chat.
        dialect=Dialect.CHAT,
    )


def _owner(store: _Store, session: str) -> tuple[str, str, str]:
    """Session, agent and parent agent: a session that another one started is a subagent of the first of them."""
    parent = store.parents.get(session, "")
    if not parent:
        return session, MAIN_AGENT, ""
    root, seen = parent, {session}
    while store.parents.get(root) and root not in seen:
        seen.add(root)
        root = store.parents[root]
    return root, session, MAIN_AGENT if parent == root else parent


def _created_s(message: _Object) -> float | None:
    created_ms = member(message, "time", "created")
    return created_ms / 1000 if isinstance(created_ms, int | float) else None
