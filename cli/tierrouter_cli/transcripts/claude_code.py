"""Claude Code's transcripts: ``~/.claude/projects/<project>/<session>.jsonl``, subagents in files of their own.

A call is an assistant's message. It stands on one line for each of its blocks, and only the last of them has the whole
count of output tokens, so lines are put together by the message's id; a session that was resumed or forked repeats the
messages of the one before, which count once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from tierrouter_cli.transcripts.reading import Broken, count_of, epoch_s, json_lines, member, text_of
from tierrouter_cli.transcripts.signals import Told
from tierrouter_core.names import Dialect, TurnKind
from tierrouter_core.replay.calls import ReplayCall
from tierrouter_core.turn import MAIN_AGENT
from tierrouter_core.wire.turn_kind import turn_kind

TYPES = frozenset({"user", "assistant", "system", "summary", "file-history-snapshot", "queue-operation", "progress"})
"""What lines of these files may be; only the first two are read."""

_CHARACTERS_PER_TOKEN = 3.6
"""Of answers. Many versions write down the count of output tokens as it was when the stream began (1, say); then the
answer itself tells more."""
_SYNTHETIC = "<synthetic>"
"""The model of messages that Claude Code writes itself."""


@dataclass(slots=True)
class _Agent:
    """One agent's conversation, as far as it is read."""

    since_answer: list[dict[str, Any]] = field(default_factory=list)
    """The user's messages after the model's last words."""
    written: dict[str, int] = field(default_factory=dict)
    """Characters of each answer, by the message's id."""
    signals: Told = field(default_factory=Told)
    prompt_idx: int = -1
    compacted: bool = False


@dataclass(slots=True)
class _Reading:
    """All files together."""

    broken: Broken
    calls: dict[str, ReplayCall] = field(default_factory=dict)
    """By the message's id. ``t_rel_s`` is seconds since 1970."""
    agents: dict[tuple[str, str], _Agent] = field(default_factory=dict)
    heard: set[str] = field(default_factory=set)
    """The uuids of the user's lines."""
    sidechains: dict[str, str] = field(default_factory=dict)
    """The agent of each line of a sidechain, by its uuid, where the line itself does not name it."""


def read_claude_code(paths: Iterable[Path], broken: Broken) -> list[ReplayCall]:
    """The calls of transcripts, with times in seconds since 1970."""
    reading = _Reading(broken)
    for path in paths:
        file_id = path.stem
        owners: dict[str, tuple[str, str]] = {}
        for number, line in json_lines(path, broken):
            kind = line.get("type")
            message = line.get("message")
            if kind not in ("user", "assistant") or not isinstance(message, dict):
                continue
            key = (text_of(line.get("sessionId")) or file_id, _agent_of(line, reading))
            if kind == "user":
                # A line that another file has copied was heard there.
                uuid = text_of(line.get("uuid"))
                if uuid in reading.heard:
                    continue
                if uuid:
                    reading.heard.add(uuid)
                _user(reading, key, message, is_summary=line.get("isCompactSummary") is True)
            else:
                _assistant(reading, key, line, message, owners, (path, number))
    return list(reading.calls.values())


def _agent_of(line: dict[str, Any], reading: _Reading) -> str:
    """``main``, or the subagent's id; older versions write a sidechain into the session's file without naming it."""
    if not line.get("isSidechain"):
        return MAIN_AGENT
    uuid = text_of(line.get("uuid"))
    agent = text_of(line.get("agentId")) or reading.sidechains.get(text_of(line.get("parentUuid")))
    if not agent:
        agent = f"sidechain-{uuid[:8] or len(reading.sidechains)}"
    if uuid:
        reading.sidechains[uuid] = agent
    return agent


def _user(reading: _Reading, key: tuple[str, str], message: dict[str, Any], *, is_summary: bool) -> None:
    agent = reading.agents.setdefault(key, _Agent())
    content = message.get("content")
    if is_summary:
        # The conversation goes on from here; what stood before it is not sent again.
        agent.since_answer, agent.compacted = [], True
    entry = {"role": "user", "content": content}
    agent.since_answer.append(entry)
    agent.signals.entry(Dialect.MESSAGES, entry)


