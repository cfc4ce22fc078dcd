"""Options that several commands take, here and in the plugin."""

from typing import Annotated

import typer

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
Format = Annotated[str, typer.Option(metavar="text|json", help="How to print it.")]
