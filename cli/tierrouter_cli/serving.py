"""The process that serves, without what reading the command line needed.

``tierrouter run`` reads its options and then becomes this program (the process stays, its memory does not): the
libraries of a command line would take 10 MB for as long as the router runs. The options come as one JSON argument.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from tierrouter_cli.exits import explained_errors, quiet_interrupt

_MODULE = "tierrouter_cli.serving"
_CTRL_C = (signal.SIGINT,)


def become_server(command: str, options: dict[str, Any]) -> NoReturn:
    """Replace this process by one that serves; ``command`` is ``run`` or ``sidecar``."""
    for stream in (sys.stdout, sys.stderr):
        # None where the process was started without one.
        if stream is not None:
            stream.flush()
    # Not orjson: a path may hold bytes that are no text, which only this one can write down and read back.
    arguments = json.dumps([command, options], default=str)
    # Python would answer a Ctrl-C with a traceback while it starts anew; this one waits until main() takes it.
    signal.pthread_sigmask(signal.SIG_BLOCK, _CTRL_C)
    # -P: a module of the same name in the current folder must not be taken for one of ours.
    os.execv(sys.executable, [sys.executable, "-P", "-m", _MODULE, arguments])  # noqa: S606 (no shell is wanted)


def _take_the_places_of_closed_streams() -> None:
    """Else a socket gets the number of one, and uvloop ends the process when it closes that."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


def main() -> None:
    """Serve as the one argument says."""
    _take_the_places_of_closed_streams()
    command, options = json.loads(sys.argv[1])
    # Before the server's own handlers are in place there is nothing yet that would need an orderly end.
    with quiet_interrupt(), explained_errors():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _CTRL_C)
        from tierrouter_cli.run import run_router, run_sidecar

        given = options.pop("state_dir")
        state_dir = Path(given) if given else None
        if command == "run":
            files = [Path(file) for file in options.pop("files")]
            allowed = tuple(options.pop("allowed_hosts"))
            run_router(files=files, state_dir=state_dir, allowed_hosts=allowed, **options)
        else:
            run_sidecar(config_dir=Path(options.pop("config_dir")), state_dir=state_dir, **options)


if __name__ == "__main__":
    main()
