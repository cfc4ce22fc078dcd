"""Asks Prometheus what sidecars have counted of a trial, where the operator was told of one.

One GET of its HTTP API, without credentials, to the address that whoever installed the operator has named. Whatever it
does (it can't be reached, hangs, redirects, answers without end) becomes a sentence: then the sidecars' own counts are
used.
"""

import math
import re
from typing import Final

import aiohttp

from tierrouter_core.resources.addresses import bad_address, in_the_clear
from tierrouter_core.rollout.arms import Arms
from tierrouter_core.rollout.exposed import MOST_BYTES, arms_from_answer, query
from tierrouter_operator.errors import OperatorError
from tierrouter_operator.http_client import HttpClient
from tierrouter_operator.planning.kinds import Key

ANSWER_S: Final = 5.0
_PATH: Final = "/api/v1/query"
_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPTION: Final = "--prometheus"


class Prometheus(HttpClient):
    """``async with Prometheus(url, label) as prometheus``."""

    def __init__(self, url: str, namespace_label: str, answer_s: float = ANSWER_S) -> None:
        """``namespace_label``: the label by which a series' namespace is known; empty for none.

        Raises:
            OperatorError: that is no address, or no label.
        """
        if any(bad_address(url, ())):
            # It is not repeated: it may have a password.
            message = "this is no http or https address, or it has a user name, a query or a fragment"
            raise OperatorError(f"{_OPTION}: {message}")
        if any(in_the_clear(url, ())):
            raise OperatorError(f"{_OPTION}: {url} is plain http to a host outside of the cluster; use https")
        if namespace_label and not _LABEL.fullmatch(namespace_label):
            raise OperatorError(f"{_OPTION}-namespace-label: {namespace_label!r} is no name of a label")
        self._url = url.rstrip("/") + _PATH
        self._label = namespace_label
        self._answer_s = answer_s

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._answer_s))

    async def counts(self, router: Key, trial: str, age_s: float) -> Arms | str:
        """Both sides' numbers; or why there are none, in words that follow "Prometheus"."""
        matching = {self._label: router.namespace} if self._label else {}
        # It ends its own work then, too.
        asked = {"query": query(trial, age_s, matching), "timeout": f"{math.ceil(self._answer_s)}s"}
        try:
            async with self._session.get(self._url, params=asked, allow_redirects=False) as answer:
                return arms_from_answer(answer.status, await _read(answer))
        except TimeoutError:
            return f"gives no answer within {self._answer_s:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return f"can't be reached ({type(error).__name__})"


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """What it says, as far as that may be; one byte more says that there was more."""
    body = bytearray()
    async for part in answer.content.iter_chunked(16 * 1024):
        body += part
        if len(body) > MOST_BYTES:
            break
    return bytes(body[: MOST_BYTES + 1])
