"""``tierrouter``: the console script.

So small that it is there when the user presses Ctrl-C: the libraries of a command line take a while to load.
"""

import signal
import sys
from typing import Any

from tierrouter_cli.exits import quiet_interrupt

_COLLECT = ["regress", "collect"]


def main() -> Any:
    """The console script's entry."""
    if sys.argv[1:3] == _COLLECT:
        # A harness can be done before this is: its end must neither be missed nor end us.
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
    with quiet_interrupt():
        from tierrouter_cli.commands import app

        return app(prog_name="tierrouter")


if __name__ == "__main__":
    main()
