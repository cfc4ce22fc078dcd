"""What a call to a provider carries beside its body: path, headers and the provider's own key."""

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from aiohttp import web

from tierrouter_core import __version__
from tierrouter_core.local_hosts import is_local_host
from tierrouter_core.routing.targets import Target
from tierrouter_core.value_class import value_class
from tierrouter_core.wire.dialects import Endpoint, request_headers, target_of, upstream_query
from tierrouter_core.wire.trace_context import passed_on
from tierrouter_sidecar.credentials import Credentials


@value_class
class Outgoing:
    """One call, ready but for its body."""

    path: str
    """With the part of the client's query that this provider may see."""
    headers: Sequence[tuple[str, str]]


def outgoing(
    credentials: Credentials,
    target: Target,
    endpoint: Endpoint,
    headers: Mapping[str, str],
    query: str,
    *,
    first_attempt: bool = True,
) -> Outgoing:
    """The call to ``target``; raises CredentialError where its key is missing.

    Args:
        headers: the client's; of a translated turn none but those by which its trace goes on.
        first_attempt: whether nobody was asked before.
    """
    key = credentials.key_of(target.provider, time.monotonic())
    vendor = target_of(target.provider.base_url)
    sent = request_headers(
        endpoint.dialect,
        headers.items(),
        provider_key=key,
        target=vendor,
        version=__version__,
        first_attempt=first_attempt,
    )
    if _is_in_cluster(target.provider.base_url):
        sent += passed_on(headers)
    kept = upstream_query(query, endpoint.dialect, vendor)
    return Outgoing(endpoint.upstream_path + (f"?{kept}" if kept else ""), sent)


@lru_cache(maxsize=256)
def _is_in_cluster(base_url: str) -> bool:
    """Whether a trace may go on there: it says which calls belong together, and is no third party's business."""
    return is_local_host(urlsplit(base_url).hostname or "")


def raw_query(http: web.BaseRequest) -> str:
    """The query as the client wrote it: decoded and sent on it would mean something else, or break the request line."""
    return http.raw_path.partition("?")[2]
