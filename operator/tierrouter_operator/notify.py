"""Tells those whom a suite names, by a webhook that takes Slack's JSON.

The address is a key: it is read from its Secret when something is to be told, it goes nowhere else, and no log has it.
Nothing waits for it. What can't be told after a few attempts is dropped and counted; Events and conditions say it too.
"""

import asyncio
import base64
import logging
from collections import deque
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from tierrouter_core.resources.addresses import bad_address, in_the_clear
from tierrouter_operator.client import Client
from tierrouter_operator.errors import ApiError
from tierrouter_operator.planning.kinds import SECRET
from tierrouter_operator.planning.texts import shortened
from tierrouter_operator.planning.writes import Tell

log = logging.getLogger("tierrouter.operator")

ATTEMPTS_AFTER_S: Final = (0.0, 1.0, 5.0, 25.0)
"""When it is attempted, in seconds after the attempt before."""
_ANSWER_S: Final = 10.0
_MOST_CHARACTERS: Final = 3000
"""Before they are escaped; Slack cuts messages off at 40,000 and asks for 4,000."""
_WAITING: Final = 1000
_REMEMBERED: Final = 1000
_OF_ONE: Final = 50
"""Of these so many may be for one address: one that does not answer must leave room for the others."""

_Place = tuple[str, str, str]
"""A Secret's namespace, name and key."""


class Notifier:
    """Takes what is to be told at once, and tells it in its own time."""

    def __init__(
        self, client: Client, on_done: Callable[[bool], None], attempts_after_s: tuple[float, ...] = ATTEMPTS_AFTER_S
    ) -> None:
        """``on_done`` is told of each whether it was told."""
        self._client = client
        self._on_done = on_done
        self._attempts_after_s = attempts_after_s
        self._waiting: dict[_Place, deque[Tell]] = {}
        """By address, so that each gets what happened in its order, and none waits for another."""
        self._begun: asyncio.Queue[_Place] = asyncio.Queue()
        self._taken: dict[Tell, None] = {}
        """What was taken last. A step is told before it is written, and again where that write has to be made again."""

    def tell(self, tell: Tell) -> None:
        """Take it, where it was not taken before; never fails, never waits."""
        if tell in self._taken:
            return
        self._taken[tell] = None
        if len(self._taken) > _REMEMBERED:
            del self._taken[next(iter(self._taken))]
        place = (tell.namespace, tell.secret, tell.key)
        of_one = len(self._waiting.get(place, ()))
        if of_one >= _OF_ONE or sum(map(len, self._waiting.values())) >= _WAITING:
            log.warning("%s: too much is to be told at once; this is dropped: %s", _where(tell), tell.text)
            self._on_done(False)
            return
        if place not in self._waiting:
            self._begun.put_nowait(place)
        self._waiting.setdefault(place, deque()).append(tell)

    async def run(self) -> None:
        """Tell until cancelled."""
        timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
            while True:
                group.create_task(self._tell_one(session, await self._begun.get()))

    async def _tell_one(self, session: aiohttp.ClientSession, place: _Place) -> None:
        """All that waits for one address."""
        waiting = self._waiting[place]
        while waiting:
            # It stays there until it is told, so that what comes meanwhile waits behind it.
            self._on_done(await self._told(session, waiting[0]))
            waiting.popleft()
        del self._waiting[place]

    async def _told(self, session: aiohttp.ClientSession, tell: Tell) -> bool:
        problem = ""
        for after_s in self._attempts_after_s:
            await asyncio.sleep(after_s)
            try:
                address = await self._address(tell)
            except ApiError as error:
                problem, is_worth_it = f"the Secret can't be read: {error}", True
            else:
                problem = unusable(address)
                if problem:
                    break
                problem, is_worth_it = await _posted(session, address, tell.text)
            if not problem:
                return True
            if not is_worth_it:
                break
        log.warning("%s: a notification could not be delivered: %s", _where(tell), problem)
        return False

    async def _address(self, tell: Tell) -> str:
        secret = await self._client.get(SECRET.path(tell.namespace, tell.secret))
        try:
            return base64.b64decode((secret.get("data") or {}).get(tell.key) or "").decode().strip()
        except ValueError:
            return ""


def unusable(address: str) -> str:
    """Why nothing is sent to an address, in words that do not repeat it; empty where it is fine."""
    if not address:
        return "the Secret has no text under that key"
    # Slack's addresses have no query; other services' may, and nothing is appended to it.
    bare = address.partition("?")[0]
    if next(bad_address(bare, ()), None) is not None:
        return "what the Secret holds is no http or https address"
    if next(in_the_clear(bare, ()), None) is not None:
        return "the Secret's address is plain http to a host outside of the cluster; use https"
    return ""


def as_slack(text: str) -> str:
    """Plain text as Slack takes it: what a harness said may hold ``<!channel>``, or a link with another's words."""
    return shortened(text, _MOST_CHARACTERS).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


async def _posted(session: aiohttp.ClientSession, address: str, text: str) -> tuple[str, bool]:
    """Why it was not taken, empty where it was; and whether another attempt may help."""
    try:
        async with session.post(address, json={"text": as_slack(text)}, allow_redirects=False) as answer:
            if 200 <= answer.status < 300:
                return "", False
            is_worth_it = answer.status == 429 or answer.status >= 500
            moved = "; redirects are not followed" if 300 <= answer.status < 400 else ""
            return f"the answer is {answer.status}{moved}", is_worth_it
    except TimeoutError:
        return f"no answer within {_ANSWER_S:g} s", True
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # Its text may have the address.
        host = "loopback or cluster" if urlsplit(address).scheme == "http" else "https"
        return f"it can't be reached ({type(error).__name__}, {host} address)", True


def _where(tell: Tell) -> str:
    return f"Secret {tell.namespace}/{tell.secret}"
