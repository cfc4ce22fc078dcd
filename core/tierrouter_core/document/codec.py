"""Documents to bytes and back. Equal documents have equal bytes, whatever wrote them.

The bytes are canonical JSON: the document's fields in camelCase, ``schema`` (major.minor) and ``sha256``, which is that
of the canonical JSON of everything else. What has an order (tiers, providers, models) is a list, since canonical JSON
sorts keys. A reader checks the digest over what came, fields that it does not know included, and then ignores those.
"""

import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import orjson

from tierrouter_core.canonical import canonical_json, digest
from tierrouter_core.document.model import MAX_DOCUMENT_BYTES, SCHEMA, Document
from tierrouter_core.errors import DocumentError
from tierrouter_core.spend.price import Price, price_from_json, price_to_json

_DIGEST_CHARACTERS = 10

_LISTED_BY_NAME = frozenset({"tiers", "providers", "models"})
"""Maps from names to things that know their names: written as lists, in their order."""
_PAIRS = {"default_tier": ("tier", "weight"), "reject": ("dialect", "when")}
"""Lists of pairs: written as objects, so that they can be read and extended."""


def document_to_bytes(document: Document) -> bytes:
    """The document as canonical JSON.

    Raises:
        DocumentError: it is larger than a ConfigMap should hold, or holds what JSON can't.
    """
    body = _body(document)
    data = canonical_json({**body, "sha256": _digest_of(body)})
    if len(data) > MAX_DOCUMENT_BYTES:
        raise DocumentError(
            f"the document of router {document.router} has {len(data)} bytes; at most {MAX_DOCUMENT_BYTES} are "
            "allowed. Remove models that no tier uses, or shorten caBundle and requestDefaults"
        )
    return data


def document_digest(document: Document) -> str:
    """The document's ``sha256``: 64 hex characters."""
    return _digest_of(_body(document))


def revision_name(document: Document) -> str:
    """``coding-0123456789``: the router and the first ten characters of the digest.

    Of a document that was made here; one that was read has the name that :func:`named_document_from_bytes` gives.
    """
    return _name(document, document_digest(document))


def _name(document: Document, digest_of_it: str) -> str:
    return f"{document.router}-{digest_of_it[:_DIGEST_CHARACTERS]}"


def document_from_bytes(data: bytes) -> Document:
    """The inverse of :func:`document_to_bytes`; key order and white space are of no matter.

    Raises:
        DocumentError: as :func:`named_document_from_bytes`.
    """
    return named_document_from_bytes(data)[0]


def named_document_from_bytes(data: bytes) -> tuple[Document, str]:
    """As :func:`document_from_bytes`, with the revision's name.

    The name is made of the digest that the bytes state. So it is the one that their writer gave the document, also
    where that has fields which this version ignores.

    Raises:
        DocumentError: the bytes are empty, no document, of another major version, damaged, or contradict themselves.
    """
    if not data.strip():
        raise DocumentError(
            "the document is empty; an empty document is never a configuration, the last good one stays"
        )
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise DocumentError(f"the document is not JSON ({error}); write it with `tierrouter compile`") from None
    if not isinstance(body, dict):
        raise DocumentError("the document is not a JSON object; write it with `tierrouter compile`")
    _check_schema(body.get("schema"))
    said = body.pop("sha256", None)
    computed = _digest_of(body)
    if said != computed:
        raise DocumentError(
            f"the document's sha256 is {said if isinstance(said, str) else 'missing'}, but its content has {computed}: "
            "it was cut or changed by hand; compile it again"
        )
    document = _decode(Document, body, "")
    assert isinstance(document, Document)
    _check_references(document)
    return document, _name(document, computed)


def _body(document: Document) -> dict[str, Any]:
    return {**_encode(document), "schema": SCHEMA}


def _digest_of(body: Mapping[str, Any]) -> str:
    try:
        return digest(canonical_json(body))
    except (TypeError, orjson.JSONEncodeError) as error:
        raise DocumentError(f"the document holds a value that JSON can't: {error}") from None


def _check_schema(schema: Any) -> None:
    major = SCHEMA.partition(".")[0]
    if not isinstance(schema, str) or not re.fullmatch(r"[0-9]+\.[0-9]+", schema):
        raise DocumentError(f"the document names no schema such as {SCHEMA}; write it with `tierrouter compile`")
    if schema.partition(".")[0] != major:
        raise DocumentError(
            f"the document has schema {schema}, this version reads {major}.x; use the version of TierRouter that "
            "wrote it, or compile it again"
        )


