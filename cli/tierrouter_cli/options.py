"""Options that several commands take, here and in the plugin."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer


def address(given: str) -> str:
    """An address to listen on. To a socket an empty one is every address of the machine, which nobody means by it."""
    if not given.strip():
        raise typer.BadParameter("the address is empty; name one, such as 127.0.0.1")
    return given


def state_folder(given: str) -> Path:
    """A folder of state. An empty path would be the current folder, which nobody means by it."""
    if not given.strip():
        raise typer.BadParameter("the folder's name is empty; name one, or leave the option out")
    return Path(given)


Dialect = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="OpenAIChat, OpenAIResponses or AnthropicMessages. [default: told by the request]",
        show_default=False,
    ),
]
Headers = Annotated[
    list[str],
    typer.Option("--header", "-H", metavar="'NAME: VALUE'", help="A header as the agent would send it."),
]
DataHost = Annotated[str, typer.Option(metavar="ADDRESS", parser=address, help="Address of the data port.")]
Format = Annotated[str, typer.Option(metavar="text|json", help="How to print it.")]


def variable(name: str, metavar: str, help: str, **more: Any) -> Any:
    """An option that is an environment variable too, for processes that a manifest starts."""
    return typer.Option(metavar=metavar, envvar=name, show_envvar=False, help=help, **more)


def _a_number(given: float) -> float:
    """Not ``nan``, which is neither below a least value nor above a greatest."""
    if math.isnan(given):
        raise typer.BadParameter("nan is not a number")
    return given


def seconds_option(help: str, *, min: float, max: float) -> Any:
    """An option for a length of time."""
    return typer.Option(metavar="SECONDS", help=help, min=min, max=max, callback=_a_number)


def seconds_variable(name: str, help: str, *, min: float, max: float) -> Any:
    """As :func:`seconds_option`, that is an environment variable too."""
    return variable(name, "SECONDS", help, min=min, max=max, callback=_a_number)


def port_option(help: str) -> Any:
    """An option for a port to listen on."""
    return typer.Option(metavar="PORT", help=help, min=1, max=65535)


def port_variable(name: str, help: str) -> Any:
    """As :func:`port_option`, that is an environment variable too."""
    return variable(name, "PORT", help, min=1, max=65535)


LOG_FORMATS = ("auto", "json", "text")


def log_format_variable(name: str) -> Any:
    """As :func:`variable`, of how log lines look."""
    return variable(name, "auto|json|text", "How log lines look, on stderr: auto is text on a terminal, else JSON.")


def check_log_format(given: str) -> None:
    """Raises BadParameter for one that there is not."""
    if given not in LOG_FORMATS:
        raise typer.BadParameter(f'"{given}" is none of {", ".join(LOG_FORMATS)}', param_hint="--log-format")
