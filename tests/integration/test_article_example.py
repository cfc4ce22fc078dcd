"""examples/agent_loop.py runs as it stands, with either SDK, against any server that speaks the dialect."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "agent_loop.py"


def chat_answer(after_tool: bool) -> dict[str, Any]:
    call = {"id": "call_1", "type": "function", "function": {"name": "read_clock", "arguments": "{}"}}
    message = (
        {"role": "assistant", "content": "It is late."} if after_tool else {"role": "assistant", "tool_calls": [call]}
    )
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop" if after_tool else "tool_calls", "message": message}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    }


def messages_answer(after_tool: bool) -> dict[str, Any]:
    call = {"type": "tool_use", "id": "toolu_1", "name": "read_clock", "input": {}}
    return {
        "id": "1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "It is late."}] if after_tool else [call],
        "stop_reason": "end_turn" if after_tool else "tool_use",
        "usage": {"input_tokens": 100, "output_tokens": 10},
    }


class Server(BaseHTTPRequestHandler):
    """Calls the tool once, then answers; refuses the models in ``busy`` and writes down what it was asked."""

    asked: list[dict[str, Any]]
    busy: frozenset[str]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append({"path": self.path, **body})
        after_tool = len(body["messages"]) > 1
        answer = chat_answer(after_tool) if self.path.startswith("/v1/chat") else messages_answer(after_tool)
        throttled = body["model"] in self.busy
        data = json.dumps(
            {"error": {"type": "rate_limit_error", "message": "slow down"}} if throttled else answer
        ).encode()
        self.send_response(429 if throttled else 200)
        if throttled:
            self.send_header("x-should-retry", "false")
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.send_header("x-tierrouter-tier", "routine")
        self.send_header("x-tierrouter-model", "kimi-k2-6")
        self.send_header("x-tierrouter-reason", "Hint: routine")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, type[Server]]]:
    handler = type("OneServer", (Server,), {"asked": [], "busy": frozenset()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}", handler
        listening.shutdown()


def run_example(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment |= {"TIERROUTER_URL": url, "PYTHONPATH": str(ROOT / "core")}
    command = [sys.executable, str(EXAMPLE), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(("sdk", "path"), [("openai", "/v1/chat/completions"), ("anthropic", "/v1/messages")])
def test_swapping_the_sdk_is_changing_one_string(sdk: str, path: str, server: tuple[str, type[Server]]) -> None:
    url, handler = server
    done = run_example(url, sdk)
    assert (done.returncode, done.stderr) == (0, "")
    assert [asked["path"].partition("?")[0] for asked in handler.asked] == [path, path]
    assert {asked["model"] for asked in handler.asked} == {"tier/routine"}
    assert "routine (kimi-k2-6), Hint: routine\nIt is late.\nspent so far" in done.stdout
    assert "'turns': 2, 'input_tokens': 200, 'output_tokens': 20, 'cost_usd': Decimal('0.000270')" in done.stdout


@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
def test_a_throttled_tier_gives_way_to_the_fallback(sdk: str, server: tuple[str, type[Server]]) -> None:
    url, handler = server
    handler.busy = frozenset({"tier/routine"})
    done = run_example(url, sdk)
    assert done.returncode == 0
    assert [asked["model"] for asked in handler.asked] == ["tier/routine", "tier/fallback", "tier/fallback"]


def test_no_router_is_said_in_one_line() -> None:
    done = run_example("http://127.0.0.1:9", "openai")
    assert done.returncode == 1
    assert done.stderr == (
        "Nothing answers at http://127.0.0.1:9: start `tierrouter run` first, or set TIERROUTER_URL.\n"
    )


def test_the_example_fits_on_a_page() -> None:
    assert len(EXAMPLE.read_text().splitlines()) <= 70
