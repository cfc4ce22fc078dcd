"""Starts the child process that runs tests, bounds what it may take, and ends it with everything that it started."""

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from tierrouter_evaluation.errors import InfrastructureError

_CHILD: Final = Path(__file__).with_name("child.py")
_MIB: Final = 1024 * 1024
_KEPT_OUTPUT: Final = 4096
_MAX_OUTPUT: Final = 4 * _MIB
"""A test that prints more is ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one check may take."""

    wall_s: float = 10.0
    cpu_s: int = 10
    memory_mib: int = 512
    """Of address space."""
    file_mib: int = 16
    """Of each file."""
    open_files: int = 64


@dataclass(frozen=True, slots=True)
class Verdict:
    """How tests went."""

    failure: str
    """Why they fail, in one line; empty when all pass."""
    missing: tuple[str, ...] = ()
    """Walls that this machine does not have, a phrase each."""

    @property
    def has_passed(self) -> bool:
        """Whether all tests pass."""
        return not self.failure


async def run_tests(tests: str, folder: Path, limits: Limits) -> Verdict:
    """Run Python tests in a folder that holds the answer's files.

    Args:
        tests: source text; its functions ``test_*`` are called one after another, and it may assert by itself.

    Raises:
        InfrastructureError: the child could not be started.
    """
    secret = secrets.token_hex(16)
    order = {"secret": secret, "tests": tests, "folder": str(folder), "limits": _rlimits(limits)}
    reading, writing = os.pipe()
    try:
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-B", "-X", "utf8", str(_CHILD), str(writing)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(writing,),
                cwd=folder,
                env={"HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8", "PATH": os.defpath},
                start_new_session=True,
            )
        except OSError as error:
            raise InfrastructureError(f"the check's process can't be started: {error}") from None
        finally:
            os.close(writing)
        try:
            ended = await _watched(process, orjson.dumps(order), limits.wall_s)
        finally:
            await _end(process)
        os.set_blocking(reading, False)
        return _verdict(_read(reading), secret, ended, process.returncode or 0)
    finally:
        os.close(reading)


def _rlimits(limits: Limits) -> dict[str, int]:
    return {
        "RLIMIT_CPU": limits.cpu_s,
        "RLIMIT_AS": limits.memory_mib * _MIB,
        "RLIMIT_FSIZE": limits.file_mib * _MIB,
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_CORE": 0,
    }


async def _watched(process: asyncio.subprocess.Process, order: bytes, wall_s: float) -> str:
    """Until it ends or has to; why it has to, or what it printed last."""
    assert process.stdin is not None
    assert process.stdout is not None
    printed, tail = 0, b""
    try:
        async with asyncio.timeout(wall_s):
            with contextlib.suppress(ConnectionError):
                process.stdin.write(order)
                await process.stdin.drain()
                process.stdin.close()
            while part := await process.stdout.read(65536):
                printed += len(part)
                tail = (tail + part)[-_KEPT_OUTPUT:]
                if printed > _MAX_OUTPUT:
                    return f"it printed more than {_MAX_OUTPUT // _MIB} MiB"
            await process.wait()
    except TimeoutError:
        return f"it took longer than {wall_s:g} s"
    return " ".join(tail.decode("utf-8", "replace").split())[-300:]


async def _end(process: asyncio.subprocess.Process) -> None:
    """The whole group: where processes are not shut off, a test may have started some."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _read(reading: int) -> bytes:
    try:
        return os.read(reading, 65536)
    except BlockingIOError:
        return b""


def _verdict(data: bytes, secret: str, ended: str, code: int) -> Verdict:
    answer: Any = None
    with contextlib.suppress(orjson.JSONDecodeError):
        answer = orjson.loads(data)
    if isinstance(answer, dict) and answer.get("secret") == secret:
        return Verdict(str(answer["failure"]), tuple(map(str, answer["missing"])))
    if code == -signal.SIGXCPU:
        return Verdict("it took more processor time than is allowed")
    if code < 0 and not ended.startswith("it "):
        return Verdict(f"the process was ended by {signal.Signals(-code).name}{': ' + ended if ended else ''}")
    return Verdict(ended if code < 0 else f"the process ended before its tests did, with {code}: {ended or 'no word'}")
