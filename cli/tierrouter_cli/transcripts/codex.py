"""Codex's rollouts: ``~/.codex/sessions/<year>/<month>/<day>/rollout-*.jsonl``, a file for each thread.

A call is a ``token_usage_record``, or, in older versions, a ``token_count`` event whose totals have moved: the same
event is written again and again. A thread that was forked begins with the events of the one that it comes from, which
count once. Input includes what was read from the cache, and output the hidden reasoning.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tierrouter_cli.transcripts.reading import Broken, count_of, epoch_s, json_lines, member, text_of
from tierrouter_cli.transcripts.signals import Told
from tierrouter_core.names import Dialect, TurnKind
from tierrouter_core.replay.calls import ReplayCall
from tierrouter_core.turn import MAIN_AGENT
from tierrouter_core.wire.turn_kind import turn_kind

TYPES = frozenset({"session_meta", "turn_context", "event_msg", "response_item", "token_usage_record", "compacted"})
"""What lines of these files may be, but for some that say nothing of calls."""

_COUNTS = ("input_tokens", "cached_input_tokens", "cache_write_input_tokens", "output_tokens")
_Counts = tuple[int, ...]


@dataclass(slots=True)
class _Thread:
    """One file."""

    id: str
    parent: str = ""
    """The thread that it was spawned by or forked from."""
    root: str = ""
    """The thread that began it all, where the file says it."""
    is_subagent: bool = False
    model: str = ""
    input_since_answer: list[dict[str, Any]] = field(default_factory=list)
    kind: TurnKind | None = None
    """Of the call under way; None before its first words."""
    at_s: float | None = None
    signals: Told = field(default_factory=Told)
    told: tuple[tuple[str, Any], ...] = ()
    thinking: bool = False
    prompt_idx: int = -1
    compacted: bool = False
    """Since the last call."""
    total: _Counts | None = None
    counted: set[_Counts] = field(default_factory=set)
    """Totals that were told."""
    recorded: _Counts | None = None
    """What the last record said; a token count says it again."""
    calls: list[ReplayCall] = field(default_factory=list)


def read_codex(paths: Iterable[Path], broken: Broken) -> list[ReplayCall]:
    """The calls of rollouts, with times in seconds since 1970."""
    threads: dict[str, _Thread] = {}
    # Names begin with the time, so a thread comes after the one that it was forked from.
    for path in sorted(paths, key=lambda path: path.name):
        thread = _read(path, broken, threads)
        threads.setdefault(thread.id, thread)
    return [call for thread in threads.values() for call in _owned(thread, threads)]


def _owned(thread: _Thread, threads: dict[str, _Thread]) -> Iterable[ReplayCall]:
    """A subagent's calls belong to the session of the thread that began it all."""
    if not thread.is_subagent:
        return thread.calls
    root, seen = thread.parent, {thread.id}
    while root in threads and threads[root].is_subagent and root not in seen:
        seen.add(root)
        root = threads[root].parent
    root = thread.root or root
    parent = MAIN_AGENT if thread.parent == root else thread.parent
    return [call._replace(session=root or thread.id, agent=thread.id, parent_agent=parent) for call in thread.calls]


def _read(path: Path, broken: Broken, threads: dict[str, _Thread]) -> _Thread:
    thread = _Thread(path.stem)
    begun = False
    for number, line in json_lines(path, broken):
        payload = line.get("payload")
        if not isinstance(payload, dict):
            continue
        match line.get("type"):
            case "session_meta" if not begun:
                # Only the first is the file's own; a forked thread repeats those of the others.
                begun = True
                _meta(thread, payload)
            case "turn_context":
                thread.model = text_of(payload.get("model")) or thread.model
            case "compacted":
                # What stood there before is not sent again; the summary is nobody's prompt.
                thread.input_since_answer, thread.compacted = [], True
            case "response_item":
                _item(thread, payload, epoch_s(line.get("timestamp")))
            case "token_usage_record" | "event_msg" as kind if kind != "event_msg" or _is_count(payload):
                at_s = epoch_s(line.get("timestamp"))
                if at_s is None:
                    broken.note(path, f"line {number}", "a token count without a time")
                elif kind == "event_msg":
                    _counted(thread, payload, at_s, threads.get(thread.parent))
                else:
                    _recorded(thread, payload, at_s)
    return thread


