"""The live view: looks, draws, and listens to the keyboard, until it is told to stop."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.live import Live

from tierrouter_cli.top.frame import Shown, frame
from tierrouter_cli.top.look import LookError, Source

_KEYS: Final = "q quits"
_QUIT: Final = frozenset(b"qQ\x03\x04")
"""Ctrl-C and Ctrl-D too, for terminals that hand them on as keys."""


async def show_once(source: Source, console: Console) -> None:
    """One frame; raises LookError where there is nothing to see."""
    look = await source.look()
    console.print(frame(Shown(look=look, at=_now()), console, None))


class Screen:
    """A terminal that shows one look after the other."""

    def __init__(self, source: Source, console: Console, interval_s: float) -> None:
        self._source = source
        self._console = console
        self._interval_s = interval_s
        self._stop = asyncio.Event()
        self._shown: Shown | None = None
        """What there is to show: the last look that saw something, and why there is no newer one."""

    async def run(self) -> None:
        """Until q, Ctrl-C or SIGTERM. What could not be seen is said, and tried again."""
        loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as stack:
            keys = stack.enter_context(_keys(self._stop))
            live = stack.enter_context(Live(console=self._console, screen=True, auto_refresh=False))
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.add_signal_handler(number, self._stop.set)
                stack.callback(loop.remove_signal_handler, number)
            loop.add_signal_handler(signal.SIGWINCH, self._draw, live, keys)
            stack.callback(loop.remove_signal_handler, signal.SIGWINCH)
            stopped = asyncio.create_task(self._stop.wait())
            while not self._stop.is_set():
                looking = asyncio.create_task(self._look())
                # A key is heard at once, however long an answer takes.
                await asyncio.wait({looking, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if not looking.done():
                    looking.cancel()
                    await asyncio.wait({looking})
                    return
                self._draw(live, keys)
                await asyncio.wait({stopped}, timeout=self._interval_s)

    async def _look(self) -> None:
        try:
            self._shown = Shown(look=await self._source.look(), at=_now())
        except LookError as error:
            before = self._shown
            look, at = (None, _now()) if before is None else (before.look, before.at)
            self._shown = Shown(look=look, at=at, trouble=str(error))

    def _draw(self, live: Live, keys: str) -> None:
        shown = self._shown
        if shown is None:
            return
        live.update(frame(replace(shown, keys=keys), self._console, self._console.height), refresh=True)


@contextlib.contextmanager
def _keys(stop: asyncio.Event) -> Iterator[str]:
    """Listen to the keyboard, where there is one: a key is heard without Enter, and not shown."""
    if not sys.stdin.isatty():
        yield "Ctrl-C quits"
        return
    import os
    import termios
    import tty

    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    loop = asyncio.get_running_loop()

    def pressed() -> None:
        try:
            typed = os.read(keyboard, 64)
        except OSError:
            typed = b""
        # Nothing: the terminal is gone.
        if not typed or _QUIT & set(typed):
            stop.set()

    tty.setcbreak(keyboard)
    loop.add_reader(keyboard, pressed)
    try:
        yield _KEYS
    finally:
        loop.remove_reader(keyboard)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


def _now() -> datetime:
    return datetime.now().astimezone()
