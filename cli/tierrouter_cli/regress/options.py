"""Options that several of these commands take."""

from typing import Annotated, Final

import typer

FORMATS: Final = ("JUnit", "InspectLog", "JSONLines")
ResultFormatName = Annotated[
    str, typer.Option("--format", metavar="JUnit|InspectLog|JSONLines", help="What the harness writes.")
]


def check_format(given: str) -> None:
    """Raises BadParameter for one that there is not."""
    if given not in FORMATS:
        raise typer.BadParameter(f'"{given}" is none of {", ".join(FORMATS)}', param_hint="--format")
