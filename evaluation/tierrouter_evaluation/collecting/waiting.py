"""A native sidecar's life: nothing to do until it is told to stop."""

import asyncio
import signal
from collections.abc import Callable


async def until_stopped(ready: Callable[[], None]) -> None:
    """Tell that it is ``ready``, and wait until SIGTERM or Ctrl-C.

    A second one changes nothing: what is left to do is short, and SIGKILL ends it.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    # It may be blocked until now, and have come already.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))
    ready()
    await stopped.wait()
