"""``kubectl tierrouter``: the console script.

So small that it is there when the user presses Ctrl-C: the libraries of a command line take a while to load.
"""

from tierrouter_cli.early import end_at_ctrl_c, take_ctrl_c_back


def main() -> object:
    """The console script's entry; kubectl finds it by its name."""
    end_at_ctrl_c()
    from tierrouter_cli.exits import quiet_interrupt

    with quiet_interrupt():
        take_ctrl_c_back()
        from tierrouter_kubectl.commands import app

        return app(prog_name="kubectl tierrouter")


if __name__ == "__main__":
    main()
