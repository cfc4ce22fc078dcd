"""Fields: each kind takes what it should, and says what it would take instead."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from router_files import PROVIDER, ROUTER, changed, load, problems_of, problems_with, text_of

from tierrouter_core.names import Dialect, Mode
from tierrouter_core.resources.fields import describe, read, resource, setting
from tierrouter_core.resources.kinds import (
    Boolean,
    Choice,
    Duration,
    FreeObject,
    Integer,
    Kind,
    ListOf,
    MapOf,
    Money,
    OneOf,
    Text,
)
from tierrouter_core.resources.yaml_text import parse_yaml


def read_one(kind: Kind, yaml_value: str) -> tuple[Any, list[str]]:
    @resource
    class Holder:
        value: Any = setting(kind, "A value.")

    (raw,), _ = parse_yaml(f"value: {yaml_value}", "f.yaml")
    reading = read(Holder, raw, "Holder/x")
    return getattr(reading.value, "value", None), [str(problem) for problem in reading.problems]


NAME = Text(pattern="[a-z]+", words="a lower-case name")


@pytest.mark.parametrize(
    ("kind", "given_text", "value"),
    [
        (NAME, "deep", "deep"),
        (Integer(minimum=1, maximum=5), "5", 5),
        (Boolean(), "true", True),
        (Choice(of=Mode), '"Off"', Mode.OFF),
        (Duration(), "1h30m", 5_400_000),
        (Duration(), "500ms", 500),
        (Money(), '"0.95"', Decimal("0.95")),
        (Money(), '"0"', Decimal(0)),
        (ListOf(item=NAME), "[a, b]", ("a", "b")),
        (MapOf(item=NAME), "{x: a}", {"x": "a"}),
        (FreeObject(), "{x: [1, 0.5, {y: null}]}", {"x": [1, 0.5, {"y": None}]}),
        (OneOf(kinds=(NAME, ListOf(item=Integer()))), "[1]", (1,)),
        (OneOf(kinds=(NAME, ListOf(item=Integer()))), "a", "a"),
    ],
)
def test_a_kind_reads_what_it_allows(kind: Kind, given_text: str, value: Any) -> None:
    assert read_one(kind, given_text) == (value, [])


@pytest.mark.parametrize(
    ("kind", "given_text", "expected"),
    [
        (NAME, "Deep", 'found "Deep", expected a lower-case name'),
        (
            NAME,
            "on",
            "found the boolean true (YAML reads on so), expected a lower-case name; if you mean the text, write",
        ),
        (NAME, "5", 'found the number 5, expected a lower-case name; if you mean the text, write "5" in quotes'),
        (Text(), "1.10", 'write "1.10" in quotes'),
        (Text(), '"a\\nb"', "expected one line without control characters"),
        (Text(max_length=3), "abcd", "has 4 characters; at most 3 are allowed"),
        (Integer(minimum=1, maximum=5), "6", "found 6, expected an integer from 1 to 5"),
        (Integer(), "true", "found the boolean true, expected an integer"),
        (Integer(), "1.5", "found the number 1.5, expected an integer"),
        (Integer(), "010", 'found "010", expected an integer'),
        (Boolean(), '"yes"', 'found "yes", expected true or false'),
        (Choice(of=Mode), "Off", "found the boolean false (YAML reads Off so), expected Route, Observe or Off; if you"),
        (Choice(of=Mode), "route", 'found "route", expected Route, Observe or Off; did you mean "Route"?'),
        (Duration(), "30", "found 30 without a unit; write 30s or 30m"),
        (Duration(), "1:30", 'found "1:30", expected a time from'),
        (Duration(), "0s", "expected a time from 1ms"),
        (Money(), "0.95", 'money is written in quotes: "0.95"'),
        (Money(), '"-1"', "expected dollars as a decimal in quotes"),
        (Money(), '"1e3"', "expected dollars as a decimal in quotes"),
        (ListOf(item=NAME), "a", "expected a list, each item a lower-case name"),
        (ListOf(item=NAME, unique=True), "[a, a]", 'value[1]: found "a" a second time'),
        (ListOf(item=NAME, min_items=1), "[]", "has 0 items, expected 1 to 256"),
        (MapOf(item=NAME), "{x: 1}", "value.x: found the number 1"),
        (MapOf(item=NAME, key=NAME), "{X: a}", 'value.X: found "X", expected'),
        (MapOf(item=NAME, max_items=1), "{x: a, y: b}", "value: has 2 entries, expected at most 1"),
        (FreeObject(max_items=1), "{x: a, y: b}", "value: has 2 entries, expected at most 1"),
        (FreeObject(), "{x: 99999999999999999999}", "which JSON can't hold exactly"),
        (FreeObject(), "[1]", "found a list, expected a map of any JSON values"),
        (OneOf(kinds=(NAME, ListOf(item=Integer()))), "{}", "expected a lower-case name, or a list"),
        (NAME, "~", "is missing; expected a lower-case name"),
    ],
)
def test_a_kind_refuses_the_rest_and_says_what_it_allows(kind: Kind, given_text: str, expected: str) -> None:
    _, problems = read_one(kind, given_text)
    assert any(expected in problem for problem in problems), problems
    assert all(problem.startswith("f.yaml:1: Holder/x: value") for problem in problems)


@given(st.integers(1, 30 * 24 * 3_600_000))
def test_a_duration_is_shown_as_it_would_be_read(milliseconds: int) -> None:
    shown = Duration().show(milliseconds)
    assert read_one(Duration(), shown) == (milliseconds, [])


@given(st.decimals(0, 10**6, allow_nan=False, places=6))
def test_money_is_read_exactly(amount: Decimal) -> None:
    assert read_one(Money(), f'"{amount:f}"') == (amount, [])


def test_all_problems_of_a_file_are_reported_at_once() -> None:
    router = changed(ROUTER, mode="Rout", responseModel="x", colour="blue", defaultTier="depe")
    router["spec"]["tiers"][0] |= {"rank": "one", "rnak": 2}
    provider = changed(PROVIDER, baseURL="ftp://x", dialects=["Chat"])
    found = "\n".join(problems_with(router, provider))
    for path in ("spec.mode", "spec.responseModel", "spec.colour", "tiers[0].rank", "tiers[0].rnak", "spec.baseURL"):
        assert path in found
    assert "spec.dialects[0]" in found


def test_an_unknown_field_comes_with_the_nearest_known_one() -> None:
    (problem,) = problems_with(changed(ROUTER, fallbckTier="deep"), PROVIDER)
    assert problem.endswith('spec.fallbckTier: no such field; did you mean "fallbackTier"?')


def test_a_problem_says_file_line_document_and_field() -> None:
    text = text_of(ROUTER, PROVIDER).replace("rank: 2", "rank: high")
    line = next(number for number, line in enumerate(text.splitlines(), 1) if "rank: high" in line)
    (problem,) = problems_of(text)
    assert (
        problem
        == f'coding.yaml:{line}: TierRouter/coding: spec.tiers[1].rank: found "high", expected an integer from 0 to 1000'
    )


def test_null_counts_as_left_out() -> None:
    router = load(changed(ROUTER), PROVIDER).one_router()
    text = text_of(ROUTER, PROVIDER).replace("  defaultTier:", "  budgets:\n  mode: ~\n  defaultTier:")
    assert problems_of(text) == []
    assert router.spec.mode is Mode.ROUTE


def test_a_key_is_the_attribute_in_camel_case_without_its_unit() -> None:
    @resource
    class Sample:
        base_url: str = setting(Text(), "An address.")
        limit_usd: Decimal = setting(Money(), "A limit.")
        price_usd_per_mtok: Decimal = setting(Money(), "A price.")
        idle_timeout_ms: int = setting(Duration(), "A time.", default=1_800_000)
        dialect: Dialect = setting(Choice(of=Dialect), "A dialect.", key="speaks")

    rows = list(describe(Sample))
    assert [row.path for row in rows] == ["baseURL", "limitUSD", "priceUSDPerMTok", "idleTimeout", "speaks"]
    assert rows[3].default == "`30m`"
