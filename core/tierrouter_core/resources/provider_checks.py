"""Checks of a ModelProvider across its fields: one small function per rule."""

import base64
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from tierrouter_core.resources.addresses import bad_address, in_the_clear
from tierrouter_core.resources.checks import repeated
from tierrouter_core.resources.findings import Check, Finding
from tierrouter_core.resources.provider import ModelProvider
from tierrouter_core.resources.yaml_text import Path

_BASE_URL: Path = ("spec", "baseURL")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)(?:-----END CERTIFICATE-----|\Z)", re.DOTALL)
_SEQUENCE = 0x30
"""What every certificate's DER begins with; its length follows."""
_OWN_KEYS = frozenset({"input", "messages", "model", "stream"})
_SECRET_KEYS = frozenset({"accesstoken", "apikey", "authorization", "password", "secret", "secretkey", "xapikey"})


def base_url_is_an_address(provider: ModelProvider) -> Iterator[Finding]:
    """http or https, a host, perhaps a port and a path; nothing that could hold a key or is lost on appending."""
    yield from bad_address(provider.spec.base_url, _BASE_URL)


def base_url_is_https_unless_local(provider: ModelProvider) -> Iterator[Finding]:
    """A key and a code base don't cross the internet in the clear."""
    yield from in_the_clear(provider.spec.base_url, _BASE_URL)


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
    else:
        for number, found in enumerate(_CERTIFICATE.finditer(bundle), start=1):
            if not found[0].endswith("END CERTIFICATE-----") or not _is_whole(found[1]):
                message = f"its certificate {number} can't be read; copy the whole PEM text, from BEGIN to END"
                yield Finding(("spec", "caBundle"), message)


def _is_whole(text: str) -> bool:
    """Whether a certificate's base64 is one, and none of the DER inside is missing; its signature is nobody's here."""
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        return False
    if len(data) < 2 or data[0] != _SEQUENCE:
        return False
    octets = data[1] & 0x7F if data[1] & 0x80 else 0
    length = int.from_bytes(data[2 : 2 + octets], "big") if octets else data[1]
    return len(data) >= 2 + octets + length


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
