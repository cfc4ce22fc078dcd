"""A small client of the Kubernetes API for tests: plain dicts, server-side apply, waiting."""

import asyncio
import textwrap
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson
import yaml

from control_plane.access import Access

Answer = dict[str, Any]
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


class Refused(Exception):
    """The API server answered with an error; `code` is the HTTP status, `reason` Kubernetes' word for it."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason


class Api:
    """Requests as one user. ``async with Api(access) as api``; paths begin with ``/api`` or ``/apis``."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._paths: dict[tuple[str, str], tuple[str, bool]] = {}
        self.warnings: list[str] = []
        """What the server warned of in its last answer, as kubectl shows it."""

    async def __aenter__(self) -> Self:
        bearer = {"Authorization": f"Bearer {self.access.token}"} if self.access.token else {}
        self._session = aiohttp.ClientSession(
            self.access.server,
            headers=bearer,
            connector=aiohttp.TCPConnector(ssl=self.access.tls, limit=0),
            timeout=aiohttp.ClientTimeout(total=60),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def get(self, path: str, **query: str) -> Answer:
        return await self.request("GET", path, query=query)

    async def create(self, path: str, body: Answer) -> Answer:
        return await self.request("POST", path, body)

    async def replace(self, path: str, body: Answer) -> Answer:
        return await self.request("PUT", path, body)

    async def patch(self, path: str, body: Answer, content_type: str = MERGE) -> Answer:
        return await self.request("PATCH", path, body, content_type=content_type)

    async def delete(self, path: str, **query: str) -> Answer:
        return await self.request("DELETE", path, query=query)

    async def request(
        self,
        method: str,
        path: str,
        body: Answer | None = None,
        *,
        query: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """Any request. Raises Refused for an answer of 400 or above."""
        data = None if body is None else orjson.dumps(body)
        async with self._session.request(
            method, path, params=query, data=data, headers={"Content-Type": content_type}
        ) as response:
            text = await response.read()
            self.warnings = [_warning(header) for header in response.headers.getall("Warning", [])]
            answer = orjson.loads(text) if response.content_type == "application/json" else {"text": text.decode()}
            if response.status >= 400:
                raise Refused(response.status, answer.get("reason", ""), answer.get("message") or str(answer))
            return answer

    async def apply(self, manifests: str | Answer, namespace: str = "", manager: str = "tests") -> list[Answer]:
        """Server-side apply of one object or of YAML with any number; `namespace` is for those that name none."""
        documents = [manifests] if isinstance(manifests, dict) else _documents(manifests)
        return [
            await self.request(
                "PATCH",
                await self.path_of(document, namespace),
                document,
                query={"fieldManager": manager, "force": "true"},
                content_type=APPLY,
            )
            for document in documents
            if document
        ]

    async def path_of(self, document: Answer, namespace: str = "") -> str:
        """The path of the object that `document` describes, for :meth:`get` and the like."""
        group_version, kind = document["apiVersion"], document["kind"]
        if (group_version, kind) not in self._paths:
            await self._discover(group_version)
        plural, is_namespaced = self._paths[group_version, kind]
        place = document["metadata"].get("namespace") or namespace or "default"
        scope = f"/namespaces/{place}" if is_namespaced else ""
        return f"{_root(group_version)}{scope}/{plural}/{document['metadata']['name']}"

    async def _discover(self, group_version: str) -> None:
        for resource in (await self.get(_root(group_version)))["resources"]:
            if "/" not in resource["name"]:
                self._paths[group_version, resource["kind"]] = (resource["name"], resource["namespaced"])

    async def exists(self, path: str) -> bool:
        try:
            await self.get(path)
        except Refused as refused:
            if refused.code != 404:
                raise
            return False
        return True

    async def until(self, holds: Callable[[], Awaitable[Any]], what: str, timeout_s: float = 30) -> Any:
        """Asks again and again until `holds` gives something true, which is returned; a 404 counts as no.

        Raises TimeoutError, which says `what` did not happen.
        """
        end = time.monotonic() + timeout_s
        while True:
            try:
                if answer := await holds():
                    return answer
            except Refused as refused:
                if refused.code != 404:
                    raise
            if time.monotonic() > end:
                raise TimeoutError(f"not within {timeout_s} s: {what}")
            await asyncio.sleep(0.05)

    async def gone(self, path: str, timeout_s: float = 30) -> None:
        """Returns when nothing is at `path`. Raises TimeoutError."""

        async def is_gone() -> bool:
            return not await self.exists(path)

        await self.until(is_gone, f"{path} is gone", timeout_s)


def _documents(text: str) -> list[Answer]:
    return list(yaml.load_all(textwrap.dedent(text), Loader=yaml.CSafeLoader))


def _warning(header: str) -> str:
    """The text in ``299 - "text"``."""
    return header.split('"', 1)[-1].rsplit('"', 1)[0].replace('\\"', '"')


def _root(group_version: str) -> str:
    return f"/apis/{group_version}" if "/" in group_version else f"/api/{group_version}"
