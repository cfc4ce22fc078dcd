"""Who serves a request, given what each tier can be told of it."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from documents import document, model, turn

from tierrouter_core.document.model import Document, Provider
from tierrouter_core.names import Dialect, Reason
from tierrouter_core.routing.decide import Router
from tierrouter_core.routing.fitting import LEAST_ROOM_TOKENS, Circumstances, Placed, as_it_is, fit, place
from tierrouter_core.routing.session_state import NEW_SESSION
from tierrouter_core.wire.edits import Edited
from tierrouter_core.wire.request import read_request
from tierrouter_core.wire.translate import Refused, Translated

SEARCH = {"type": "web_search_20250305", "name": "web_search"}
LS = {"name": "ls", "input_schema": {"type": "object", "properties": {}}}
CHAT_ONLY = ("cheap", "middle", "big", "tiny", "spare")


def speaking(base_url: str = "http://127.0.0.1:1/v1", *dialects: Dialect, **cheap: Any) -> Document:
    """All tiers speak Chat, unless told otherwise; ``cheap`` is the model of the tier routine."""
    spoken = dialects or (Dialect.CHAT,)
    models = [replace(model(name, *spoken), **(cheap if name == "cheap" else {})) for name in CHAT_ONLY]
    provider = Provider(name="vendor", base_url=base_url, models={each.name: each for each in models})
    return document(models=models, providers={"vendor": provider})


def placed(doc: Document, body: dict[str, Any], dialect: Dialect = Dialect.MESSAGES, **told: Any) -> Placed:
    request = read_request(dialect, orjson.dumps({"model": "auto", **body}))
    asked = turn(dialect=dialect, has_tools=request.has_tools)
    return place(Router(doc), asked, NEW_SESSION, request, lambda _: Circumstances(**told))


def messages(**fields: Any) -> dict[str, Any]:
    return {"max_tokens": 100, "messages": [{"role": "user", "content": "go"}], **fields}


def body_of(got: Placed) -> dict[str, Any]:
    assert isinstance(got.fit, Translated), got
    return orjson.loads(got.fit.body)


def tier_of(got: Placed) -> str:
    return got.decision.targets[0].tier_name


def test_a_turn_is_translated_where_its_tier_speaks_another_dialect_only() -> None:
    assert isinstance(placed(speaking(), messages()).fit, Translated)
    own = placed(document(), messages())
    assert isinstance(own.fit, Edited)


def with_hosted_tools(policy: str) -> Document:
    doc = speaking()
    tiers = {name: replace(tier, hosted_tools=policy) for name, tier in doc.tiers.items()}
    own = replace(doc.providers["vendor"].models["big"], dialects=(Dialect.MESSAGES,))
    models = {**doc.providers["vendor"].models, "big": own}
    return replace(doc, tiers=tiers, providers={"vendor": replace(doc.providers["vendor"], models=models)})


def test_tools_that_are_merely_declared_are_left_out_by_default() -> None:
    got = placed(with_hosted_tools("Strip"), messages(tools=[SEARCH, LS]))
    assert tier_of(got) == "routine"
    assert isinstance(got.fit, Translated)
    assert got.fit.lost == ("hosted_tools",)
    assert [tool["function"]["name"] for tool in body_of(got)["tools"]] == ["ls"]


def test_with_route_they_take_the_turn_to_a_tier_that_has_them() -> None:
    got = placed(with_hosted_tools("Route"), messages(tools=[SEARCH, LS]))
    assert (tier_of(got), got.decision.reason) == ("deep", Reason.DIALECT)
    assert "web_search_20250305" in got.decision.detail


def test_with_reject_the_turn_is_refused_though_a_tier_has_them() -> None:
    got = placed(with_hosted_tools("Reject"), messages(tools=[SEARCH, LS]))
    assert (got.decision.targets, got.decision.reason) == ((), Reason.NOT_SERVABLE)
    assert got.decision.detail == "tools.0: the tool web_search_20250305 is one that only its own vendor runs"


@pytest.mark.parametrize("policy", ["Strip", "Route", "Reject"])
def test_a_tool_that_must_be_used_goes_to_a_tier_that_has_it_whatever_the_policy(policy: str) -> None:
    assert tier_of(placed(with_hosted_tools(policy), messages(tools=[SEARCH]))) == "deep"
    forced = messages(tools=[SEARCH, LS], tool_choice={"type": "tool", "name": "web_search"})
    assert tier_of(placed(with_hosted_tools(policy), forced)) == "deep"


def test_where_no_tier_can_take_it_the_last_word_names_the_field() -> None:
    got = placed(speaking(), messages(container="c1"))
    assert got.decision.targets == ()
    assert "container: a container lives at Anthropic" in got.decision.detail
    assert got.fit is None or isinstance(got.fit, Refused)


def test_the_output_cap_stays_within_what_the_window_leaves() -> None:
    doc = speaking(context_window=10_000)
    assert body_of(placed(doc, messages(max_tokens=8000), input_tokens=5000))["max_tokens"] == 5000
    assert body_of(placed(doc, messages(max_tokens=3000), input_tokens=5000))["max_tokens"] == 3000


def test_a_window_that_seems_full_leaves_the_refusal_to_the_provider() -> None:
    doc = speaking(context_window=10_000)
    assert body_of(placed(doc, messages(max_tokens=8000), input_tokens=50_000))["max_tokens"] == LEAST_ROOM_TOKENS


def test_the_models_own_cap_holds_too() -> None:
    doc = speaking(context_window=10_000, max_output_tokens=2000)
    assert body_of(placed(doc, messages(max_tokens=8000)))["max_tokens"] == 2000


def test_openai_finds_its_cache_by_a_key_that_says_nothing_of_the_session() -> None:
    doc = speaking("https://api.openai.com/v1", Dialect.RESPONSES)
    told = {"seal_key": b"k", "session": "the-users-session:main"}
    one, same = (body_of(placed(doc, messages(), **told))["prompt_cache_key"] for _ in range(2))
    other = body_of(placed(doc, messages(), seal_key=b"k", session="another"))["prompt_cache_key"]
    assert one == same != other
    assert "session" not in one
    elsewhere = body_of(placed(speaking("https://models.example/v1", Dialect.RESPONSES), messages(), **told))
    assert "prompt_cache_key" not in elsewhere


def test_a_cache_key_of_the_agents_own_stays() -> None:
    doc = speaking("https://api.openai.com/v1", Dialect.RESPONSES)
    asked = {"messages": [{"role": "user", "content": "go"}], "prompt_cache_key": "mine"}
    assert body_of(placed(doc, asked, Dialect.CHAT, session="s"))["prompt_cache_key"] == "mine"


def test_a_call_that_one_dialect_alone_has_is_never_translated() -> None:
    picky = speaking(
        "https://api.openai.com/v1", Dialect.RESPONSES, Dialect.CHAT, reject=((Dialect.RESPONSES, "tools"),)
    )
    asked = {"model": "auto", "input": "go", "tools": [{"type": "function", "name": "ls", "parameters": {}}]}
    request = read_request(Dialect.RESPONSES, orjson.dumps(asked))
    target = Router(picky).decide(turn(dialect=Dialect.RESPONSES)).targets[0]
    assert isinstance(fit(request, target, lambda _: Circumstances()), Translated)
    kept = as_it_is(request, target)
    assert isinstance(kept, Edited)
    assert orjson.loads(kept.body)["input"] == "go"
