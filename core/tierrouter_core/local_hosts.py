"""Which hosts are not beyond the internet."""

import ipaddress
import re

_LOCAL_SUFFIXES = (".svc", ".svc.cluster.local", ".local", ".localhost")


def is_local_host(host: str) -> bool:
    """Whether plain http may go there: loopback, a private address, or a name that only a cluster resolves."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # A bare number would be an address in disguise (134744072 is 8.8.8.8), so names begin with a letter.
        is_single_label = re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", host) is not None
        return is_single_label or host.lower().endswith(_LOCAL_SUFFIXES)
    return address.is_private or address.is_loopback
