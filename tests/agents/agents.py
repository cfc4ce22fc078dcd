"""The agents themselves: installed once outside the tree, and started headless with the settings that pods get."""

import asyncio
import functools
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tierrouter_core.contract import Agent
from tierrouter_operator.injection.agents import OPENAI_URL, ROOT_URL, codex_settings, environment

PACKAGES = Path(__file__).parent / "package.json"
INSTALL_LIMIT_S, TASK_LIMIT_S = 600, 180


class NotInstalledError(Exception):
    """Why an agent is not there."""


@functools.cache
def installed() -> Path:
    """The folder of the agents' programs; NotInstalledError where npm can't install them."""
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstalledError("npm is not on this machine")
    versions = json.loads(PACKAGES.read_text())["dependencies"]
    name = "-".join(f"{package.rpartition('/')[2]}-{version}" for package, version in sorted(versions.items()))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "tierrouter" / "agents" / name
    programs = folder / "node_modules" / ".bin"
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGES, folder / "package.json")
        command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_LIMIT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise NotInstalledError(f"npm install did not end within {INSTALL_LIMIT_S} s") from None
        if done.returncode:
            raise NotInstalledError(f"npm install failed: {(done.stderr or done.stdout).strip()[-500:]}")
        (folder / "complete").touch()
    return programs


@functools.cache
def program(name: str) -> Path:
    """An agent's program, which starts here; NotInstalledError otherwise."""
    path = installed() / name
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(f"{name} does not start: {error}") from None
    if done.returncode:
        raise NotInstalledError(f"{name} does not start: {(done.stderr or done.stdout).strip()[-500:]}")
    return path


@dataclass(frozen=True)
class Kind:
    """How an agent is run without anybody at a terminal."""

    program: str
    agent: Agent
    arguments: tuple[str, ...]
    goes_on: tuple[str, ...]
    """Beside them, for another prompt in the same session."""
    variables: Mapping[str, str] = field(default_factory=dict)


KINDS = {
    "claude-code": Kind(
        "claude",
        Agent.CLAUDE_CODE,
        ("--print", "--dangerously-skip-permissions", "--output-format", "text"),
        ("--continue",),
        # As root it skips permissions only where it is told that it stands in a sandbox.
        {"IS_SANDBOX": "1", "DISABLE_AUTOUPDATER": "1"},
    ),
    "codex": Kind(
        "codex",
        Agent.CODEX,
        ("exec", "--dangerously-bypass-approvals-and-sandbox", "--skip-git-repo-check"),
        ("resume", "--last"),
    ),
    "opencode": Kind(
        "opencode",
        Agent.OPENCODE,
        ("run", "--auto"),
        ("--continue",),
        {
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        },
    ),
}


@dataclass(frozen=True)
class Ran:
    """An agent that has finished."""

    code: int
    said: str
    log: str


async def run(kind: Kind, port: int, home: Path, workspace: Path, task: str, *, goes_on: bool = False) -> Ran:
    """Give an agent a task, and the settings that a pod's agent gets, with the sidecar on another port.

    ``goes_on``: in the session of the task before.
    """

    def here(text: str) -> str:
        return text.replace(OPENAI_URL, f"http://127.0.0.1:{port}/v1").replace(ROOT_URL, f"http://127.0.0.1:{port}")

    injected = environment({"name": "agent"}, kind.agent, None).variables
    variables = {each["name"]: here(each["value"]) for each in injected}
    settings = home / ".codex" / "config.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    if kind.agent is Agent.CODEX:
        settings.write_text(here(codex_settings()))
    process = await asyncio.create_subprocess_exec(
        *(program(kind.program), *kind.arguments, *(kind.goes_on if goes_on else ()), task),
        cwd=workspace,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", **variables, **kind.variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(TASK_LIMIT_S):
            said, log = await process.communicate()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, 9)
    assert process.returncode is not None
    return Ran(process.returncode, said.decode(errors="replace"), log.decode(errors="replace"))
