"""The document as bytes: equal documents have equal bytes, and a damaged one is never read."""

import hashlib
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from router_files import CODING

from tierrouter_core.document.codec import (
    document_digest,
    document_from_bytes,
    document_to_bytes,
    named_document_from_bytes,
    revision_name,
)
from tierrouter_core.document.model import (
    MAX_DOCUMENT_BYTES,
    Baseline,
    Document,
    Failover,
    Hints,
    Model,
    ModelHint,
    Provider,
    Rule,
    Session,
    Tier,
)
from tierrouter_core.errors import DocumentError
from tierrouter_core.names import CostSource, Dialect, Mode
from tierrouter_core.resources.compile import compile_router
from tierrouter_core.resources.load import load_resources
from tierrouter_core.spend.price import Price, Rates

GOLDEN = Path(__file__).parent / "golden" / "coding.json"


def fixed_price(_provider: str, _base_url: str, _model: str) -> Price | None:
    return Price(rates=Rates(input=Decimal(1), output=Decimal(2)))


def coding() -> Document:
    resources = load_resources([("coding.yaml", CODING)])
    return compile_router(resources.one_router(), resources.providers, fixed_price).document


def resigned(change: Any) -> bytes:
    """The example's bytes with ``change`` applied to the object and a digest that fits."""
    body = json.loads(document_to_bytes(coding()))
    del body["sha256"]
    change(body)
    body["sha256"] = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return orjson.dumps(body)


def test_the_example_compiles_to_the_golden_document() -> None:
    """After a change that is meant, write the file anew: `tierrouter compile -f examples/coding.yaml`, indented."""
    assert json.loads(document_to_bytes(coding())) == json.loads(GOLDEN.read_text())


def test_the_golden_document_is_read_as_the_example() -> None:
    assert document_from_bytes(GOLDEN.read_bytes()) == coding()


def test_the_bytes_are_canonical_and_name_their_schema_and_digest() -> None:
    data = document_to_bytes(coding())
    body = orjson.loads(data)
    assert data == orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    assert body["schema"] == "1.0"
    assert body.pop("sha256") == hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


def test_a_revision_is_named_by_router_and_digest() -> None:
    assert revision_name(coding()) == f"coding-{document_digest(coding())[:10]}"


def test_key_order_and_white_space_do_not_matter() -> None:
    body = json.loads(document_to_bytes(coding()))
    shuffled = json.dumps(dict(reversed(body.items())), indent=2).encode()
    assert document_digest(document_from_bytes(shuffled)) == document_digest(coding())


def test_the_order_of_tiers_survives() -> None:
    document = coding()
    tiers = dict(reversed(document.tiers.items()))
    again = document_from_bytes(document_to_bytes(replace(document, tiers=tiers)))
    assert list(again.tiers) == list(tiers)


def test_the_spelling_of_the_file_does_not_change_the_digest() -> None:
    respelled = CODING.replace("30m", "1800s").replace("mode: Route ", "mode: 'Route' ")
    resources = load_resources([("other.yaml", respelled)])
    document = compile_router(resources.one_router(), resources.providers, fixed_price).document
    assert document_digest(document) == document_digest(coding())


def test_a_price_with_more_zeros_is_the_same_price() -> None:
    respelled = CODING.replace('"5"', '"5.000"').replace('"4.00"', '"4"').replace('"0"', '"0.0"')
    resources = load_resources([("other.yaml", respelled)])
    document = compile_router(resources.one_router(), resources.providers, fixed_price).document
    assert document_digest(document) == document_digest(coding())


def test_a_document_that_was_read_has_the_name_that_its_writer_gave_it() -> None:
    assert named_document_from_bytes(document_to_bytes(coding())) == (coding(), revision_name(coding()))


def test_the_name_of_a_newer_minor_schemas_document_is_its_writers_too() -> None:
    data = resigned(lambda body: body.update(schema="1.99", somethingNew={"a": 1}))
    document, revision = named_document_from_bytes(data)
    assert document == coding()
    assert revision == f"coding-{json.loads(data)['sha256'][:10]}" != revision_name(document)


def test_fields_that_this_version_does_not_know_are_ignored() -> None:
    def add(body: dict[str, Any]) -> None:
        body["schema"] = "1.7"
        body["novelty"] = {"a": 1}
        body["tiers"][0]["novelty"] = True

    assert document_from_bytes(resigned(add)) == coding()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b"{}", "names no schema"),
        (b"[" * 5000, "is not JSON"),
        (resigned(lambda body: body.update(schema="2.0")), "has schema 2.0, this version reads 1.x"),
        (resigned(lambda body: body.pop("tiers")), "lacks tiers"),
        (resigned(lambda body: body["tiers"][0].update(rank="1")), r"tiers\[0\].rank is '1', expected int"),
        (resigned(lambda body: body.update(tiers={})), "tiers is not a list"),
        (resigned(lambda body: body.update(tiers=[5])), r"tiers\[0\] is not an object"),
        (resigned(lambda body: body.update(mode="Later")), "this version knows Route, Observe, Off"),
        (resigned(lambda body: body.update(thresholds=[])), "thresholds is not an object"),
        (resigned(lambda body: body.update(defaultTier=[{}])), r"defaultTier\[0\] lacks tier"),
        (resigned(lambda body: body.update(defaultTier=[])), "no default tier"),
        (resigned(lambda body: body.update(fallbackTier="x")), "names tiers that it lacks: x"),
        (resigned(lambda body: body["tiers"][0].update(model="x")), "names openrouter/x, which the document lacks"),
        (resigned(lambda body: body["baseline"].update(price={"input": "x"})), "baseline.price is not a price"),
    ],
)
def test_what_is_no_document_is_refused_with_the_reason(data: bytes, expected: str) -> None:
    with pytest.raises(DocumentError, match=expected):
        document_from_bytes(data)


