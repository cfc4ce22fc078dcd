"""Requests to the API server: JSON in, JSON out, one error for each thing that a caller can do about it.

Who we are and how the server is reached is read by the kubernetes package (a pod's service account, a kubeconfig with
all of its ways to log in), and tokens are renewed by it. Its typed models are left out: decoding into them takes
longer than the request.
"""

import os
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import (
    ConfigException,
    list_kube_config_contexts,
    load_incluster_config,
    load_kube_config,
)

from tierrouter_core.contract import OPERATOR
from tierrouter_operator.errors import (
    AlreadyExistsError,
    ApiError,
    ConflictError,
    NotFoundError,
    OperatorError,
    RefusedError,
    UnavailableError,
)
from tierrouter_operator.http_client import HttpClient

REQUEST_TIMEOUT_S: Final = 10.0
_PAGE: Final = 500
_CONNECTIONS: Final = 16
_DEFAULT_NAMESPACE: Final = "default"
_METADATA_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_APPLY: Final = "application/apply-patch+yaml"
_NAME_ONE: Final = "Run it in a pod, or name a kubeconfig with --kubeconfig or $KUBECONFIG"
Answer = dict[str, Any]


async def read_access(kubeconfig: str | None, context: str | None) -> Configuration:
    """Where the cluster is and who we are there.

    Args:
        kubeconfig: a file, or None for the pod's own account, and outside of a pod what kubectl would use.
        context: one of the kubeconfig's, or None for its current one.

    Raises:
        OperatorError: there is no such thing, or it can't be read.
    """
    access = Configuration()
    try:
        if kubeconfig is None and context is None:
            try:
                load_incluster_config(client_configuration=access)  # type: ignore[no-untyped-call]
                return access
            except ConfigException:
                pass
        if kubeconfig is not None and not Path(kubeconfig).is_file():  # noqa: ASYNC240 (once, at the start)
            raise OperatorError(f"there is no kubeconfig {kubeconfig}")
        usual = os.environ.get("KUBECONFIG") or "~/.kube/config"
        if kubeconfig is None and not any(Path(each).expanduser().is_file() for each in usual.split(os.pathsep)):  # noqa: ASYNC240
            # The loader would speak of the keys that a file lacks which is not there.
            raise OperatorError(f"no cluster to work in: there is no kubeconfig {usual}. {_NAME_ONE}")
        await load_kube_config(  # type: ignore[no-untyped-call]
            config_file=kubeconfig, context=context, client_configuration=access, persist_config=False
        )
    except OperatorError:
        raise
    except Exception as error:  # the loader has no errors of its own for a file that is none of Kubernetes'
        # Of a file that holds no map it says only what of its own code went wrong.
        broken = isinstance(error, (TypeError, AttributeError))
        said = "the kubeconfig is none of Kubernetes'" if broken else " ".join(str(error).split())
        raise OperatorError(f"no cluster to work in: {said}. {_NAME_ONE}") from None
    return access


def context_namespace(kubeconfig: str | None, context: str | None) -> str:
    """The namespace that kubectl would use."""
    try:
        contexts, active = list_kube_config_contexts(config_file=kubeconfig)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError):
        return _DEFAULT_NAMESPACE
    chosen = next((each for each in contexts if each["name"] == context), active)
    return str((chosen or {}).get("context", {}).get("namespace") or _DEFAULT_NAMESPACE)


