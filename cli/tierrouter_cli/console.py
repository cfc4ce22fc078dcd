"""Where tables are printed."""

from typing import Any

from rich.console import Console


class Output(Console):
    """A console for data: figures have no colours of their own, and a reader that leaves early (head) is no error."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, **options)

    def on_broken_pipe(self) -> None:
        """As of any other output, where the library would end with exit code 1."""
        raise BrokenPipeError
