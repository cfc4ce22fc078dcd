"""What the API server wrote down about each request, so that a test can count them."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """One request. `resource` is the plural, with ``/status`` and the like after it; empty for ``/version``."""

    user: str
    verb: str
    resource: str
    namespace: str
    name: str
    code: int
    user_agent: str


class AuditLog:
    """The audit log at level Metadata; a watch counts when it starts, everything else when it was answered."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def mark(self) -> int:
        """Where the log ends now, to pass as `since`."""
        return self._path.stat().st_size if self._path.exists() else 0

    def requests(
        self, since: int = 0, *, user: str = "", verb: str | tuple[str, ...] = (), resource: str = ""
    ) -> list[Request]:
        """The requests since a mark; each filter that is given must match exactly (one of the verbs)."""
        verbs = (verb,) if isinstance(verb, str) else verb
        with self._path.open("rb") as log:
            log.seek(since)
            whole_lines = [line for line in log if line.endswith(b"\n")]
        found = (_request(json.loads(line)) for line in whole_lines)
        return [
            request
            for request in found
            if request is not None
            and user in ("", request.user)
            and (not verbs or request.verb in verbs)
            and resource in ("", request.resource)
        ]


def _request(event: dict) -> Request | None:
    if event["stage"] != ("ResponseStarted" if event["verb"] == "watch" else "ResponseComplete"):
        return None
    target = event.get("objectRef") or {}
    return Request(
        user=event["user"].get("username", ""),
        verb=event["verb"],
        resource="/".join(filter(None, (target.get("resource", ""), target.get("subresource", "")))),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        user_agent=event.get("userAgent", ""),
    )
