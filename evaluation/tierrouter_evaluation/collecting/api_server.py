"""What the collector asks of the API server, with its pod's own account: the run, its own pod, and one write.

Without the kubernetes package: the image of the sidecar does not have it, and three requests need no more than this.
"""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import aiohttp
import orjson

from tierrouter_core.contract import RESULTS_ACCOUNT
from tierrouter_core.resources.metadata import API_VERSION
from tierrouter_core.resources.regression_run import RUN_KIND
from tierrouter_evaluation.errors import ApiServerError

ACCOUNT_DIR: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TIMEOUT_S: Final = 10.0
_APPLY: Final = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Access:
    """Where the API server is, and who we are there."""

    url: str
    account_dir: Path
    """With ``token`` and ``ca.crt``, as Kubernetes mounts them."""


def access_of_pod(url: str | None, account_dir: Path) -> Access:
    """The pod's own; raises ApiServerError outside of a pod."""
    if url is None:
        host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
        if not host:
            raise ApiServerError(
                "no API server: KUBERNETES_SERVICE_HOST is not set. The collector runs in a pod; elsewhere use "
                "`tierrouter regress submit`, or name one with --api-server"
            )
        url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    if not (account_dir / "token").is_file():
        raise ApiServerError(f"{account_dir}/token: there is no token; is the account's token mounted there?")
    return Access(url.rstrip("/"), account_dir)


class AnswerError(ApiServerError):
    """The API server said no."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
        """Of HTTP; 0 where there was no answer."""

    @property
    def may_pass(self) -> bool:
        """Whether the same request may be answered otherwise in a moment. 401: a token is renewed."""
        return (self.status in (0, 401, 409, 429) or self.status >= 500) and not self.is_too_large

    @property
    def is_too_large(self) -> bool:
        """Whether the store has no room for an object of that size, which an API server answers with 500."""
        return self.status == 500 and "request is too large" in str(self)


class ApiServer:
    """``async with ApiServer(access, namespace, cell) as server``."""

    def __init__(self, access: Access, namespace: str, cell: str) -> None:
        self._access = access
        self._namespace = namespace
        # A manager of its own for each cell: an apply leaves what another manager wrote as it is.
        self._manager = f"{RESULTS_ACCOUNT}-{cell}"
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        authority = self._access.account_dir / "ca.crt"
        tls = ssl.create_default_context(cafile=str(authority) if authority.is_file() else None)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls),
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
            headers={"User-Agent": RESULTS_ACCOUNT, "Accept": "application/json"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def run(self, name: str) -> dict[str, Any]:
        """The RegressionRun, by its status subresource: the account may see no other."""
        return await self._request("GET", self._run_path(name))

    async def pod(self, name: str) -> dict[str, Any]:
        """A pod."""
        return await self._request("GET", f"/api/v1/namespaces/{quote(self._namespace)}/pods/{quote(name)}")

    async def add_result(self, run: str, entry: Mapping[str, Any]) -> None:
        """Apply one entry of ``status.results``, and nothing else of the status."""
        body = {
            "apiVersion": API_VERSION,
            "kind": RUN_KIND,
            "metadata": {"name": run, "namespace": self._namespace},
            "status": {"results": [entry]},
        }
        await self._request("PATCH", f"{self._run_path(run)}?fieldManager={quote(self._manager)}", body)

    def _run_path(self, name: str) -> str:
        return f"/apis/{API_VERSION}/namespaces/{quote(self._namespace)}/regressionruns/{quote(name)}/status"

    async def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        assert self._session is not None, "use it as a context"
        # Read anew each time: the kubelet renews it.
        token = (self._access.account_dir / "token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"} | ({} if body is None else {"Content-Type": _APPLY})
        data = None if body is None else orjson.dumps(body)
        try:
            async with self._session.request(
                method, self._access.url + path, data=data, headers=headers, allow_redirects=False
            ) as response:
                text = await response.read()
                if response.status < 300:
                    answer: dict[str, Any] = orjson.loads(text)
                    return answer
                raise AnswerError(f"{method} {path}: {response.status}: {_said(text)}", response.status)
        except TimeoutError:
            raise AnswerError(f"{method} {path}: no answer within {_TIMEOUT_S:g} s", 0) from None
        except (aiohttp.ClientError, OSError, orjson.JSONDecodeError) as error:
            raise AnswerError(f"{method} {path}: {error or type(error).__name__}", 0) from None


def _said(text: bytes) -> str:
    try:
        return str(orjson.loads(text)["message"])[:1000]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return text.decode("utf-8", "replace").strip()[:300]
