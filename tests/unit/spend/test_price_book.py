"""Prices from genai-prices. The figures of its models change with its releases, so most tests bring their own."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest
from genai_prices.types import (
    ClauseEquals,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from tierrouter_core.names import CostSource
from tierrouter_core.spend.price import Price, Rates
from tierrouter_prices import lookup as price_book
from tierrouter_prices.lookup import is_private_address, lookup_prices, price_from_genai

OPENAI = ("openai", "https://api.openai.com/v1", "gpt-5.5")


def model_info(*prices: ConditionalPrice) -> ModelInfo:
    return ModelInfo(id="m", match=ClauseEquals("m"), prices=list(prices))


def simple(rate: str) -> ModelPrice:
    return ModelPrice(input_mtok=Decimal(rate), output_mtok=Decimal(1))


def test_all_rates_are_taken_over() -> None:
    theirs = ModelPrice(
        input_mtok=Decimal(5),
        output_mtok=Decimal(25),
        cache_read_mtok=Decimal("0.5"),
        cache_write_mtok=Decimal("6.25"),
        cache_write_1h_mtok=Decimal(10),
    )
    rates = Rates(
        input=Decimal(5),
        output=Decimal(25),
        cache_read=Decimal("0.5"),
        cache_write=Decimal("6.25"),
        cache_write_1h=Decimal(10),
    )
    assert price_from_genai(theirs) == Price(rates=rates, source=CostSource.GENAI_PRICES)


def test_rates_that_rise_with_the_input_are_joined_at_every_threshold() -> None:
    theirs = ModelPrice(
        input_mtok=TieredPrices(base=Decimal(1), tiers=[Tier(200, Decimal(2)), Tier(400, Decimal(3))]),
        output_mtok=TieredPrices(base=Decimal(10), tiers=[Tier(400, Decimal(20))]),
        cache_read_mtok=Decimal("0.1"),
    )
    price = price_from_genai(theirs)
    assert price is not None
    found = [(int(price.rates_for(size).input), int(price.rates_for(size).output)) for size in (200, 201, 400, 401)]
    assert found == [(1, 10), (2, 10), (2, 10), (3, 20)]
    assert price.rates_for(401).cache_read == Decimal("0.1")


def test_a_price_that_we_could_only_state_in_part_is_no_price() -> None:
    assert price_from_genai(ModelPrice(input_mtok=Decimal(1))) is None
    assert (
        price_from_genai(ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(1), requests_kcount=Decimal(5))) is None
    )


def test_a_price_counts_from_the_day_it_is_in_force() -> None:
    info = model_info(
        ConditionalPrice(prices=simple("1")),
        ConditionalPrice(StartDateConstraint(date(2026, 3, 1)), prices=simple("2")),
    )
    for day, rate in ((datetime(2026, 2, 28, 23, tzinfo=UTC), 1), (datetime(2026, 3, 1, tzinfo=UTC), 2)):
        assert price_book._usual_price(info, day).input_mtok == rate


def test_of_prices_by_the_hour_the_one_for_most_of_the_day_counts() -> None:
    peak = TimeOfDateConstraint(time(1, tzinfo=UTC), time(4, tzinfo=UTC))
    info = model_info(ConditionalPrice(prices=simple("1")), ConditionalPrice(peak, prices=simple("2")))
    assert price_book._usual_price(info, datetime(2026, 3, 1, 2, tzinfo=UTC)).input_mtok == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:11434/v1",
        "http://localhost:8000",
        "http://[::1]:80",
        "http://10.1.2.3",
        "http://192.168.0.9/v1",
        "http://100.64.0.1",
        "http://ollama:11434/v1",
        "http://ollama.agents.svc:11434",
        "http://ollama.agents.svc.cluster.local.:11434",
        "https://models.internal",
        "http://[broken",
    ],
)
def test_private_addresses_are_told_from_public_ones(url: str) -> None:
    assert is_private_address(url)
    assert not is_private_address("https://api.openai.com/v1")
    assert not is_private_address("https://8.8.8.8/v1")


def test_a_known_model_is_priced_and_a_local_one_of_the_same_name_is_not(tmp_path: Path) -> None:
    local = ("ollama", "http://127.0.0.1:11434/v1", "gpt-5.5")
    gateway = ("openai", "https://llm.example.com/v1", "gpt-5.5")
    unknown = ("openai", "https://api.openai.com/v1", "no-such-model")
    bare = ("", "", "gpt-5.5")
    found = lookup_prices([OPENAI, local, gateway, unknown, bare], tmp_path)
    assert set(found) == {OPENAI, bare}
    assert found[OPENAI] == found[bare]
    assert found[OPENAI].source is CostSource.GENAI_PRICES
    assert found[OPENAI].rates.input > found[OPENAI].rates.cache_read  # type: ignore[operator]


def test_a_second_look_up_needs_no_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = lookup_prices([OPENAI], tmp_path)
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    assert lookup_prices([OPENAI], tmp_path) == first
    assert len(list(tmp_path.glob("prices-*.json"))) == 1


def test_yesterdays_prices_are_looked_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def ask(wanted: Sequence[price_book.Wanted]) -> list[Price | None]:
        asked.append(wanted)
        return [None]

    monkeypatch.setattr(price_book, "_ask_child", ask)
    for today in ("2026-01-31", "2026-01-31", "2026-02-01"):
        monkeypatch.setattr(price_book, "_today", lambda today=today: today)
        lookup_prices([OPENAI], tmp_path)
    assert len(asked) == 2


def test_a_damaged_cache_is_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    price = Price(rates=Rates(input=Decimal(1), output=Decimal(2)))
    monkeypatch.setattr(price_book, "_ask_child", lambda wanted: [price])
    for text in ("", "[]", '{"date": 1}', '{"date": "2026-01-31", "prices": [[1]]}'):
        monkeypatch.setattr(price_book, "_today", lambda: "2026-01-31")
        next(iter(tmp_path.glob("*.json")), tmp_path / f"prices-{price_book._package_version()}.json").write_text(text)
        assert lookup_prices([OPENAI], tmp_path) == {OPENAI: price}


def test_a_look_up_that_fails_is_a_warning_and_no_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    assert lookup_prices([OPENAI], None, warnings.append) == {}
    [warning] = warnings
    assert "priceUSDPerMTok" in warning


def test_the_child_sees_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[bytes]:
        seen.update(options["env"])  # type: ignore[call-overload]
        return subprocess.CompletedProcess(command, 0, b"[null]", b"")

    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setattr(subprocess, "run", run)
    lookup_prices([OPENAI], None)
    assert "OPENAI_API_KEY" not in seen


def test_the_package_is_never_imported_by_the_one_who_asks() -> None:
    code = (
        "import sys; from tierrouter_prices.lookup import lookup_prices;"
        f"lookup_prices([{OPENAI!r}], None); assert 'genai_prices' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
