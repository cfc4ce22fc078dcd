"""From the store to what one plan is made of. Selects, and judges nothing."""

from collections.abc import Iterable
from datetime import datetime

from tierrouter_core.contract import active_name, credentials_name, model_server_name
from tierrouter_operator.planning.kinds import (
    CONFIG_MAP,
    MODEL_SERVER,
    PROVIDER,
    REVISION,
    RUN,
    SECRET,
    SUITE,
    Key,
    Kind,
    Obj,
)
from tierrouter_operator.planning.model_server_state import Said
from tierrouter_operator.planning.observed import Observed, ObservedProvider, Refusal
from tierrouter_operator.planning.references import secret_of, suite_of
from tierrouter_operator.planning.sidecars import NOTHING_SEEN, Fleet
from tierrouter_operator.store import Store, newest_of

Fingerprint = tuple[tuple[tuple[str, str], ...], tuple[Fleet, Said | None] | tuple[()]]


def observe_router(
    store: Store,
    key: Key,
    now: datetime,
    refused: Refusal | None,
    fleet: Fleet = NOTHING_SEEN,
    said: Said | None = None,
) -> Observed | None:
    """What there is of a router; None where it is gone."""
    router = store.get(key)
    if router is None:
        return None
    namespace, name = key.namespace, key.name
    providers = dict(store.in_namespace(PROVIDER, namespace))
    config_maps = dict(store.of_router(CONFIG_MAP, namespace, name))
    for stranger in store.strangers:
        # Whose name was found taken: of this router's, or one that looks like it, which does no harm.
        if stranger.kind is CONFIG_MAP and stranger.namespace == namespace and stranger.name.startswith(f"{name}-"):
            found = store.get(stranger)
            if found is not None:
                config_maps[stranger.name] = found
    # Renamed, or without its label: still the one that pods mount.
    active = store.get(Key(CONFIG_MAP, namespace, active_name(name)))
    if active is not None:
        config_maps[active_name(name)] = active
    suites = dict(store.of_router(SUITE, namespace, name))
    return Observed(
        router=router,
        providers=providers,
        secrets=_secrets(store, namespace, providers.values()),
        revisions=tuple(store.of_router(REVISION, namespace, name).values()),
        config_maps=config_maps,
        credentials=store.get(Key(SECRET, namespace, credentials_name(name))),
        now=now,
        model_server=_model_server(store, key),
        said=said,
        suites=suites,
        runs=tuple(run for run in store.in_namespace(RUN, namespace).values() if suite_of(run) in suites),
        fleet=fleet,
        refused=refused,
    )


def _model_server(store: Store, key: Key) -> dict[Kind, Obj]:
    name = model_server_name(key.name)
    found = {kind: store.get(Key(kind, key.namespace, name)) for kind in MODEL_SERVER}
    return {kind: obj for kind, obj in found.items() if obj is not None}


def observe_provider(store: Store, key: Key, now: datetime) -> ObservedProvider | None:
    """What there is of a ModelProvider; None where it is gone."""
    provider = store.get(key)
    if provider is None:
        return None
    name = secret_of(provider)
    secret = store.get(Key(SECRET, key.namespace, name)) if name else None
    return ObservedProvider(provider=provider, secret=secret, now=now)


def fingerprint(observed: Observed | ObservedProvider) -> Fingerprint:
    """Equal for equal states: the versions of everything that was selected."""
    if isinstance(observed, ObservedProvider):
        return newest_of(obj for obj in (observed.provider, observed.secret) if obj is not None), ()
    credentials = () if observed.credentials is None else (observed.credentials,)
    objects = newest_of(
        (
            observed.router,
            *observed.providers.values(),
            *observed.secrets.values(),
            *observed.revisions,
            *observed.config_maps.values(),
            *observed.model_server.values(),
            *observed.suites.values(),
            *observed.runs,
            *credentials,
        )
    )
    return objects, (observed.fleet, observed.said)


def unread_secrets(store: Store, key: Key) -> tuple[Key, ...]:
    """Secrets that the namespace's providers name, and whose data the store let go before they did."""
    names = {secret_of(provider) for provider in store.in_namespace(PROVIDER, key.namespace).values()} - {""}
    keys = (Key(SECRET, key.namespace, name) for name in sorted(names))
    return tuple(each for each in keys if store.lacks_data(each))


def _secrets(store: Store, namespace: str, providers: Iterable[Obj]) -> dict[str, Obj]:
    names = {secret_of(provider) for provider in providers} - {""}
    found = {name: store.get(Key(SECRET, namespace, name)) for name in sorted(names)}
    return {name: obj for name, obj in found.items() if obj is not None}
