"""``tierrouter``: the console script.

So small that it is there when the user presses Ctrl-C: the libraries of a command line take a while to load.
"""

import signal
import sys

from tierrouter_cli.early import end_at_ctrl_c, take_ctrl_c_back

_COLLECT = ["regress", "collect"]


def main() -> object:
    """The console script's entry."""
    end_at_ctrl_c()
    if sys.argv[1:3] == _COLLECT:
        # A harness can be done before this is: its end must neither be missed nor end us.
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
    from tierrouter_cli.exits import quiet_interrupt

    with quiet_interrupt():
        take_ctrl_c_back()
        from tierrouter_cli.commands import app

        return app(prog_name="tierrouter")


if __name__ == "__main__":
    main()