def _assistant(
    reading: _Reading,
    key: tuple[str, str],
    line: dict[str, Any],
    message: dict[str, Any],
    owners: dict[str, tuple[str, str]],
    where: tuple[Path, int],
) -> None:
    usage = message.get("usage")
    if message.get("model") == _SYNTHETIC or line.get("isApiErrorMessage") or not isinstance(usage, dict):
        return
    # A gateway may leave the ids out; then every line is a call.
    message_id = text_of(message.get("id")) or text_of(line.get("uuid")) or f"{where[0]}:{where[1]}"
    agent = reading.agents.setdefault(key, _Agent())
    known = reading.calls.get(message_id)
    if known is None:
        at_s = epoch_s(line.get("timestamp"))
        if at_s is None:
            reading.broken.note(where[0], f"line {where[1]}", "an answer without a time")
            return
        owners[message_id] = key
        output = _output(agent, message_id, message, usage)
        reading.calls[message_id] = _call(agent, key, message, usage, at_s)._replace(output_tokens=output)
    elif message_id in owners:
        reading.calls[message_id] = known._replace(
            output_tokens=max(known.output_tokens, _output(agent, message_id, message, usage)),
            thinking=known.thinking or _thinks(message),
        )
    else:
        # Copied from another file: it is history here.
        if (known.session, known.agent) != key:
            agent.since_answer = []
        return
    for block in _blocks(message):
        if member(block, "type") == "tool_use":
            agent.signals.call(text_of(block.get("id")), text_of(block.get("name")), block.get("input"))


def _call(
    agent: _Agent, key: tuple[str, str], message: dict[str, Any], usage: dict[str, Any], at_s: float
) -> ReplayCall:
    kind = TurnKind.TOOL_LOOP
    if agent.since_answer:
        kind = turn_kind(Dialect.MESSAGES, {"messages": agent.since_answer})
    elif agent.prompt_idx >= 0:
        # Nothing new was said: Claude Code has it go on.
        kind = TurnKind.AUTOMATIC
    compacted, agent.compacted = agent.compacted, False
    agent.since_answer = []
    if kind is TurnKind.USER or agent.prompt_idx < 0:
        kind = TurnKind.USER
        agent.prompt_idx += 1
    return ReplayCall(
        session=key[0],
        agent=key[1],
        turn=0,
        prompt_idx=agent.prompt_idx,
        t_rel_s=at_s,
        model=text_of(message.get("model")),
        input_tokens=count_of(usage.get("input_tokens")),
        cache_creation_tokens=count_of(usage.get("cache_creation_input_tokens")),
        cache_read_tokens=count_of(usage.get("cache_read_input_tokens")),
        output_tokens=0,
        kind=kind,
        parent_agent="" if key[1] == MAIN_AGENT else MAIN_AGENT,
        dialect=Dialect.MESSAGES,
        thinking=_thinks(message),
        compacted=compacted,
        signals=agent.signals.values(),
    )


def _output(agent: _Agent, message_id: str, message: dict[str, Any], usage: dict[str, Any]) -> int:
    """What was written down, but no less than what stands there takes."""
    written = sum(map(_characters, _blocks(message))) + len(text_of(message.get("content")))
    written = agent.written[message_id] = agent.written.get(message_id, 0) + written
    return max(count_of(usage.get("output_tokens")), round(written / _CHARACTERS_PER_TOKEN))


def _characters(block: Any) -> int:
    match member(block, "type"):
        case "text":
            return len(text_of(block.get("text")))
        case "thinking":
            return len(text_of(block.get("thinking")))
        case "tool_use":
            return len(orjson.dumps(block.get("input")))
    return 0


def _thinks(message: dict[str, Any]) -> bool:
    return any(member(block, "type") in ("thinking", "redacted_thinking") for block in _blocks(message))


def _blocks(message: dict[str, Any]) -> list[Any]:
    content = message.get("content")
    return content if isinstance(content, list) else []
