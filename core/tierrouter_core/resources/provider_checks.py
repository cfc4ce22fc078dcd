"""Checks of a ModelProvider across its fields: one small function per rule."""

import ipaddress
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from tierrouter_core.resources.checks import repeated
from tierrouter_core.resources.findings import Check, Finding
from tierrouter_core.resources.provider import ModelProvider
from tierrouter_core.resources.yaml_text import Path

_BASE_URL: Path = ("spec", "baseURL")
_LOCAL_SUFFIXES = (".svc", ".svc.cluster.local", ".local", ".localhost")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?")
_OWN_KEYS = frozenset({"input", "messages", "model", "stream"})
_SECRET_KEYS = frozenset({"accesstoken", "apikey", "authorization", "password", "secret", "secretkey", "xapikey"})


def is_local_host(host: str) -> bool:
    """Whether plain http may go there: loopback, a private address, or a name that only a cluster resolves."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # A bare number would be an address in disguise (134744072 is 8.8.8.8), so names begin with a letter.
        is_single_label = re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", host) is not None
        return is_single_label or host.lower().endswith(_LOCAL_SUFFIXES)
    return address.is_private or address.is_loopback


def base_url_is_an_address(provider: ModelProvider) -> Iterator[Finding]:
    """http or https, a host, perhaps a port and a path; nothing that could hold a key or is lost on appending."""
    url = provider.spec.base_url
    if "@" in url:
        # The value itself is not repeated: what stands before the @ may be a key.
        yield Finding(_BASE_URL, "holds a user name or a key before the @; name the key's Secret in spec.credential")
        return
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        yield Finding(_BASE_URL, f'found "{url}", which is no address: {error}')
        return
    if parts.scheme not in ("http", "https") or not host:
        message = f'found "{url}", expected an address that begins with https:// (or http:// for a local host)'
        yield Finding(_BASE_URL, message)
    elif "?" in url or "#" in url:
        message = "holds a query or a fragment, but paths are appended to it; put parameters into spec.requestDefaults"
        yield Finding(_BASE_URL, message)
    elif port == 0 or not (_HOST.fullmatch(host) or _is_address(host)):
        yield Finding(_BASE_URL, f'found "{url}", whose host or port is not usable')


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def base_url_is_https_unless_local(provider: ModelProvider) -> Iterator[Finding]:
    """A key and a code base don't cross the internet in the clear."""
    try:
        parts = urlsplit(provider.spec.base_url)
        host = parts.hostname or ""
    except ValueError:
        return
    if parts.scheme == "http" and host and not is_local_host(host):
        message = (
            f'"{host}" is not a local host, so http would send keys and code in the clear; write https:// '
            "(http is for loopback, private addresses, names without dots, *.svc and *.local)"
        )
        yield Finding(_BASE_URL, message)


def every_model_has_a_dialect(provider: ModelProvider) -> Iterator[Finding]:
    """A model without any dialect could never be spoken to."""
    if provider.spec.dialects:
        return
    for index, model in enumerate(provider.spec.models):
        if not model.dialects:
            message = f'"{model.name}" has no dialect; list at least one here or in spec.dialects'
            yield Finding(("spec", "models", index, "dialects"), message, rests_on=("dialects",))


def model_names_are_unique(provider: ModelProvider) -> Iterator[Finding]:
    """Tiers name models by them."""
    for index, name in repeated([model.name for model in provider.spec.models]):
        message = f'"{name}" stands twice; give each model a name of its own'
        yield Finding(("spec", "models", index, "name"), message)


def long_rates_rise(provider: ModelProvider) -> Iterator[Finding]:
    """The last entry of ``above`` that a turn exceeds is the one that counts, so their order matters."""
    for index, model in enumerate(provider.spec.models):
        steps = [rates.input_tokens for rates in model.price_usd_per_mtok.above] if model.price_usd_per_mtok else []
        for inner, (before, after) in enumerate(pairwise(steps), start=1):
            if after <= before:
                path = ("spec", "models", index, "priceUSDPerMTok", "above", inner, "inputTokens")
                yield Finding(path, f"found {after} after {before}, expected rising numbers")


def the_ca_bundle_holds_certificates_only(provider: ModelProvider) -> Iterator[Finding]:
    """It is written into the document, so a private key must never be in it."""
    bundle = provider.spec.ca_bundle
    if "PRIVATE KEY" in bundle:
        yield Finding(("spec", "caBundle"), "holds a private key; put only the CA's certificates here")
    elif bundle.strip() and "-----BEGIN CERTIFICATE-----" not in bundle:
        message = "holds no certificate, expected PEM text with -----BEGIN CERTIFICATE-----"
        yield Finding(("spec", "caBundle"), message)


def request_defaults_leave_the_turn_alone(provider: ModelProvider) -> Iterator[Finding]:
    """What a turn is about is the agent's, and its model the tier's."""
    for key in provider.spec.request_defaults:
        if key in _OWN_KEYS:
            message = "can't have a default: every request has its own; remove it"
            yield Finding(("spec", "requestDefaults", key), message)


def request_defaults_hold_no_secret(provider: ModelProvider) -> Iterator[Finding]:
    """The document holds names and addresses, never a key."""
    for path in _paths_of_keys(provider.spec.request_defaults, ("spec", "requestDefaults")):
        if re.sub(r"[^a-z]", "", str(path[-1]).lower()) in _SECRET_KEYS:
            message = "looks like a key, and resources never hold one; name its Secret in spec.credential"
            yield Finding(path, message)


def _paths_of_keys(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key)
            yield from _paths_of_keys(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths_of_keys(item, (*path, index))


PROVIDER_CHECKS: tuple[Check[ModelProvider], ...] = (
    base_url_is_an_address,
    base_url_is_https_unless_local,
    every_model_has_a_dialect,
    model_names_are_unique,
    long_rates_rise,
    the_ca_bundle_holds_certificates_only,
    request_defaults_leave_the_turn_alone,
    request_defaults_hold_no_secret,
)
