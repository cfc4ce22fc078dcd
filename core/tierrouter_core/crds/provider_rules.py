"""What an API server checks of a ModelProvider across its fields, in CEL: ``resources.provider_checks`` in part.

Keys deep inside of ``requestDefaults`` are out of CEL's sight: the operator looks for secrets there.
"""

from collections.abc import Mapping

from tierrouter_core.crds.address_rules import address_rules
from tierrouter_core.crds.schema import Schema, Validation, Validations
from tierrouter_core.resources.addresses import OF_A_PROVIDER
from tierrouter_core.resources.kinds import FreeObject
from tierrouter_core.resources.provider import ConfiguredPrice, ProviderSpec

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
        *address_rules("baseURL", OF_A_PROVIDER),
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
