"""Asks Prometheus what sidecars have counted of a trial, where the operator was told of one.

One GET of its HTTP API, with the bearer token that is mounted, if one is, to the address that whoever installed the
operator has named, and to no other. Whatever it
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
from tierrouter_operator.prometheus_access import PrometheusAccess

ANSWER_S: Final = 5.0
_PATH: Final = "/api/v1/query"
_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPTION: Final = "--prometheus"


class Prometheus(HttpClient):
    """``async with Prometheus(url, label) as prometheus``."""

    def __init__(
        self, url: str, namespace_label: str, answer_s: float = ANSWER_S, token_file: str = "", ca_file: str = ""
    ) -> None:
        """Who is asked, and as whom.

        Args:
            url: without a path's ``/api/v1``.
            namespace_label: by which a series' namespace is known; empty for none.
            answer_s: after which it is left.
            token_file: holds the bearer token that it is shown; empty for none.
            ca_file: holds the authorities (PEM) that it is believed by; empty for the system's.

        Raises:
            OperatorError: that is no address, or no label, or authorities of an address that has no certificate.
        """
        if any(bad_address(url, ())):
            # It is not repeated: it may have a password.
            message = "this is no http or https address, or it has a user name, a query or a fragment"
            raise OperatorError(f"{_OPTION}: {message}")
        if any(in_the_clear(url, ())):
            raise OperatorError(f"{_OPTION}: {url} is plain http to a host outside of the cluster; use https")
        if namespace_label and not _LABEL.fullmatch(namespace_label):
            raise OperatorError(f"{_OPTION}-namespace-label: {namespace_label!r} is no name of a label")
        if ca_file and not url.startswith("https:"):
            raise OperatorError(f"{_OPTION}-ca-file: {url} is plain http, so there is no certificate to trust")
        self._url = url.rstrip("/") + _PATH
        self._label = namespace_label
        self._answer_s = answer_s
        self._access = PrometheusAccess(token_file, ca_file)

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._answer_s))

    async def counts(self, router: Key, trial: str, age_s: float) -> Arms | str:
        """Both sides' numbers; or why there are none, in words that follow "Prometheus"."""
        matching = {self._label: router.namespace} if self._label else {}
        # It ends its own work then, too.
        asked = {"query": query(trial, age_s, matching), "timeout": f"{math.ceil(self._answer_s)}s"}
        try:
            headers, tls = self._access.headers(), self._access.tls()
            async with self._session.get(
                self._url, params=asked, headers=headers, ssl=tls, allow_redirects=False
            ) as answer:
                return arms_from_answer(answer.status, await _read(answer))
        except OperatorError as error:
            return str(error)
        except TimeoutError:
            return f"gives no answer within {self._answer_s:g} s"
        except aiohttp.ClientConnectorCertificateError as error:
            said = getattr(error.certificate_error, "verify_message", "")
            return f"has no certificate that is trusted{f' ({said})' if said else ''}"
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
