"""Transcripts in the true shapes of three agents, with invented text, as lines and files."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

Line = dict[str, Any]


def time(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write_lines(path: Path, lines: Sequence[Line | str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


# Claude Code


def claude_user(seconds: float, content: Any, **more: Any) -> Line:
    return {
        "type": "user",
        "sessionId": "5e551011",
        "uuid": f"u{seconds}",
        "parentUuid": None,
        "isSidechain": False,
        "timestamp": time(seconds),
        "message": {"role": "user", "content": content},
        **more,
    }


def tool_result(failed: bool = False) -> list[Line]:
    return [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "some output", "is_error": failed}]


def tool_use(name: str, **arguments: Any) -> Line:
    return {"type": "tool_use", "id": "toolu_1", "name": name, "input": arguments}


def claude_answer(seconds: float, message: str, *blocks: Line, output: int = 200, **more: Any) -> Line:
    """One line of an answer: 10 tokens uncached, 500 written to the cache, 40,000 read."""
    return {
        "type": "assistant",
        "sessionId": "5e551011",
        "uuid": f"a{seconds}",
        "parentUuid": None,
        "isSidechain": False,
        "requestId": "req_1",
        "timestamp": time(seconds),
        "message": {
            "id": message,
            "type": "message",
            "role": "assistant",
            "model": "claude-opus-4-7",
            "content": list(blocks) or [{"type": "text", "text": "Done."}],
            "usage": {
                "input_tokens": 10,
                "cache_creation_input_tokens": 500,
                "cache_read_input_tokens": 40_000,
                "output_tokens": output,
            },
        },
        **more,
    }


CLAUDE_SESSION: list[Line | str] = [
    {"type": "summary", "summary": "An invented session", "leafUuid": "x"},
    {"type": "file-history-snapshot", "messageId": "x", "snapshot": {}},
    claude_user(0, "Please mend the parser."),
    # One answer on three lines; the first two know only part of the output.
    claude_answer(2, "msg_1", {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}, output=1),
    claude_answer(3, "msg_1", {"type": "text", "text": "I look."}, output=1),
    claude_answer(4, "msg_1", tool_use("Read", file_path="/w/parser.py"), output=300),
    claude_user(5, tool_result()),
    claude_answer(8, "msg_2", tool_use("Edit", file_path="/w/parser.py", old_string="a", new_string="b")),
    claude_user(9, tool_result(failed=True)),
    claude_answer(12, "msg_3"),
    claude_user(60, [{"type": "text", "text": "Now the tests, please."}]),
    claude_answer(63, "msg_4", tool_use("TodoWrite", todos=[{"content": "one"}, {"content": "two"}])),
    claude_user(64, tool_result()),
    claude_answer(66, "msg_5"),
    # Claude Code's own words are no call.
    {**claude_answer(67, "msg_6"), "message": {"id": "msg_6", "model": "<synthetic>", "usage": {}}},
]
CLAUDE_SUBAGENT: list[Line | str] = [
    claude_user(6, "Find all callers.", isSidechain=True, agentId="a77"),
    claude_answer(7, "msg_s1", tool_use("Grep", pattern="parse("), isSidechain=True, agentId="a77"),
    claude_user(8, tool_result(), isSidechain=True, agentId="a77"),
    claude_answer(9, "msg_s2", isSidechain=True, agentId="a77"),
]


def claude_projects(folder: Path) -> Path:
    project = folder / "projects" / "-w-parser"
    write_lines(project / "5e551011.jsonl", CLAUDE_SESSION)
    write_lines(project / "5e551011" / "subagents" / "agent-a77.jsonl", CLAUDE_SUBAGENT)
    return folder / "projects"


# Codex


def codex(seconds: float, kind: str, **payload: Any) -> Line:
    return {"timestamp": time(seconds), "type": kind, "payload": payload}


def codex_said(seconds: float, role: str, text: str) -> Line:
    content = [{"type": "input_text" if role == "user" else "output_text", "text": text}]
    return codex(seconds, "response_item", type="message", role=role, content=content)


def codex_count(seconds: float, total: Sequence[int], last: Sequence[int]) -> Line:
    """Input, cached, output."""

    def usage(counts: Sequence[int]) -> Line:
        whole, cached, output = counts
        return {
            "input_tokens": whole,
            "cached_input_tokens": cached,
            "output_tokens": output,
            "reasoning_output_tokens": output // 2,
            "total_tokens": whole + output,
        }

    info = {"total_token_usage": usage(total), "last_token_usage": usage(last), "model_context_window": 258_400}
    return codex(seconds, "event_msg", type="token_count", info=info, rate_limits=None)


def codex_record(seconds: float, counts: Sequence[int]) -> Line:
    whole, cached, output = counts
    usage = {"input_tokens": whole, "cached_input_tokens": cached, "output_tokens": output}
    return codex(seconds, "token_usage_record", thread_id="0199-main", response_id="resp_1", usage=usage)


CODEX_THREAD: list[Line | str] = [
    codex(0, "session_meta", id="0199-main", cwd="/w", cli_version="0.98.0", source="cli"),
    codex_said(0, "user", "<environment_context>\n  <cwd>/w</cwd>\n</environment_context>"),
    codex(1, "turn_context", model="gpt-5.5", cwd="/w"),
    codex_said(1, "user", "Please add a Dockerfile."),
    codex(1, "event_msg", type="user_message", message="Please add a Dockerfile."),
    codex(1, "event_msg", type="token_count", info=None),
    codex(4, "response_item", type="reasoning", summary=[], encrypted_content="eA"),
    codex(5, "response_item", type="function_call", name="exec_command", arguments='{"cmd": "ls"}', call_id="c1"),
    # The tool has ended before the count is written down.
    codex(9, "response_item", type="function_call_output", call_id="c1", output="Process exited with code 2"),
    codex_count(10, (12_000, 8_000, 300), (12_000, 8_000, 300)),
    codex_count(10.01, (12_000, 8_000, 300), (12_000, 8_000, 300)),
    codex(
        14,
        "response_item",
        type="custom_tool_call",
        name="apply_patch",
        input="*** Begin Patch\n*** Add File: Dockerfile\n+FROM scratch\n*** End Patch",
        call_id="c2",
    ),
    codex_count(15, (25_000, 20_000, 500), (13_000, 12_000, 200)),
    codex(
        16,
        "response_item",
        type="custom_tool_call_output",
        call_id="c2",
        output=[{"type": "input_text", "text": "Done"}],
    ),
    codex_said(19, "assistant", "There it is."),
    # Newer versions write this too; their totals may differ.
    codex_record(19.5, (13_500, 13_000, 100)),
    codex_count(20, (38_500, 33_000, 600), (13_500, 13_000, 100)),
    codex(100, "turn_context", model="gpt-5.5-mini", cwd="/w"),
    codex_said(100, "user", "And a .dockerignore."),
    codex_said(103, "assistant", "Done."),
    codex_count(104, (53_000, 46_000, 700), (14_500, 13_000, 100)),
]
CODEX_SUBAGENT: list[Line | str] = [
    codex(
        30,
        "session_meta",
        id="0199-sub",
        forked_from_id="0199-main",
        source={"subagent": {"thread_spawn": {"parent_thread_id": "0199-main", "depth": 1}}},
    ),
    codex(30, "session_meta", id="0199-main", source="cli"),
    # Copied from the thread that it comes from.
    codex_count(30, (12_000, 8_000, 300), (12_000, 8_000, 300)),
    codex(31, "turn_context", model="gpt-5.5"),
    codex_said(31, "user", "Look at the image's size."),
    codex_said(33, "assistant", "It is small."),
    codex_count(34, (32_000, 8_000, 350), (20_000, 0, 50)),
]


def codex_sessions(folder: Path) -> Path:
    day = folder / "sessions" / "2026" / "03" / "02"
    write_lines(day / "rollout-2026-03-02T09-00-00-0199-main.jsonl", CODEX_THREAD)
    write_lines(day / "rollout-2026-03-02T09-00-30-0199-sub.jsonl", CODEX_SUBAGENT)
    return folder / "sessions"


# OpenCode


def tokens(whole: int, read: int, output: int, reasoning: int = 0) -> Line:
    return {"input": whole - read, "output": output, "reasoning": reasoning, "cache": {"read": read, "write": 0}}


def milliseconds(seconds: float) -> int:
    return int((START.timestamp() + seconds) * 1000)


def opencode_answer(seconds: float, prompt: str, **more: Any) -> Line:
    return {
        "role": "assistant",
        "time": {"created": milliseconds(seconds), "completed": milliseconds(seconds + 3)},
        "parentID": prompt,
        "modelID": "kimi-k2.6",
        "providerID": "openrouter",
        "cost": 0,
        **more,
    }


OPENCODE_SESSIONS: dict[str, Line] = {
    "ses_main": {"title": "An invented session"},
    "ses_child": {"parentID": "ses_main", "title": "A look around"},
}
OPENCODE_MESSAGES: dict[str, dict[str, Line]] = {
    "ses_main": {
        "msg_01": {"role": "user", "time": {"created": milliseconds(0)}},
        "msg_02": opencode_answer(1, "msg_01", tokens=tokens(21_000, 20_000, 150, 50)),
        "msg_03": opencode_answer(9, "msg_01", tokens=tokens(22_000, 21_000, 100)),
        # Broken off before anything was counted.
        "msg_04": opencode_answer(12, "msg_01", tokens=tokens(0, 0, 0), error={"name": "MessageAbortedError"}),
        "msg_05": {"role": "user", "time": {"created": milliseconds(90)}},
        "msg_06": opencode_answer(91, "msg_05", tokens=tokens(24_000, 23_000, 80)),
    },
    "ses_child": {
        "msg_11": {"role": "user", "time": {"created": milliseconds(4)}},
        "msg_12": opencode_answer(5, "msg_11", tokens=tokens(9_000, 0, 60)),
    },
}
OPENCODE_PARTS: dict[str, dict[str, Line]] = {
    "msg_02": {
        "prt_01": {"type": "step-start"},
        "prt_02": {
            "type": "tool",
            "tool": "edit",
            "state": {
                "status": "completed",
                "input": {"filePath": "/w/a.py"},
                "time": {"start": milliseconds(3), "end": milliseconds(4)},
            },
        },
        "prt_03": {"type": "step-finish", "tokens": tokens(20_000, 19_000, 90, 10)},
        "prt_04": {"type": "step-finish", "tokens": tokens(21_000, 20_000, 150, 50)},
    }
}


Objects = dict[str, dict[str, Line]]


def opencode_store(folder: Path, messages_of: Objects = OPENCODE_MESSAGES, parts_of: Objects = OPENCODE_PARTS) -> Path:
    storage = folder / "opencode" / "storage"
    for session, value in OPENCODE_SESSIONS.items():
        _write_json(storage / "session" / "global" / f"{session}.json", {"id": session, **value})
    for session, messages in messages_of.items():
        for message, value in messages.items():
            _write_json(
                storage / "message" / session / f"{message}.json", {"id": message, "sessionID": session, **value}
            )
    for message, parts in parts_of.items():
        for part, value in parts.items():
            _write_json(storage / "part" / message / f"{part}.json", {"id": part, "messageID": message, **value})
    return storage


def opencode_database(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "opencode.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE session (id TEXT PRIMARY KEY, parent_id TEXT, title TEXT)")
        database.execute("CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT, time_created INTEGER, data TEXT)")
        database.execute("CREATE TABLE part (id TEXT PRIMARY KEY, message_id TEXT, session_id TEXT, data TEXT)")
        for session, value in OPENCODE_SESSIONS.items():
            database.execute("INSERT INTO session VALUES (?, ?, ?)", (session, value.get("parentID"), value["title"]))
        for session, messages in OPENCODE_MESSAGES.items():
            for message, value in messages.items():
                row = (message, session, value["time"]["created"], json.dumps(value))
                database.execute("INSERT INTO message VALUES (?, ?, ?, ?)", row)
        for message, parts in OPENCODE_PARTS.items():
            for part, value in parts.items():
                database.execute("INSERT INTO part VALUES (?, ?, ?, ?)", (part, message, "ses_main", json.dumps(value)))
    return path


def _write_json(path: Path, value: Line) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


# A turn table

TABLE_HEADER = (
    "session,agent,turn,prompt_idx,t_rel_s,model,input_tokens,cache_creation_tokens,cache_read_tokens,output_tokens"
)
TABLE_ROWS = (
    "s1,,0,0,0.0,claude-opus-4-7,10,20000,0,150",
    "s1,,1,0,6.5,claude-opus-4-7,10,400,20010,90",
    "s1,,2,1,400.0,claude-opus-4-7,10,21000,0,300",
    "s2,main,0,0,0.0,claude-opus-4-7,10,30000,0,120",
    "s2,sub,0,0,3.0,claude-haiku-4-5,10,5000,0,60",
)


def turn_table(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "turns.csv"
    path.write_text("\n".join((TABLE_HEADER, *TABLE_ROWS)) + "\n")
    return path