def _check_references(document: Document) -> None:
    """Whatever the router looks up by name while it serves is there."""
    for tier in document.tiers.values():
        provider = document.providers.get(tier.provider)
        if provider is None or tier.model not in provider.models:
            raise DocumentError(f"the tier {tier.name} names {tier.provider}/{tier.model}, which the document lacks")
    named = {tier for tier, _ in document.default_tier} | {document.fallback_tier, *document.hints.allow}
    named |= {rule.tier for rule in document.rules} | {hint.tier for hint in document.model_hints}
    named |= {name for tier in document.tiers.values() for name in tier.fallback_to}
    named |= {document.session.subagent_tier} - {""}
    named |= {name for budget in document.budgets for name in (budget.downgrade_to, *budget.tiers)} - {""}
    missing = sorted(named - document.tiers.keys())
    if missing or not document.default_tier:
        raise DocumentError(f"the document names tiers that it lacks: {', '.join(missing) or 'no default tier'}")


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _encode(value: Any) -> Any:
    if isinstance(value, Price):
        return _trimmed(price_to_json(value))
    if is_dataclass(value):
        members = {entry.name: getattr(value, entry.name) for entry in fields(value)}
        return {_camel_case(name): _encode_field(name, item) for name, item in members.items() if item is not None}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Decimal):
        return _trimmed(f"{value:f}")
    if isinstance(value, tuple | list):
        return [_encode(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _encode(item) for key, item in value.items()}
    return value


def _trimmed(value: Any) -> Any:
    """A price without zeros that say nothing: 4.00 and 4 are equal, so their bytes must be too."""
    if isinstance(value, dict):
        return {key: _trimmed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_trimmed(item) for item in value]
    is_fraction = isinstance(value, str) and re.fullmatch(r"[0-9]+\.[0-9]+", value)
    return value.rstrip("0").rstrip(".") if is_fraction else value


def _encode_field(name: str, value: Any) -> Any:
    if name in _LISTED_BY_NAME and isinstance(value, Mapping):
        return [_encode(item) for item in value.values()]
    if name in _PAIRS:
        return [dict(zip(_PAIRS[name], _encode(pair), strict=True)) for pair in value]
    return _encode(value)


@cache
def _plan(cls: Any) -> tuple[tuple["Field[Any]", str, Any], ...]:
    """``(field, key, type)`` of each field of a document class."""
    hints = get_type_hints(cls)
    return tuple((entry, _camel_case(entry.name), hints[entry.name]) for entry in fields(cls))


def _decode(cls: Any, data: Any, path: str) -> Any:
    if not isinstance(data, dict):
        raise DocumentError(f"{path or 'the document'} is not an object")
    values = {}
    for entry, key, hint in _plan(cls):
        where = f"{path}.{key}" if path else key
        if key in data:
            values[entry.name] = _decode_field(entry.name, hint, data[key], where)
        elif entry.default is MISSING and entry.default_factory is MISSING:
            if NoneType not in get_args(hint):
                raise DocumentError(f"the document lacks {where}; compile it again")
            values[entry.name] = None
    return cls(**values)


def _decode_field(name: str, hint: Any, data: Any, path: str) -> Any:
    if name in _LISTED_BY_NAME and get_origin(hint) is Mapping:
        item_type = get_args(hint)[1]
        items = [_decode(item_type, item, f"{path}[{index}]") for index, item in enumerate(_list(data, path))]
        return {item.name: item for item in items}
    if name in _PAIRS:
        pair_type = get_args(hint)[0]
        return tuple(
            tuple(
                _decode_value(part, _member(item, key, f"{path}[{index}]"), f"{path}[{index}].{key}")
                for part, key in zip(get_args(pair_type), _PAIRS[name], strict=True)
            )
            for index, item in enumerate(_list(data, path))
        )
    return _decode_value(hint, data, path)


def _decode_value(hint: Any, data: Any, path: str) -> Any:
    origin = get_origin(hint)
    if hint is Any:
        return data
    if origin in (Union, UnionType):
        return None if data is None else _decode_value(next(t for t in get_args(hint) if t is not NoneType), data, path)
    if origin is tuple:
        return tuple(
            _decode_value(get_args(hint)[0], item, f"{path}[{index}]") for index, item in enumerate(_list(data, path))
        )
    if origin is Mapping:
        if not isinstance(data, dict):
            raise DocumentError(f"{path} is not an object")
        return {key: _decode_value(get_args(hint)[1], item, f"{path}.{key}") for key, item in data.items()}
    return _decode_plain(hint, data, path)


def _decode_plain(hint: Any, data: Any, path: str) -> Any:
    if hint is Price:
        try:
            return price_from_json(data)
        except (AttributeError, KeyError, TypeError, ValueError, InvalidOperation):
            raise DocumentError(f"{path} is not a price") from None
    if hint is Decimal:
        try:
            return Decimal(data)
        except (TypeError, ValueError, InvalidOperation):
            raise DocumentError(f"{path} is {data!r:.60}, expected an amount") from None
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return _decode(hint, data, path)
    if issubclass(hint, StrEnum):
        try:
            return hint(data)
        except ValueError:
            known = ", ".join(hint)
            raise DocumentError(f"{path} is {data!r:.60}; this version knows {known}") from None
    if not isinstance(data, hint) or (hint is int and isinstance(data, bool)):
        raise DocumentError(f"{path} is {data!r:.60}, expected {hint.__name__}")
    return data


def _list(data: Any, path: str) -> list[Any]:
    if not isinstance(data, list):
        raise DocumentError(f"{path} is not a list")
    return data


def _member(item: Any, key: str, path: str) -> Any:
    if not isinstance(item, dict) or key not in item:
        raise DocumentError(f"{path} lacks {key}")
    return item[key]
