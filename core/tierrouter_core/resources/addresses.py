"""Addresses that calls are made to: what is none, and what would cross the internet in the clear."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tierrouter_core.local_hosts import is_local_host
from tierrouter_core.resources.findings import Finding
from tierrouter_core.resources.yaml_text import Path


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about an address that holds more than it may."""

    keys: str
    queries: str


OF_A_PROVIDER: Final = Advice(
    keys="name the key's Secret in spec.credential",
    queries="paths are appended to it, so put parameters into spec.requestDefaults",
)
OF_AN_OUTPUT_POLICY: Final = Advice(
    keys="the service is shown no key, so leave it out",
    queries="the service gets no parameters, so leave them out, or let its path say what they do",
)

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?")


def bad_address(url: str, path: Path, advice: Advice = OF_A_PROVIDER) -> Iterator[Finding]:
    """Why ``url``, which stands at ``path``, is no address that a call can be made to."""
    if "@" in url:
        # The value itself is not repeated: what stands before the @ may be a key.
        yield Finding(path, f"holds a user name or a key before the @; {advice.keys}")
        return
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        yield Finding(path, f'found "{url}", which is no address: {error}')
        return
    if parts.scheme not in ("http", "https") or not host:
        message = f'found "{url}", expected an address that begins with https:// (or http:// for a local host)'
        yield Finding(path, message)
    elif "?" in url or "#" in url:
        yield Finding(path, f"holds a query or a fragment; {advice.queries}")
    elif port == 0 or not (_HOST.fullmatch(host) or _is_address(host)):
        yield Finding(path, f'found "{url}", whose host or port is not usable')


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def in_the_clear(url: str, path: Path) -> Iterator[Finding]:
    """That ``url``, which stands at ``path``, is plain http to a host that is not local."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return
    if parts.scheme == "http" and host and not is_local_host(host):
        message = (
            f'"{host}" is not a local host, so http would send keys and code in the clear; write https:// '
            "(http is for loopback, private addresses, names without dots, *.svc and *.local)"
        )
        yield Finding(path, message)
