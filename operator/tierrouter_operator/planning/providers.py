"""Whether a ModelProvider can be used, and which key may go where for it."""

import base64
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from tierrouter_core.contract import ALLOWED_HOSTS, ConditionReason
from tierrouter_core.errors import ConfigurationError
from tierrouter_core.resources.load import load_documents
from tierrouter_core.resources.provider import ModelProvider
from tierrouter_core.resources.yaml_text import RawDocument
from tierrouter_operator.planning.kinds import PROVIDER, Kind, Obj
from tierrouter_operator.planning.trouble import Trouble, problems_of


@dataclass(frozen=True, slots=True)
class Judged:
    """What can be said of one ModelProvider."""

    name: str
    origin: str = ""
    """Scheme, host and port that its key may go to; empty where it can't be read."""
    key: str = ""
    """The key in base64, as the Secret has it; empty for none."""
    trouble: Trouble | None = None
    needs_key: bool = True


def as_raw(kind: Kind, obj: Obj) -> RawDocument:
    """An API server's object for the reader of router files."""
    value = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": obj["metadata"], "spec": obj.get("spec")}
    return RawDocument(source="", index=1, value=value, marks={})


def read_provider(obj: Obj) -> ModelProvider | Trouble:
    """The ModelProvider, or all that is wrong with it by itself."""
    return _read(Specs(obj))


class Specs:
    """Objects of users; equal where their specs are, by the API server's own count of changes."""

    def __init__(self, *objects: Obj) -> None:
        self.objects = objects
        self._key = tuple((each["metadata"].get("uid"), each["metadata"].get("generation")) for each in objects)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Specs) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@lru_cache(maxsize=64)
def _read(written: Specs) -> ModelProvider | Trouble:
    try:
        (provider,) = load_documents([as_raw(PROVIDER, written.objects[0])]).providers.values()
    except ConfigurationError as error:
        return Trouble(ConditionReason.PROVIDER_INVALID, problems_of(error))
    return provider


def judge(obj: Obj, secret: Obj | None) -> Judged:
    """Judge a ModelProvider by itself and by the Secret that it names, which is None where there is none."""
    name = obj["metadata"]["name"]
    provider = read_provider(obj)
    if isinstance(provider, Trouble):
        return Judged(name, trouble=provider)
    origin = origin_of(provider.spec.base_url)
    if provider.spec.credential is None:
        return Judged(name, origin, needs_key=False)
    reference = provider.spec.credential.secret_ref
    if secret is None:
        message = f"ModelProvider {name}: there is no Secret {reference.name} in this namespace; create it"
        return Judged(name, origin, trouble=Trouble(ConditionReason.SECRET_MISSING, message))
    key = (secret.get("data") or {}).get(reference.key) or ""
    if not _is_filled(key):
        message = f"ModelProvider {name}: the Secret {reference.name} has nothing under {reference.key}; set it"
        return Judged(name, origin, trouble=Trouble(ConditionReason.SECRET_KEY_MISSING, message))
    allowed = (secret["metadata"].get("annotations") or {}).get(ALLOWED_HOSTS)
    if allowed is not None and not _allows(allowed, origin):
        message = (
            f"ModelProvider {name}: its host {urlsplit(origin).netloc} is none that the Secret {reference.name} allows "
            f"({ALLOWED_HOSTS}: {allowed.strip() or 'empty'}); no key is sent there"
        )
        return Judged(name, origin, trouble=Trouble(ConditionReason.HOST_NOT_ALLOWED, message))
    return Judged(name, origin, key=key)


def origin_of(base_url: str) -> str:
    """Scheme, host and port of an address, as documents have them."""
    scheme, _, rest = base_url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _is_filled(key: str) -> bool:
    try:
        return bool(base64.b64decode(key).strip())
    except ValueError:
        return False


def _allows(allowed: str, origin: str) -> bool:
    """Whether a list of hosts, each with a port or without, has the origin's."""
    address = urlsplit(origin)
    host, port = (address.hostname or "").rstrip("."), address.port or {"https": 443, "http": 80}.get(address.scheme)
    entries = {entry.strip().lower().rstrip(".") for entry in allowed.split(",")} - {""}
    bracketed = f"[{host}]" if ":" in host else host
    return bool(entries & {host, bracketed, f"{bracketed}:{port}"})
