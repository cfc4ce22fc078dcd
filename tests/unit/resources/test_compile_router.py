"""Compiling: everything resolved, prices frozen, and what one may not expect said plainly."""

from decimal import Decimal
from typing import Any

import pytest
from router_files import CODING, PROVIDER, ROUTER, changed, load

from tierrouter_core.document.model import Document
from tierrouter_core.errors import ConfigurationError
from tierrouter_core.names import CostSource, Dialect
from tierrouter_core.resources.compile import Compiled, compile_router, needs_prices
from tierrouter_core.resources.load import load_resources
from tierrouter_core.spend.price import Price, Rates

LISTED = Price(rates=Rates(input=Decimal(1), output=Decimal(2)), source=CostSource.CONFIGURED)


def no_price(_provider: str, _base_url: str, _model: str) -> Price | None:
    return None


def some_price(_provider: str, _base_url: str, _model: str) -> Price | None:
    return LISTED


def compiled(*documents: Any, price_of: Any = no_price) -> Compiled:
    resources = load(*documents)
    return compile_router(resources.one_router(), resources.providers, price_of)


def document_of(price_of: Any = no_price, **spec: Any) -> Document:
    return compiled(changed(ROUTER, **spec), PROVIDER, price_of=price_of).document


def test_defaults_are_filled_in() -> None:
    document = document_of()
    assert document.fallback_tier == "routine"
    assert document.hints.allow == ("routine", "deep")
    assert document.session.switch_budget_percent == 20
    assert document.default_tier == (("routine", 1),)
    assert document.baseline is None
    model = document.model_of(document.tiers["deep"])
    assert (model.id, model.dialects) == ("large", (Dialect.CHAT,))


def test_no_hint_allowed_is_not_every_hint_allowed() -> None:
    assert document_of(hints={"allow": []}).hints.allow == ()


def test_all_models_of_a_used_provider_are_in_and_unused_providers_are_not() -> None:
    models = [*PROVIDER["spec"]["models"], {"name": "third"}]
    unused = changed(PROVIDER) | {"metadata": {"name": "unused"}}
    document = compiled(ROUTER, changed(PROVIDER, models=models), unused).document
    assert list(document.providers) == ["vendor"]
    assert list(document.providers["vendor"].models) == ["small", "large", "third"]


def test_a_models_own_dialects_replace_the_providers() -> None:
    models = [{"name": "small", "dialects": ["AnthropicMessages"]}, {"name": "large"}]
    document = compiled(ROUTER, changed(PROVIDER, models=models)).document
    assert document.providers["vendor"].models["small"].dialects == (Dialect.MESSAGES,)


def test_a_slash_at_the_end_of_an_address_is_taken_off() -> None:
    document = compiled(ROUTER, changed(PROVIDER, baseURL="https://api.x.example/v1/")).document
    assert document.providers["vendor"].base_url == "https://api.x.example/v1"


def test_a_configured_price_wins_and_a_listed_one_is_said_to_be_from_the_list() -> None:
    price = {"input": "0", "output": "0", "above": [{"inputTokens": 10, "input": "3", "output": "4"}]}
    models = [{"name": "small", "priceUSDPerMTok": price}, {"name": "large"}]
    prices = compiled(ROUTER, changed(PROVIDER, models=models), price_of=some_price).document.providers["vendor"].models
    small, large = prices["small"].price, prices["large"].price
    assert small is not None
    assert (small.source, small.rates.input, small.rates_for(11).input) == (CostSource.CONFIGURED, 0, 3)
    assert large is not None
    assert large.source is CostSource.GENAI_PRICES


def test_only_models_without_a_configured_price_are_looked_up() -> None:
    models = [{"name": "small", "priceUSDPerMTok": {"input": "0", "output": "0"}}, {"name": "large", "id": "v/large"}]
    resources = load(changed(ROUTER, baselineModel="elsewhere"), changed(PROVIDER, models=models))
    asked: list[tuple[str, str, str]] = []

    def noting(provider: str, base_url: str, model: str) -> None:
        asked.append((provider, base_url, model))

    router = resources.one_router()
    compile_router(router, resources.providers, noting)
    expected = (("vendor", "https://api.vendor.example/v1", "v/large"), ("", "", "elsewhere"))
    assert needs_prices(router, resources.providers) == expected
    assert set(asked) == set(expected)


def test_the_baseline_may_be_a_model_of_a_provider_that_no_tier_uses() -> None:
    price = {"input": "5", "output": "30"}
    other = changed(PROVIDER, models=[{"name": "gpt-5-5", "cache": {"ttl": "30m"}, "priceUSDPerMTok": price}])
    document = compiled(
        changed(ROUTER, baselineModel="gpt-5-5"), PROVIDER, other | {"metadata": {"name": "o"}}
    ).document
    assert document.baseline is not None
    assert document.baseline.price is not None
    assert (document.baseline.price.rates.input, document.baseline.cache_ttl_ms) == (5, 1_800_000)
    assert "o" not in document.providers


def test_the_baseline_may_be_a_model_that_only_the_price_list_knows() -> None:
    baseline = document_of(some_price, baselineModel="gpt-5.5").baseline
    assert baseline is not None
    assert baseline.price is not None
    assert baseline.price.source is CostSource.GENAI_PRICES


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "no price is known for the model small of vendor: its cost will be empty"),
        ({"baselineModel": "x"}, "no price is known for baselineModel x"),
        ({"rollout": {}}, "spec.rollout acts in a cluster alone: no regression run makes a revision here"),
        ({"localModel": {"model": "m"}}, "spec.localModel acts in a cluster alone: no Ollama is started here"),
        (
            {"pinnedRevision": "coding-0123456789"},
            "spec.pinnedRevision acts in a cluster alone: the file itself is what is in force",
        ),
    ],
)
def test_what_one_may_not_expect_is_said(spec: dict[str, Any], expected: str) -> None:
    warnings = compiled(changed(ROUTER, **spec), PROVIDER).warnings
    assert any(expected in warning for warning in warnings), warnings


def test_a_priced_router_without_such_fields_has_no_warning() -> None:
    spec = {"localModel": {"runtime": "External"}, "ledger": {"store": "SQLite"}, "revisionHistoryLimit": 5}
    assert compiled(changed(ROUTER, **spec), PROVIDER, price_of=some_price).warnings == ()


def test_an_address_without_a_version_is_pointed_out() -> None:
    warnings = compiled(ROUTER, changed(PROVIDER, baseURL="https://api.x.example"), price_of=some_price).warnings
    assert "need https://api.x.example/v1" in warnings[0]


def test_a_provider_that_is_not_there_is_an_error_here_too() -> None:
    resources = load(ROUTER, PROVIDER)
    with pytest.raises(ConfigurationError, match=r"spec\.tiers\[0\]\.provider"):
        compile_router(resources.one_router(), {}, no_price)


def test_the_example_has_no_unknown_price_and_five_tiers() -> None:
    resources = load_resources([("coding.yaml", CODING)])
    router = resources.one_router()
    assert needs_prices(router, resources.providers) == ()
    result = compile_router(router, resources.providers, no_price)
    assert list(result.document.tiers) == ["routine", "reasoning", "deep", "local", "fallback"]
    assert not [warning for warning in result.warnings if "price" in warning or "dialect" in warning]
    assert not resources.warnings
