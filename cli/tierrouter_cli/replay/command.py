"""The command's options. What it needs beyond them is imported where it is used: every command imports this module."""

import re
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from tierrouter_cli.exits import PROBLEM, USAGE, explained_errors, say
from tierrouter_cli.replay.asked import ROUTER_POLICY, Options

FORMATS = ("table", "csv", "json")

_TTL = re.compile(r"(?:[0-9]{1,9}(?:ms|s|m|h))+", re.ASCII)
_TTL_PART = re.compile(r"([0-9]+)(ms|s|m|h)")
_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


def replay(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT",
            help="Transcripts, folders of them, or turn tables (Parquet, CSV).",
            show_default=False,
        ),
    ],
    file: Annotated[
        list[Path],
        typer.Option(
            "--file",
            "-f",
            metavar="FILE",
            help="A router file; may be given several times. Each router is a column; a file with providers alone "
            "serves them all.",
        ),
    ],
    policy: Annotated[
        list[str],
        typer.Option(
            metavar="NAME[:SHARE]",
            help="Who decides: router, or, to compare with, free-per-turn, sticky-per-prompt or sticky-per-session "
            "with the default tier's share, 0 to 1. May be given several times. [default: router]",
            show_default=False,
        ),
    ] = [],  # noqa: B006 (typer copies it)
    draws: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="Draw splits and shares N times.")] = 1,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32, metavar="N", help="The first draw's number; a router's 0 is as it routes.")
    ] = 0,
    ttl: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="How long every prompt cache lives: 5m, 1h. [default: each model's cache.ttl]",
            show_default=False,
        ),
    ] = "",
    baseline: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="Compare with this model for everything. [default: each router's baselineModel]",
            show_default=False,
        ),
    ] = "",
    format: Annotated[str, typer.Option(metavar="table|csv|json", help="How to print it.")] = "table",
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write a page with plots to FILE.", show_default=False),
    ] = None,
) -> None:
    """Replay recorded calls: who would have served them by FILE, and what that would have cost."""
    if format not in FORMATS:
        _fail(USAGE, f"--format {format!r} is not one of {', '.join(FORMATS)}")
    options = Options(
        files=tuple(file),
        inputs=tuple(inputs),
        policies=tuple(dict.fromkeys(_policy(given) for given in policy or [ROUTER_POLICY])),
        draws=draws,
        seed=seed,
        ttl_ms=_ttl_ms(ttl) if ttl else None,
        baseline=baseline,
        format=format,
        html=html,
    )
    with explained_errors():
        from tierrouter_cli.replay.replaying import replay_and_print
        from tierrouter_cli.replay.routers import ReplayError
        from tierrouter_cli.transcripts.reading import TranscriptError

        try:
            replay_and_print(options)
        except (ReplayError, TranscriptError) as error:
            _fail(PROBLEM, str(error))


def _policy(given: str) -> tuple[str, float | None]:
    """``sticky-per-session:0.822``; blanks do for dashes."""
    from tierrouter_core.replay.policy import Unit

    name, colon, share_text = given.partition(":")
    name = "-".join(name.split())
    if name == ROUTER_POLICY:
        if colon:
            _fail(USAGE, f"--policy {given!r}: router decides by itself and takes no share")
        return name, None
    if name not in list(Unit):
        _fail(USAGE, f"--policy {given!r} is not one of {', '.join((ROUTER_POLICY, *Unit))}")
    try:
        share = float(share_text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        _fail(USAGE, f"--policy {given!r} needs the default tier's share, 0 to 1: {name}:0.8")
    return name, share


def _ttl_ms(text: str) -> int:
    if not _TTL.fullmatch(text):
        _fail(USAGE, f"--ttl {text!r} is no time such as 5m, 90s or 1h30m")
    return sum(int(number) * _MS[unit] for number, unit in _TTL_PART.findall(text))


def _fail(code: int, message: str) -> NoReturn:
    say(f"tierrouter replay: {' '.join(message.split())}")
    sys.exit(code)