class Client(HttpClient):
    """``async with Client(access) as client``."""

    def __init__(self, access: Configuration, manager: str = OPERATOR) -> None:
        """``manager``: who writes, as field manager and user agent."""
        self._access = access
        self._manager = manager

    def _open(self) -> aiohttp.ClientSession:
        tls = ssl.create_default_context(cafile=self._access.ssl_ca_cert)
        if self._access.cert_file:
            tls.load_cert_chain(self._access.cert_file, self._access.key_file)
        if not self._access.verify_ssl:
            tls.check_hostname = False
            tls.verify_mode = ssl.CERT_NONE
        return aiohttp.ClientSession(
            self._access.host,
            connector=aiohttp.TCPConnector(ssl=tls, limit=_CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S),
            headers={"User-Agent": self._manager},
        )

    async def get(self, path: str, *, host: str = "") -> Answer:
        """One object; or what a pod answers behind the server's proxy, which is told the name ``host``."""
        return await self._request("GET", path, host=host)

    async def list(
        self, path: str, *, labels: str = "", metadata_only: bool = False, newest: bool = False
    ) -> AsyncIterator[Answer]:
        """Every object of a collection, in pages: from the server's cache, or as of now with ``newest``."""
        version = {} if newest else {"resourceVersion": "0"}
        query = {"limit": str(_PAGE)} | version | ({"labelSelector": labels} if labels else {})
        accept = _METADATA_ONLY if metadata_only else "application/json"
        while True:
            page = await self._request("GET", path, query=query, accept=accept)
            # The list of nothing is null for some kinds.
            for item in page["items"] or ():
                yield item
            following = page["metadata"].get("continue")
            if not following:
                return
            query = {key: value for key, value in query.items() if key != "resourceVersion"} | {"continue": following}

    async def create(self, path: str, body: Mapping[str, Any]) -> Answer:
        """POST to a collection."""
        return await self._request("POST", path, body, query={"fieldManager": self._manager})

    async def apply(self, path: str, body: Mapping[str, Any], *, force: bool = True) -> Answer:
        """Server-side apply; without ``force`` a field of another manager is a conflict."""
        query = {"fieldManager": self._manager, "force": str(force).lower()}
        return await self._request("PATCH", path, body, query=query, content_type=_APPLY)

    async def merge(self, path: str, body: Mapping[str, Any]) -> Answer:
        """A merge patch: what the body names is set, all else stays."""
        query = {"fieldManager": self._manager}
        return await self._request("PATCH", path, body, query=query, content_type="application/merge-patch+json")

    async def replace(self, path: str, body: Mapping[str, Any]) -> Answer:
        """PUT at the body's version."""
        return await self._request("PUT", path, body, query={"fieldManager": self._manager})

    async def delete(self, path: str, uid: str) -> None:
        """Delete this very object; what it owns goes after it."""
        body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        await self._request("DELETE", path, body)

    async def delete_collection(self, path: str, labels: str) -> None:
        """Delete every object of a collection that has these labels."""
        await self._request("DELETE", path, query={"labelSelector": labels})

    async def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        accept: str = "application/json",
        content_type: str = "application/json",
        host: str = "",
    ) -> Answer:
        headers = {"Accept": accept} | ({} if body is None else {"Content-Type": content_type})
        if host:
            headers["Host"] = host
        token = await self._access.get_api_key_with_prefix("BearerToken", alias="authorization")
        if token:
            headers["Authorization"] = token
        data = None if body is None else orjson.dumps(body)
        try:
            async with self._session.request(method, path, data=data, params=query, headers=headers) as response:
                text = await response.read()
                if response.status < 400:
                    answer: Answer = orjson.loads(text)
                    return answer
                raise _error(f"{method} {path}", response.status, response.headers, text)
        except TimeoutError:
            raise UnavailableError(f"{method} {path}: no answer within {REQUEST_TIMEOUT_S:g} s") from None
        except aiohttp.ClientConnectorError as error:
            raise UnavailableError(
                f"{method} {path}: the API server at {self._access.host} can't be reached ({why_unreachable(error)})"
            ) from None
        except (aiohttp.ClientError, OSError, orjson.JSONDecodeError) as error:
            raise UnavailableError(f"{method} {path}: {error or type(error).__name__}") from None


def why_unreachable(error: aiohttp.ClientConnectorError) -> str:
    """In few words; asyncio's have the address once more."""
    # One about a certificate has no os_error, and numbers of TLS are none of the operating system's.
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
    if isinstance(cause, ssl.SSLError):
        return str(getattr(cause, "verify_message", "") or cause)[:200]
    number = getattr(cause, "errno", None)
    return os.strerror(number) if number and number > 0 else str(cause)[:200] or type(error).__name__


def _error(what: str, status: int, headers: Mapping[str, str], text: bytes) -> ApiError:
    reason, said = "", text.decode("utf-8", "replace").strip()[:500]
    try:
        answer = orjson.loads(text)
        reason, said = answer.get("reason", ""), answer.get("message", said)
    except (orjson.JSONDecodeError, AttributeError):
        pass
    message = f"{what}: {status} {reason}: {said}"
    if status == 404:
        return NotFoundError(message)
    if status == 409:
        return AlreadyExistsError(message) if reason == "AlreadyExists" else ConflictError(message)
    if status == 429 or status >= 500:
        return UnavailableError(message, _seconds(headers.get("Retry-After", "")))
    # Who we are may be renewed: 401 is not the last word.
    return UnavailableError(message) if status == 401 else RefusedError(message, said)


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() else 0.0