def test_a_changed_document_is_refused() -> None:
    changed = document_to_bytes(coding()).replace(b'"rank":3', b'"rank":4')
    with pytest.raises(DocumentError, match="was cut or changed by hand"):
        document_from_bytes(changed)


@given(st.data())
def test_no_cut_or_flipped_byte_goes_unnoticed(data: st.DataObject) -> None:
    good = document_to_bytes(coding())
    position = data.draw(st.integers(0, len(good) - 1))
    flipped = bytes((*good[:position], good[position] ^ 1, *good[position + 1 :]))
    for bad in (good[:position], flipped):
        with pytest.raises(DocumentError):
            document_from_bytes(bad)


def test_a_document_that_no_config_map_should_hold_is_refused() -> None:
    document = coding()
    provider = replace(document.providers["openai"], ca_bundle="x" * MAX_DOCUMENT_BYTES)
    with pytest.raises(DocumentError, match=f"at most {MAX_DOCUMENT_BYTES} are allowed"):
        document_to_bytes(replace(document, providers={**document.providers, "openai": provider}))


def test_a_document_holds_names_of_secrets_and_never_a_secret() -> None:
    """Of what a user writes about keys only secretRef's two names are there; nothing else of it has a place."""
    for provider in json.loads(document_to_bytes(coding()))["providers"]:
        keys = {key for key in provider if "secret" in key.lower() or "key" in key.lower() or "cred" in key.lower()}
        assert keys == {"secretName", "secretKey"}
    assert {provider.secret_name for provider in coding().providers.values()} == {
        "openrouter",
        "openai",
        "anthropic",
        "",
    }


names = st.from_regex(r"[a-z]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
counts = st.integers(0, 2**40)
money = st.decimals(0, 10**6, places=6, allow_nan=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
rates = st.builds(
    Rates,
    input=money,
    output=money,
    cache_read=st.none() | money,
    cache_write=st.none() | money,
    cache_write_1h=st.none() | money,
)
prices = st.builds(
    Price,
    rates=rates,
    above=st.lists(st.tuples(counts, rates), max_size=2).map(tuple),
    source=st.sampled_from(CostSource),
)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    providers: dict[str, Provider] = {}
    for name in draw(st.lists(names, min_size=1, max_size=2, unique=True)):
        models = {}
        for model in draw(st.lists(names, min_size=1, max_size=2, unique=True)):
            models[model] = Model(
                name=model,
                id=draw(texts),
                dialects=tuple(draw(st.lists(st.sampled_from(Dialect), max_size=3))),
                reject=tuple(draw(st.lists(st.tuples(st.sampled_from(Dialect), st.just("tools")), max_size=2))),
                context_window=draw(st.none() | counts),
                capabilities=draw(st.dictionaries(texts, st.booleans(), max_size=2)),
                price=draw(st.none() | prices),
            )
        defaults = draw(st.dictionaries(texts, json_values, max_size=3))
        providers[name] = Provider(name=name, base_url=draw(texts), request_defaults=defaults, models=models)
    pairs = [(name, model) for name, provider in providers.items() for model in provider.models]
    tier_names = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    some_tier = st.sampled_from(tier_names)
    tiers = {}
    for name in tier_names:
        provider_name, model_name = draw(st.sampled_from(pairs))
        fallback = tuple(draw(st.lists(some_tier, max_size=2)))
        tiers[name] = Tier(
            name=name,
            rank=draw(counts),
            provider=provider_name,
            model=model_name,
            max_tokens=draw(counts),
            fallback_to=fallback,
        )
    return Document(
        namespace=draw(names),
        router=draw(names),
        mode=draw(st.sampled_from(Mode)),
        tiers=tiers,
        default_tier=tuple(draw(st.lists(st.tuples(some_tier, counts), min_size=1, max_size=2))),
        fallback_tier=draw(some_tier),
        baseline=draw(st.none() | st.builds(Baseline, model=texts, price=st.none() | prices)),
        thresholds=draw(st.dictionaries(names, st.integers(-(2**31), 2**31), max_size=2)),
        rules=tuple(draw(st.lists(st.builds(Rule, name=names, when=texts, tier=some_tier), max_size=2))),
        model_hints=tuple(draw(st.lists(st.builds(ModelHint, match=texts, tier=some_tier), max_size=2))),
        hints=Hints(allow=tuple(draw(st.lists(some_tier, max_size=2)))),
        session=draw(st.builds(Session, subagent_tier=st.just("") | some_tier)),
        failover=draw(st.builds(Failover, total_timeout_ms=counts)),
        response_model="Upstream",
        providers=providers,
    )


@given(documents())
def test_a_document_survives_being_written_and_read(document: Document) -> None:
    data = document_to_bytes(document)
    again = document_from_bytes(data)
    assert again == document
    assert list(again.tiers) == list(document.tiers)
    assert document_to_bytes(again) == data
