"""Request bodies shaped like a coding agent's, made up and always the same."""

import json
import random
from typing import Any, Literal

MODEL = "claude-opus-4-7"
SESSION = "5f0c9c1e-1111-4222-8333-944455556666"

_SEED = 20
_TOOLS = (
    ("Agent", ("description", "prompt", "subagent_type")),
    ("Bash", ("command", "description", "timeout")),
    ("Edit", ("file_path", "old_string", "new_string")),
    ("Glob", ("pattern", "path")),
    ("Grep", ("pattern", "path", "output_mode")),
    ("NotebookEdit", ("notebook_path", "cell_id", "new_source")),
    ("Read", ("file_path", "offset", "limit")),
    ("TodoWrite", ("todos",)),
    ("WebFetch", ("url", "prompt")),
    ("Write", ("file_path", "content")),
)
_MCP_TOOLS = 15
_NAMES = ("account", "batch", "cache", "digest", "event", "frame", "ledger", "packet", "query", "session", "token")
_VERBS = ("apply", "collect", "decode", "find", "load", "merge", "parse", "render", "resolve", "send", "store")
_PROSE = (
    "Prefer small changes that can be reviewed one at a time, and say what was not tested.",
    'Never run a command that deletes data without asking; "force" flags count as deleting.',
    "When a test fails, read the whole message before changing code \u2014 the first line is rarely the cause.",
    "Paths are relative to the workspace unless they start with `/`; quote those with spaces in them.",
    "Keep the user's own naming, even where the \u201crest\u201d of the file does otherwise.",
)


def agent_body(
    size_bytes: int = 400_000, *, model: Literal["first", "last"] = "first", nonce: int = 0, stream: bool = False
) -> bytes:
    """A Messages request in the middle of a tool loop, of about ``size_bytes``.

    ``model`` says where its key stands: Claude Code writes it first, SDKs may write it last. ``nonce`` changes the
    last tool result and nothing else, as the next turn of the same conversation would.
    """
    rng = random.Random(_SEED)
    fields: dict[str, Any] = {
        "max_tokens": 32_000,
        "system": _system(rng),
        "tools": _tools(rng),
        "metadata": {"user_id": json.dumps({"device_id": "d" * 64, "account_uuid": "", "session_id": SESSION})},
        "thinking": {"type": "adaptive"},
        "stream": stream,
    }
    messages = [_user("Rename `Ledger.flush` to `Ledger.sync` everywhere, and make the tests pass.")]
    size = len(_dump(fields))
    call = 0
    while size < size_bytes or not call:
        turn = _turn(rng, call)
        messages += turn
        size += len(_dump(turn))
        call += 1
    messages[-1]["content"][0]["content"] += f"\nfinished in {nonce} ms"
    if model == "first":
        return _dump({"model": MODEL, "messages": messages, **fields})
    return _dump({**fields, "messages": messages, "model": MODEL})


def small_body(*, nonce: int, stream: bool = False) -> bytes:
    """A one-line question."""
    return _dump(
        {
            "model": MODEL,
            "max_tokens": 1024,
            "system": "You are a helpful assistant.",
            "messages": [_user(f"What does exit code {nonce} mean?")],
            "stream": stream,
        }
    )


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def _prose(rng: random.Random, size: int) -> str:
    lines: list[str] = []
    while sum(map(len, lines)) < size:
        lines.append(f"- {rng.choice(_PROSE)}")
    return "\n".join(lines)


def _system(rng: random.Random) -> list[dict[str, Any]]:
    kept = {"type": "ephemeral"}
    return [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330; cc_entrypoint=cli;"},
        {"type": "text", "text": "You are an agent that edits code.", "cache_control": kept},
        {"type": "text", "text": _prose(rng, 14_000), "cache_control": kept},
    ]


def _tools(rng: random.Random) -> list[dict[str, Any]]:
    extra = [
        (f"mcp__tracker__{rng.choice(_VERBS)}_{rng.choice(_NAMES)}_{number}", ("id", "filter", "fields"))
        for number in range(_MCP_TOOLS)
    ]
    return [_tool(rng, name, properties) for name, properties in (*_TOOLS, *extra)]


def _tool(rng: random.Random, name: str, properties: tuple[str, ...]) -> dict[str, Any]:
    schema: dict[str, Any] = {key: {"type": "string", "description": rng.choice(_PROSE)} for key in properties}
    if name == "Agent":
        # The trap for whoever replaces "model" without knowing where it stands.
        schema["model"] = {"type": "string", "enum": ["sonnet", "opus", "haiku"], "description": 'The "model" to use.'}
    return {
        "name": name,
        "description": _prose(rng, 1_200),
        "input_schema": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": schema,
            "required": list(properties[:1]),
            "additionalProperties": False,
        },
    }


def _code(rng: random.Random, lines: int, *, numbered: bool) -> str:
    out: list[str] = []
    for number in range(1, lines + 1):
        verb, name = rng.choice(_VERBS), rng.choice(_NAMES)
        line = rng.choice(
            (
                f'def {verb}_{name}(self, {name}: dict[str, str]) -> "{name.title()}":',
                f'    """{verb.title()} the {name}; see C:\\work\\{name}.md."""',
                f'    pattern = re.compile(r"^\\s*{name}\\t(\\d+)\\\\\\w")',
                f'        return {{"{name}": self._{verb}({name}), "model": "{name}-{number}"}}',
                f"\tif {name} is None or {name}[\"{verb}\"] == '\\n':",
                f'        raise ValueError(f"can\'t {verb} {{{name}!r}} \u2192 {{path}}")',
                "",
            )
        )
        out.append(f"{number:>6}\t{line}" if numbered else line)
    return "\n".join(out)


def _turn(rng: random.Random, call: int) -> list[dict[str, Any]]:
    """One call and its result."""
    path = f"src/{rng.choice(_NAMES)}/{rng.choice(_VERBS)}_{call % 17}.py"
    call_id = f"toolu_{call:020d}"
    match call % 3:
        case 0:
            name, given = "Read", {"file_path": path}
            result = _code(rng, 60, numbered=True)
        case 1:
            name = "Edit"
            old, new = _code(rng, 12, numbered=False), _code(rng, 14, numbered=False)
            given = {"file_path": path, "old_string": old, "new_string": new}
            result = f"The file {path} has been updated."
        case _:
            name, given = "Bash", {"command": f"pytest -q {path} 2>&1 | tail -n 40", "description": "Run tests"}
            result = _code(rng, 25, numbered=False) + "\n\u001b[32m12 passed\u001b[0m in 0.52s"
    content: list[dict[str, Any]] = [{"type": "tool_use", "id": call_id, "name": name, "input": given}]
    if call % 2 == 0:
        content.insert(0, {"type": "text", "text": rng.choice(_PROSE)})
    return [
        {"role": "assistant", "content": content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call_id, "content": result}]},
    ]
