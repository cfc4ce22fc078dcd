"""What one sidecar process is told at its start."""

from dataclasses import dataclass
from pathlib import Path

DEFAULT_PORT = 8383
DEFAULT_ADMIN_PORT = 9464
MAX_BODY_BYTES = 32 * 1024 * 1024
"""Anthropic's own limit on a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One sidecar's settings."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    admin_host: str = "127.0.0.1"
    admin_port: int = DEFAULT_ADMIN_PORT
    state_dir: Path
    credentials_dir: Path | None = None
    """Folder of ``<provider>.key`` files; None: environment variables alone."""
    allowed_hosts: tuple[str, ...] = ()
    """Names, beside the loopback ones, that a request's Host may have."""
    router_name: str = ""
    """The router that a pod's sidecar waits for, to name it while its configuration is missing."""
    pod: str = ""
    """The pod's name, for the ledger."""
    log_turns: bool = False
    """Whether each row of the ledger is also a line of JSON on stdout."""
    drain_s: float = 30.0
    """How long running streams may take to end after SIGTERM."""
    reload_poll_s: float = 0.25
    """How often the configuration's files are looked at."""
