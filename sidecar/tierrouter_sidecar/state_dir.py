"""Where TierRouter keeps what must outlive a process: the ledger, looked-up prices, the last good configuration."""

import os
from pathlib import Path

from tierrouter_core.errors import TierRouterError

STATE_DIR_VARIABLE = "TIERROUTER_STATE_DIR"


class LedgerError(TierRouterError):
    """The state directory, or a ledger, can't be used; the message says what, where, and what to do."""


def default_state_dir() -> Path:
    """``$TIERROUTER_STATE_DIR``, else ``$XDG_STATE_HOME/tierrouter``, else ``~/.local/state/tierrouter``."""
    own = os.environ.get(STATE_DIR_VARIABLE)
    if own:
        return Path(own)
    shared = os.environ.get("XDG_STATE_HOME", "")
    # The XDG specification says to ignore a relative path.
    if shared and Path(shared).is_absolute():
        return Path(shared) / "tierrouter"
    try:
        return Path.home() / ".local" / "state" / "tierrouter"
    except RuntimeError:
        raise LedgerError(
            f"no state directory: this user has no home directory; set {STATE_DIR_VARIABLE} or give --state-dir DIR"
        ) from None


def prepare_state_dir(path: Path) -> None:
    """Make ``path`` and its parents where they are missing; what is made is for this user alone (0700).

    Raises:
        LedgerError: it can't be made, or nothing can be written in it.
    """
    try:
        # mkdir's mode holds for the last directory only, so the parents are made one by one.
        for directory in reversed([path, *path.parents]):
            if not directory.exists():
                directory.mkdir(mode=0o700, exist_ok=True)
        if not path.is_dir():
            raise NotADirectoryError(20, "it is a file, not a directory")
        probe = path / f".write-test-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise LedgerError(
            f"state directory {path} can't be used: {error.strerror or error}; give another one with --state-dir DIR "
            f"or {STATE_DIR_VARIABLE}, or let this user write there"
        ) from None
