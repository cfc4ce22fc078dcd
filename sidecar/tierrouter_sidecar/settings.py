"""What one sidecar process is told at its start."""

from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_PORT = 8383
DEFAULT_ADMIN_PORT = 9464
MAX_BODY_BYTES = 32 * 1024 * 1024
"""Anthropic's own limit on a request."""
MAX_TURNS = 1000
MAX_HELD_BYTES = 512 * 1024 * 1024
BODY_PATIENCE_S = 60.0
HEAD_PATIENCE_S = 75.0


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
    token: str = field(default="", repr=False)
    """What agents have to show as their key; empty: nothing."""
    max_turns: int = MAX_TURNS
    """How many turns may be under way at once."""
    max_held_bytes: int = MAX_HELD_BYTES
    """How many bytes of requests may be held at once."""
    body_patience_s: float = BODY_PATIENCE_S
    """How long a client may take to send a request's body."""
    head_patience_s: float = HEAD_PATIENCE_S
    """How long it may take to send a request's head, from the connection or the last answer on."""
    allowed_hosts: tuple[str, ...] = ()
    """Names, beside the loopback ones and the port's own address, that a request's Host may have."""
    router_name: str = ""
    """The router that a pod's sidecar waits for, to name it while its configuration is missing."""
    force_tier: str = ""
    """The one tier that serves every turn, for a suite that measures it; empty: turns are routed."""
    force_model: str = ""
    """With ``force_tier``: the model that serves in place of the tier's own."""
    pod: str = ""
    """The pod's name, for the ledger."""
    log_turns: bool = False
    """Whether each row of the ledger is also a line of JSON on stdout."""
    otel: bool = False
    """Whether turns are told of by OTLP, as the standard variables say."""
    statsd: str = ""
    """``HOST:PORT`` to which turns are told of by StatsD; empty: to none."""
    drain_s: float = 30.0
    """How long running streams may take to end after SIGTERM."""
    reload_poll_s: float = 0.25
    """How often the configuration's files are looked at."""
