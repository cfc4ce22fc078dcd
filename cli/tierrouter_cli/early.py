"""Ctrl-C before the libraries of a command line are there; so this imports nothing that takes time itself."""

import os
import signal
from types import FrameType

_INTERRUPTED = 130


def end_at_ctrl_c() -> None:
    """Let it end the process at once, where it would be a traceback; not where it is ignored, as by ``nohup``."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def take_ctrl_c_back() -> None:
    """Let it be a KeyboardInterrupt again: from here on somebody takes that."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(_INTERRUPTED)
