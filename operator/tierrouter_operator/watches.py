"""What the API server tells, through kopf: each event puts an object into the store and keys on the queue, no more.

kopf lists, watches and watches again; everything else that it can do is off: it posts nothing, writes nothing and
needs no peering. Its handlers are never retried, so nothing that can fail is done in them.
"""

import logging
from collections.abc import Callable
from typing import Any, Final

import kopf
from kubernetes.aio.client import Configuration

from tierrouter_core.contract import ROUTER_LABEL
from tierrouter_operator.planning.kinds import CONFIG_MAP, PROVIDER, REVISION, ROUTER, SECRET, SUITE, Key, Kind, Obj
from tierrouter_operator.store import Store, version_of

WATCHED: Final = (ROUTER, PROVIDER, REVISION, SUITE, CONFIG_MAP, SECRET)
LABELLED: Final = {CONFIG_MAP: ROUTER_LABEL}
"""Kinds of which only objects with this label are watched. Users' Secrets carry none of ours, so all are watched."""


class Watches:
    """The handlers, on a registry of their own."""

    def __init__(self, store: Store, changed: Callable[[Key, Obj], None], access: Configuration) -> None:
        """``changed`` is told of every object that is new, other or gone."""
        self._store = store
        self._changed = changed
        self._access = access
        self.registry = kopf.OperatorRegistry()
        self.settings = _settings()
        kopf.on.login(registry=self.registry)(self._login)
        for kind in WATCHED:
            self._watch(kind)

    def _watch(self, kind: Kind) -> None:
        group, _, version = kind.api_version.rpartition("/")

        def seen(event: Any, **unused: Any) -> None:
            self._take(kind, event)

        kopf.on.event(group, version, kind.plural, id=f"seen-{kind.plural}", registry=self.registry)(seen)

    def _take(self, kind: Kind, event: Any) -> None:
        obj = dict(event["object"])
        key = Key(kind, obj["metadata"]["namespace"], obj["metadata"]["name"])
        is_gone = event["type"] == "DELETED"
        if self._store.remove(key, version_of(obj)) if is_gone else self._store.put(key, obj):
            self._changed(key, obj)

    async def _login(self, **unused: Any) -> kopf.ConnectionInfo:
        access = self._access
        token = await access.get_api_key_with_prefix("BearerToken", alias="authorization")
        scheme, _, bare = str(token or "").rpartition(" ")
        return kopf.ConnectionInfo(
            server=access.host,
            ca_path=access.ssl_ca_cert,
            insecure=not access.verify_ssl,
            certificate_path=access.cert_file,
            private_key_path=access.key_file,
            scheme=scheme or ("Bearer" if bare else None),
            token=bare or None,
        )


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    # The kinds and the namespaces are known; what is scanned for would need rights on all of them.
    settings.scanning.disabled = True
    # A worker for each object that changed goes away at once: there may be thousands.
    settings.queueing.idle_timeout = 0.05
    settings.queueing.exit_timeout = 0.5
    settings.networking.error_backoffs = (0.5, 1, 2, 4)
    settings.networking.request_timeout = 30
    settings.watching.connect_timeout = 5
    settings.watching.chunk_size = 500
    for kind, label in LABELLED.items():
        group, _, version = kind.api_version.rpartition("/")
        settings.watching.label_selectors[kopf_selector(group, version, kind.plural)] = label
    return settings


def kopf_selector(group: str, version: str, plural: str) -> Any:
    """kopf's own word for a kind."""
    from kopf._cogs.structs.references import Selector

    return Selector(group, version, plural)


def quieten(logger: str = "kopf") -> None:
    """kopf tells every step of its own; what goes wrong is told by the resync, in our words."""
    logging.getLogger(logger).setLevel(logging.ERROR)
