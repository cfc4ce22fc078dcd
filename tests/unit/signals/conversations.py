"""Conversations in the three dialects, written once: what happened, in an agent's words."""

import json
from dataclasses import dataclass, field
from typing import Any

from tierrouter_core.names import Dialect
from tierrouter_core.wire.request import Request, read_request

CHAT, RESPONSES, MESSAGES = Dialect.CHAT, Dialect.RESPONSES, Dialect.MESSAGES


@dataclass
class Talk:
    """A conversation as it grows; each call of the model ends in what its tools gave back."""

    dialect: Dialect
    entries: list[dict[str, Any]] = field(default_factory=list)
    calls: int = 0

    def prompt(self, text: str) -> "Talk":
        kind = "input_text" if self.dialect is RESPONSES else "text"
        self.entries.append({"role": "user", "content": [{"type": kind, "text": text}]})
        return self

    def says(self, text: str) -> "Talk":
        kind = "output_text" if self.dialect is RESPONSES else "text"
        more = {"type": "message"} if self.dialect is RESPONSES else {}
        content: Any = text if self.dialect is CHAT else [{"type": kind, "text": text}]
        self.entries.append({"role": "assistant", "content": content, **more})
        return self

    def does(self, *calls: tuple[str, Any, str], failed: bool = False) -> "Talk":
        """One answer of the model with these ``(tool, arguments, what it gave back)``."""
        ids = [f"call_{self.calls + n}" for n in range(len(calls))]
        self.calls += len(calls)
        named = list(zip(ids, calls, strict=True))
        if self.dialect is MESSAGES:
            used = [{"type": "tool_use", "id": id_, "name": name, "input": given} for id_, (name, given, _) in named]
            self.entries.append({"role": "assistant", "content": used})
            results = [
                {"type": "tool_result", "tool_use_id": id_, "content": text, **({"is_error": True} if failed else {})}
                for id_, (_, _, text) in named
            ]
            self.entries.append({"role": "user", "content": results})
        elif self.dialect is CHAT:
            made = [
                {"id": id_, "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
                for id_, (name, given, _) in named
            ]
            self.entries.append({"role": "assistant", "content": None, "tool_calls": made})
            self.entries += [
                {"role": "tool", "tool_call_id": id_, "content": marked(text, failed)} for id_, (_, _, text) in named
            ]
        else:
            self.entries.append({"type": "reasoning", "summary": []})
            for id_, (name, given, _) in named:
                item = {"type": "function_call", "call_id": id_, "name": name, "arguments": json.dumps(given)}
                if isinstance(given, str):
                    item = {"type": "custom_tool_call", "call_id": id_, "name": name, "input": given}
                self.entries.append(item)
            self.entries += [
                {"type": "function_call_output", "call_id": id_, "output": marked(text, failed)}
                for id_, (_, _, text) in named
            ]
        return self

    def request(self) -> Request:
        key = "input" if self.dialect is RESPONSES else "messages"
        body: dict[str, Any] = {"model": "auto", key: self.entries}
        if self.dialect is MESSAGES:
            body["max_tokens"] = 100
        return read_request(self.dialect, json.dumps(body).encode())


def marked(text: str, failed: bool) -> str:
    """A result that went wrong, where the dialect has no flag for it."""
    return f"Process exited with code 1\n{text}" if failed else text


def read(path: str) -> tuple[str, Any, str]:
    return ("Read", {"file_path": path}, "1  import os")


def edit(path: str, before: str = "a", after: str = "b") -> tuple[str, Any, str]:
    return ("Edit", {"file_path": path, "old_string": before, "new_string": after}, "The file has been updated.")


def run(command: str, output: str = "ok") -> tuple[str, Any, str]:
    return ("Bash", {"command": command}, output)


FAILING = run("pytest -q", "E   assert 1 == 2\nFAILED tests/test_a.py::test_one\n1 failed, 3 passed in 0.2s")
PASSING = run("pytest -q", "4 passed in 0.2s")


STEPS = ("prompt", "yes", "says", "read", "edit", "undo", "fails", "passes", "error", "plan", "two")


def step(talk: Talk, name: str) -> None:
    """One more thing that happens."""
    match name:
        case "prompt":
            talk.prompt(f"Rename it, {len(talk.entries)}.")
        case "compacts":
            talk.entries.clear()
            talk.prompt("This session is being continued from a previous conversation: it was about names.")
        case "yes":
            talk.prompt("yes")
        case "says":
            talk.says("Done.")
        case "read":
            talk.does(read(f"f{len(talk.entries) % 7}.py"))
        case "edit":
            talk.does(edit(f"f{len(talk.entries) % 5}.py", "a", "b"))
        case "undo":
            talk.does(edit(f"f{len(talk.entries) % 5}.py", "b", "a"))
        case "fails":
            talk.does(FAILING)
        case "passes":
            talk.does(PASSING)
        case "error":
            talk.does(run("ls"), failed=True)
        case "plan":
            talk.does(("TodoWrite", {"todos": [{"status": "pending"}] * (len(talk.entries) % 4)}, "ok"))
        case "two":
            talk.does(read("x.py"), edit("y.py"))
