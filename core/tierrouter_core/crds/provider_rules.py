"""What an API server checks of a ModelProvider across its fields, in CEL: ``resources.provider_checks`` in part.

Keys deep inside of ``requestDefaults`` are out of CEL's sight: the operator looks for secrets there.
"""

from collections.abc import Mapping

from tierrouter_core.crds.schema import Schema, Validation, Validations
from tierrouter_core.resources.kinds import FreeObject
from tierrouter_core.resources.provider import ConfiguredPrice, ProviderSpec

# Patterns over the whole address, and not CEL's own functions of addresses: those give texts without a bound, which no
# other function may then look at (the estimated cost is beyond the API server's limit), and some of them are newer than
# the oldest Kubernetes that the CRDs are for.
_SCHEME = r"(?i)^https?://[^/?#]"
_PORT_NUMBER = r"(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"  # 1 to 65535
_END = rf"(?::(?:0*{_PORT_NUMBER})?)?(?:[/?#].*)?$"
_ANY_HOST = r"(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9.])?|\[[0-9a-f:.]+\])"
_USABLE = rf"(?i)^https?://{_ANY_HOST}{_END}"
# What Python's ipaddress calls private or loopback, as far as anybody has servers there.
_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_LOCAL_ADDRESS = (
    rf"(?:0|10|127)(?:\.{_BYTE}){{3}}"
    rf"|(?:169\.254|192\.168|198\.1[89])(?:\.{_BYTE}){{2}}"
    rf"|172\.(?:1[6-9]|2[0-9]|3[01])(?:\.{_BYTE}){{2}}"
    r"|\[(?:::1|(?:f[cd]|fe[89ab])[0-9a-f:]*)\]"
)
_LOCAL_NAME = r"[a-z][a-z0-9-]*|[a-z0-9._-]*\.(?:svc|svc\.cluster\.local|local|localhost)"
_LOCAL = rf"(?i)^http://(?:{_LOCAL_ADDRESS}|{_LOCAL_NAME})(?::[0-9]*)?(?:[/?#].*)?$"

_RISING = "self.above[i - 1].inputTokens < self.above[i].inputTokens"
_TEXT: Schema = {"type": "string", "maxLength": 1024}
_OWN_KEYS: Mapping[str, Schema] = {
    "input": {"x-kubernetes-int-or-string": True, "maxLength": 1024},
    "messages": {
        "type": "array",
        "maxItems": 256,
        "x-kubernetes-list-type": "atomic",
        "items": {"type": "object", "maxProperties": 256, "x-kubernetes-preserve-unknown-fields": True},
    },
    "model": _TEXT,
    "stream": {"type": "boolean"},
}
_SECRET_KEYS = ("accessToken", "access_token", "apiKey", "api_key", "authorization", "password", "secret")

FREE_FIELDS: Mapping[str, Mapping[str, Schema]] = {
    "requestDefaults": {
        **{key: {"description": "Not allowed: every request has its own.", **kind} for key, kind in _OWN_KEYS.items()},
        **{key: {"description": "Not allowed: it is a secret.", **_TEXT} for key in _SECRET_KEYS},
    }
}

PROVIDER_NOTES: Mapping[str, str] = {
    "requestDefaults": "The operator looks for secrets deeper inside.",
}

PROVIDER_RULES: Validations = {
    ProviderSpec: (
        Validation(
            rule="!self.baseURL.contains('@')",
            message="holds a user name or a key before the @; name the key's Secret in spec.credential",
            field_path=".baseURL",
        ),
        Validation(
            rule=f"self.baseURL.contains('@') || self.baseURL.matches(r'{_SCHEME}')",
            message="expected an address that begins with https:// (or http:// for a local host)",
            field_path=".baseURL",
        ),
        Validation(
            rule="!self.baseURL.contains('?') && !self.baseURL.contains('#')",
            message=(
                "holds a query or a fragment, but paths are appended to it; put parameters into spec.requestDefaults"
            ),
            field_path=".baseURL",
        ),
        Validation(
            rule=(
                f"self.baseURL.contains('@') || !self.baseURL.matches(r'{_SCHEME}') || "
                f"self.baseURL.matches(r'{_USABLE}')"
            ),
            message="its host or port is not usable",
            field_path=".baseURL",
        ),
        Validation(
            rule=(
                "self.baseURL.contains('@') || !self.baseURL.matches(r'(?i)^http://') || "
                f"!self.baseURL.matches(r'{_USABLE}') || self.baseURL.matches(r'{_LOCAL}')"
            ),
            message=(
                "http would send keys and code in the clear to a host that is not local; write https:// "
                "(http is for loopback, private addresses, names without dots, *.svc and *.local)"
            ),
            field_path=".baseURL",
        ),
        Validation(
            rule=(
                "(has(self.dialects) && size(self.dialects) > 0) || "
                "self.models.all(model, has(model.dialects) && size(model.dialects) > 0)"
            ),
            message="a model has no dialect; list at least one there or in spec.dialects",
            field_path=".models",
        ),
        Validation(
            rule="!has(self.caBundle) || !self.caBundle.contains('PRIVATE KEY')",
            message="holds a private key; put only the CA's certificates here",
            field_path=".caBundle",
        ),
        Validation(
            rule=(
                "!has(self.caBundle) || self.caBundle.trim() == '' || "
                "self.caBundle.contains('-----BEGIN CERTIFICATE-----') || self.caBundle.contains('PRIVATE KEY')"
            ),
            message="holds no certificate, expected PEM text with -----BEGIN CERTIFICATE-----",
            field_path=".caBundle",
        ),
    ),
    ConfiguredPrice: (
        Validation(
            rule=f"!has(self.above) || [1, 2, 3, 4, 5, 6, 7].all(i, i >= size(self.above) || {_RISING})",
            message="expected rising numbers of inputTokens",
            field_path=".above",
        ),
    ),
    FreeObject: (
        Validation(
            rule=" && ".join(f"!has(self.{key})" for key in _OWN_KEYS),
            message=f"{', '.join(_OWN_KEYS)} can't have a default: every request has its own; remove it",
        ),
        Validation(
            rule=" && ".join(f"!has(self.{key})" for key in _SECRET_KEYS),
            message="this looks like a key, and resources never hold one; name its Secret in spec.credential",
        ),
    ),
}
