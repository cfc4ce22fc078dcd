"""A scripted model that leads an agent through its task by the tools which the agent offers.

It sees a request in the provider's dialect, after translation, and answers by what stands in it: first it thinks and
has the file written (with a second call beside, where the agent takes two), then it has the file run, then it says
what the run printed. It knows the printed word only from there.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from provider import Answer, Tokens, ToolCall
from provider.record import RecordedRequest

FILE = "find.py"
PROGRAM = """\
import hashlib
import pathlib

print("FOUND=" + hashlib.sha256(pathlib.Path("nonce.txt").read_bytes()).hexdigest()[:16])
"""
RUN = f"python3 {FILE}"
_FOUND = re.compile(r"FOUND=([0-9a-f]{16})")
_PATCH = "*** Begin Patch\n*** Add File: {file}\n{lines}\n*** End Patch"


@dataclass
class Driver:
    """Called with every request; remembers which tools it used."""

    paths: set[str] = field(default_factory=set)
    offered: set[str] = field(default_factory=set)
    used: list[str] = field(default_factory=list)

    def __call__(self, request: RecordedRequest) -> Answer:
        """The next answer."""
        self.paths.add(request.path)
        usage = Tokens(input=len(request.body) // 4, output=20)
        tools = dict(_tools(request.json))
        if not tools:
            return Answer(text="A small task", usage=usage)  # a title, or the like
        self.offered |= set(tools)
        body = request.body.decode()
        if "call_run" in body:
            found = _FOUND.search(_results(request.json))
            return Answer(text=f"It printed {found[1] if found else 'nothing'}.", usage=usage)
        calls = [self._run(tools)] if "call_write" in body else self._write(tools)
        self.used += [call.name for call in calls]
        return Answer(text="", thinking="One step after the other.", tool_calls=calls, usage=usage)

    def _write(self, tools: Mapping[str, Any]) -> list[ToolCall]:
        if name := _first(tools, "Write"):
            write = ToolCall(id="call_write", name=name, arguments={"file_path": FILE, "content": PROGRAM})
        elif name := _first(tools, "write"):
            write = ToolCall(id="call_write", name=name, arguments={"filePath": FILE, "content": PROGRAM})
        elif name := _first(tools, "apply_patch"):
            patch = _PATCH.format(file=FILE, lines="\n".join(f"+{line}" for line in PROGRAM.splitlines()))
            # A freeform tool, as the function that stands for it; where the provider knows such tools, as it is.
            free = tools[name] == "custom"
            arguments: Any = patch if free else {"input": patch}
            write = ToolCall(id="call_write", name=name, arguments=arguments, custom=free)
        else:
            raise AssertionError(f"nothing to write with among {sorted(tools)}")
        return [write, self._command(tools, "call_beside", "echo beside")]

    def _run(self, tools: Mapping[str, Any]) -> ToolCall:
        return self._command(tools, "call_run", RUN)

    def _command(self, tools: Mapping[str, Any], id_: str, command: str) -> ToolCall:
        for suffix, arguments in (
            ("Bash", {"command": command, "description": "a step"}),
            ("bash", {"command": command, "description": "a step"}),
            ("exec_command", {"cmd": command}),
            ("shell_command", {"command": command}),
            ("shell", {"command": ["bash", "-lc", command]}),
        ):
            if name := _first(tools, suffix):
                return ToolCall(id=id_, name=name, arguments=arguments)
        raise AssertionError(f"nothing to run commands with among {sorted(tools)}")


def _first(tools: Mapping[str, Any], name: str) -> str | None:
    """A tool by its name, or by that at the end of a namespace's."""
    return next((tool for tool in tools if tool == name or tool.endswith(f"__{name}")), None)


def _tools(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """``(name, kind)`` of what the request offers, in whichever dialect it is."""
    for tool in body.get("tools") or ():
        kind = tool.get("type", "function")
        yield str((tool.get("function") or tool.get("custom") or tool)["name"]), kind


def _results(body: Mapping[str, Any]) -> str:
    """All that tools gave back."""
    out: list[str] = []
    for entry in body.get("messages") or body.get("input") or ():
        if entry.get("role") == "tool" or str(entry.get("type", "")).endswith("_output"):
            out.append(str(entry.get("content") or entry.get("output")))
        elif isinstance(entry.get("content"), list):
            out += [str(block.get("content")) for block in entry["content"] if block.get("type") == "tool_result"]
    return "\n".join(out)


@dataclass
class FillingDriver(Driver):
    """Says of its first answer that the window is full, so that the agent compacts the conversation."""

    compactions: int = 0

    def __call__(self, request: RecordedRequest) -> Answer:
        """The next answer."""
        body = request.body.decode()
        if "CRITICAL: Respond with TEXT ONLY" in body:
            self.compactions += 1
            return Answer(
                text="<summary>The file is to be written and run.</summary>", usage=Tokens(input=990_000, output=20)
            )
        answer = super().__call__(request)
        if self.compactions or not answer.tool_calls:
            return answer
        return replace(answer, usage=Tokens(input=990_000, output=20))
