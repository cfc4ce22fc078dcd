"""``kubectl tierrouter``: the console script.

So small that it is there when the user presses Ctrl-C: the libraries of a command line take a while to load.
"""

from typing import Any

from tierrouter_cli.exits import quiet_interrupt


def main() -> Any:
    """The console script's entry; kubectl finds it by its name."""
    with quiet_interrupt():
        from tierrouter_kubectl.commands import app

        return app(prog_name="kubectl tierrouter")


if __name__ == "__main__":
    main()
