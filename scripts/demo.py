"""What ``make run`` shows: a router with the embedded model, real turns from both official SDKs, and the report.

    .venv/bin/python scripts/demo.py [--port 8383] [--admin-port 9464] [--once]

Keeps serving until Ctrl-C. With ``--once``, or ``TIERROUTER_DEMO_ONCE=1``, it ends after the report.
"""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo_turns import Answer

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
LEDGER_WAIT_S = 1.0
"""The ledger commits at short intervals; the report should show the last turn too."""
TIERROUTER = (sys.executable, "-m", "tierrouter_cli.main")


class DemoError(Exception):
    """Why the demo can't go on, for the user."""


def main() -> int:
    """Runs the demo; returns the exit status."""
    options = _options()
    # The router is on this machine, whatever proxy the environment names.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        _check_port(options.port, "PORT")
        _check_port(options.admin_port, "ADMIN_PORT")
        with tempfile.TemporaryDirectory(prefix="tierrouter-demo-") as folder:
            return _demo(options, Path(folder))
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=8383, help="where agents connect")
    parser.add_argument("--admin-port", type=int, default=9464, help="health and metrics")
    parser.add_argument("--once", action="store_true", help="end after the report")
    options = parser.parse_args()
    options.once = options.once or os.environ.get("TIERROUTER_DEMO_ONCE") == "1"
    return options


def _demo(options: argparse.Namespace, folder: Path) -> int:
    url = f"http://127.0.0.1:{options.port}"
    _heading("Starting: tierrouter run --embedded")
    with _router(options, folder) as router:
        # Here, because both SDKs take a second to import: the router starts meanwhile.
        from demo_turns import turns

        _wait_until_ready(router, f"http://127.0.0.1:{options.admin_port}/readyz", folder)
        print(f"ready at {url}, five tiers, all served by SmolLM2 (135M parameters) on this machine.")
        print("The routing is real; the answers are those of a very small model.", flush=True)
        _heading("Turns, sent with the official openai and anthropic SDKs")
        for number, (title, send) in enumerate(turns(url), start=1):
            print(f"\n{number}. {title}", flush=True)
            _show(_sent(title, send))
        _heading("The report: tierrouter report")
        _report(folder)
        if options.once:
            return 0
        _say_how_to_use_it(url, f"http://127.0.0.1:{options.admin_port}", folder)
        with contextlib.suppress(KeyboardInterrupt):
            code = router.wait()
            raise DemoError(f"the router ended by itself (exit status {code}); the end of its log:\n{_log_end(folder)}")
        print("\nstopping")
    return 0


@contextlib.contextmanager
def _router(options: argparse.Namespace, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The router as a process of its own, stopped at the end."""
    ports = ["--port", str(options.port), "--admin-port", str(options.admin_port)]
    # Text: a person reads this log, and its end stands in the demo's own errors.
    shown = ["--drain", "2", "--log-format", "text"]
    command = [*TIERROUTER, "run", "--embedded", *ports, "--state-dir", str(folder), *shown]
    with _log_file(folder).open("wb") as log:
        # A session of its own: Ctrl-C is for the demo, which then stops the router once and in order.
        router = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        yield router
    finally:
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        router.terminate()
        try:
            router.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            router.kill()
            router.wait()
        signal.signal(signal.SIGINT, previous)


def _wait_until_ready(router: "subprocess.Popen[bytes]", readyz: str, folder: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if router.poll() is not None:
            raise DemoError(f"the router did not start (exit status {router.returncode}):\n{_log_end(folder)}")
        with contextlib.suppress(OSError):  # not listening yet, or answers 503
            urllib.request.urlopen(readyz, timeout=2).close()
            return
        time.sleep(0.05)
    raise DemoError(f"the router was not ready after {START_TIMEOUT_S:g} s; the end of its log:\n{_log_end(folder)}")


def _sent(title: str, send: "Callable[[], Answer]") -> "Answer":
    try:
        return send()
    except Exception as error:  # both SDKs have their own trees of errors
        raise DemoError(f"the turn {title!r} failed: {type(error).__name__}: {error}") from error


def _show(answer: "Answer") -> None:
    text = " ".join(answer.text.split())
    room = max(shutil.get_terminal_size((100, 24)).columns - 14, 20)
    lines = (
        ("tier", f"{answer.tier}  (model {answer.model})"),
        ("reason", answer.reason),
        ("tokens", f"{answer.input_tokens} in, {answer.output_tokens} out; {answer.timing}"),
        ("text", text if len(text) <= room else text[: room - 1] + "…"),
    )
    for name, value in lines:
        print(f"     {name:<7} {value}")


def _report(folder: Path) -> None:
    time.sleep(LEDGER_WAIT_S)
    sys.stdout.flush()
    done = subprocess.run([*TIERROUTER, "report", "--state-dir", str(folder)], check=False)
    if done.returncode:
        raise DemoError(f"'tierrouter report' failed (exit status {done.returncode}); what it said stands above")


def _say_how_to_use_it(url: str, admin_url: str, folder: Path) -> None:
    _heading("Still serving; Ctrl-C ends it")
    print(f"""Point any OpenAI or Anthropic SDK at it (the keys are placeholders, the SDKs want some):

    export OPENAI_BASE_URL={url}/v1  OPENAI_API_KEY=unused
    export ANTHROPIC_BASE_URL={url}  ANTHROPIC_API_KEY=unused

Watch it:           {admin_url}/ in a browser, or .venv/bin/tierrouter top --url {admin_url}
The report so far:  .venv/bin/tierrouter report --state-dir {folder}
The router's log:   {_log_file(folder)}
Ledger and log are deleted when this ends.

Claude Code, Codex and OpenCode need real models: the embedded one has a window of 8,192 tokens, and their first
request alone is larger (Claude Code's is about 20,000). With your keys:

    export OPENROUTER_API_KEY=... OPENAI_API_KEY=... ANTHROPIC_API_KEY=...
    .venv/bin/tierrouter run -f examples/coding.yaml

and then, in another terminal (it listens on port 8383):

Claude Code:
    ANTHROPIC_BASE_URL=http://127.0.0.1:8383 ANTHROPIC_AUTH_TOKEN=unused claude
Codex:
    codex -c model_provider=tierrouter -c model_providers.tierrouter.name=TierRouter \\
      -c model_providers.tierrouter.base_url=http://127.0.0.1:8383/v1 \\
      -c model_providers.tierrouter.wire_api=responses
OpenCode, in opencode.json, then choose the model tierrouter/auto:
    "provider": {{"tierrouter": {{"npm": "@ai-sdk/openai-compatible",
      "options": {{"baseURL": "http://127.0.0.1:8383/v1"}}, "models": {{"auto": {{}}}}}}}}
""")
    sys.stdout.flush()


def _check_port(port: int, variable: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DemoError(
                f"can't listen on port {port} of 127.0.0.1 ({error.strerror}); is another router running? "
                f"Stop it, or choose another port: make run {variable}={port + 101}"
            ) from None


def _heading(text: str) -> None:
    print(f"\n=== {text}", flush=True)


def _log_file(folder: Path) -> Path:
    return folder / "router.log"


def _log_end(folder: Path, lines: int = 15) -> str:
    text = _log_file(folder).read_text(errors="replace").splitlines()[-lines:]
    return "\n".join(f"  {line}" for line in text)


if __name__ == "__main__":
    sys.exit(main())