def _is_count(payload: dict[str, Any]) -> bool:
    return payload.get("type") == "token_count"


def _meta(thread: _Thread, payload: dict[str, Any]) -> None:
    thread.id = text_of(payload.get("id")) or thread.id
    subagent = member(payload, "source", "subagent") or member(payload, "source", "sub_agent")
    thread.is_subagent = bool(subagent) or payload.get("thread_source") == "subagent"
    thread.root = text_of(payload.get("session_id")) if thread.is_subagent else ""
    spawned_by = text_of(member(subagent, "thread_spawn", "parent_thread_id"))
    thread.parent = spawned_by or text_of(payload.get("parent_thread_id")) or text_of(payload.get("forked_from_id"))


def _item(thread: _Thread, item: dict[str, Any], at_s: float | None) -> None:
    kind = text_of(item.get("type"))
    if (kind == "message" and item.get("role") != "assistant") or kind.endswith("_output"):
        thread.input_since_answer.append(item)
        thread.signals.entry(Dialect.RESPONSES, item)
        return
    if thread.kind is None or any(one.get("role") == "user" for one in thread.input_since_answer):
        _begin(thread, at_s)
    if kind == "reasoning":
        thread.thinking = True
    elif kind.endswith("_call"):
        arguments = item.get("arguments", item.get("input", item.get("action")))
        thread.signals.call(text_of(item.get("call_id")), text_of(item.get("name")), arguments)


def _begin(thread: _Thread, at_s: float | None) -> None:
    """The model's first words of a call: what it answers is known now."""
    kind = TurnKind.AUTOMATIC
    if thread.input_since_answer:
        kind = turn_kind(Dialect.RESPONSES, {"input": thread.input_since_answer})
    thread.input_since_answer = []
    if kind is TurnKind.USER or thread.prompt_idx < 0:
        kind = TurnKind.USER
        thread.prompt_idx += 1
    thread.kind, thread.at_s, thread.told, thread.thinking = kind, at_s, thread.signals.values(), False


def _counted(thread: _Thread, payload: dict[str, Any], at_s: float, parent: _Thread | None) -> None:
    total = _counts(member(payload, "info", "total_token_usage"))
    last = _counts(member(payload, "info", "last_token_usage"))
    before, thread.total = thread.total, total if total is not None else thread.total
    if total is not None:
        if total == before:
            return
        thread.counted.add(total)
        if parent is not None and total in parent.counted:
            thread.kind = None
            return
    if not last or not any(last):
        if total is None:
            return
        last = total if before is None else tuple(max(0, new - old) for new, old in zip(total, before, strict=True))
    if last != thread.recorded:
        _call(thread, last, at_s)
    thread.recorded = None


def _recorded(thread: _Thread, payload: dict[str, Any], at_s: float) -> None:
    counts = _counts(payload.get("usage"))
    if counts is not None and payload.get("thread_id", thread.id) == thread.id:
        thread.recorded = counts
        _call(thread, counts, at_s)


def _call(thread: _Thread, counts: _Counts, at_s: float) -> None:
    if not any(counts):
        return
    if thread.kind is None:
        _begin(thread, at_s)
    whole, cached, written, output = counts
    cached = min(cached, whole)
    written = min(written, whole - cached)
    thread.calls.append(
        ReplayCall(
            session=thread.id,
            agent=MAIN_AGENT,
            turn=0,
            prompt_idx=thread.prompt_idx,
            # Tools may have run before the count was written; the call was made before.
            t_rel_s=at_s if thread.at_s is None else min(at_s, thread.at_s),
            model=thread.model,
            input_tokens=whole - cached - written,
            cache_creation_tokens=written,
            cache_read_tokens=cached,
            output_tokens=output,
            kind=thread.kind or TurnKind.USER,
            dialect=Dialect.RESPONSES,
            thinking=thread.thinking,
            compacted=thread.compacted,
            signals=thread.told,
        )
    )
    thread.kind, thread.compacted = None, False


def _counts(usage: Any) -> _Counts | None:
    return tuple(count_of(usage.get(name)) for name in _COUNTS) if isinstance(usage, dict) else None
