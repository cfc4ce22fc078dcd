"""Who may talk to the sidecar: no web page, no neighbour.

The ports are on loopback, but a browser on the same machine can reach them too. So a ``Host`` that is not ours (DNS
rebinding), any ``Origin`` (a page's script) and a POST that is not JSON (a page's form, which needs no CORS preflight)
are refused, and no CORS header is ever sent.
"""

import contextlib
import hmac
import ipaddress
import re
from collections.abc import Collection, Mapping

EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 (to tell it apart)
"""Hosts to listen on that are no name to call anything by."""
_BEARER = "bearer "
_NAME = re.compile(r"[a-z0-9._:-]{1,253}")


def own_names(host: str, allowed: Collection[str]) -> frozenset[str]:
    """What a ``Host`` header may name of a port that listens on ``host``, beside loopback: that, and ``allowed``."""
    names = {name.lower() for name in allowed}
    if host not in EVERY_ADDRESS:
        names.add(host.lower())
        with contextlib.suppress(ValueError):
            # Clients may write an address of IPv6 shorter than it was given.
            names.add(str(ipaddress.ip_address(host)))
    return frozenset(names)


def host_is_allowed(host: str, allowed: Collection[str]) -> bool:
    """Whether a ``Host`` header names this sidecar: a loopback name, or one of ``allowed`` (lower case, no port)."""
    name = _without_port(host.lower())
    if name in ("127.0.0.1", "localhost") or name in allowed:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_of_this_machine(host: str, peer: str | None) -> bool:
    """Whether a request was made on this machine, a port that is forwarded to it included, and names it so."""
    if peer is None or not host_is_allowed(host, ()):
        return False
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _without_port(host: str) -> str:
    if host.startswith("["):
        name, _, rest = host[1:].partition("]")
        return name if not rest or _is_port(rest[1:]) else ""
    if host.count(":") != 1:
        return host
    name, _, port = host.partition(":")
    return name if _is_port(port) else ""


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit()


def why_refused(method: str, headers: Mapping[str, str], allowed: Collection[str]) -> str | None:
    """Why a request is refused before anything else is looked at, or None."""
    host = headers.get("Host", "")
    if not host_is_allowed(host, allowed):
        name = _without_port(host.lower())
        shown = name if _NAME.fullmatch(name) else "NAME"
        return (
            f"the Host header names {host[:100]!r}, not this router; use the address that it listens on (127.0.0.1 "
            f"unless it was told another), or start it with --allow-host {shown}"
        )
    if "Origin" in headers:
        return "requests from web pages (with an Origin header) are refused"
    return None


def shows_token(headers: Mapping[str, str], token: str) -> bool:
    """Whether a request shows ``token`` in either way in which agents send a key; header names are lower case.

    Each comparison takes as long whatever the difference.
    """
    bearer = headers.get("authorization", "")
    shown = (bearer[len(_BEARER) :] if bearer.lower().startswith(_BEARER) else "", headers.get("x-api-key", ""))
    wanted = token.encode()
    return any(hmac.compare_digest(each.strip().encode("utf-8", "surrogateescape"), wanted) for each in shown)


def is_json(content_type: str) -> bool:
    """Whether a content type is ``application/json``, with any parameters."""
    return content_type.partition(";")[0].strip().lower() == "application/json"
