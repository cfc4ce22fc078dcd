"""How long a provider may be silent: a false failover is paid for twice."""

from dataclasses import replace

import orjson
from ways import target

from tierrouter_core.document.model import Failover
from tierrouter_core.failover.patience import Patience, patience
from tierrouter_core.names import Dialect
from tierrouter_core.routing.targets import Target
from tierrouter_core.wire.request import read_request

FAILOVER = Failover(headers_timeout_ms=60_000, first_token_timeout_ms=180_000, total_timeout_ms=600_000)


def may_take(to: Target, *, left_s: float = 600.0, others: bool = True, **more: object) -> Patience:
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "Hi"}], **more}
    request = read_request(Dialect.CHAT, orjson.dumps(body))
    return patience(FAILOVER, to, request, Dialect.CHAT, left_s=left_s, others=others)


def at_openai(model_id: str) -> Target:
    return replace(target("x", base_url="https://api.openai.com/v1"), model_id=model_id)


def test_a_stream_may_take_what_the_router_says() -> None:
    assert may_take(target("one")) == Patience(headers_s=60, first_token_s=180)


def test_an_answer_that_is_not_streamed_leaves_a_quarter_of_the_time_to_the_others() -> None:
    assert may_take(target("one"), stream=False) == Patience(headers_s=450, first_token_s=450)
    assert may_take(target("one"), stream=False, left_s=200) == Patience(headers_s=150, first_token_s=150)
    assert may_take(target("one"), stream=False, others=False) == Patience(headers_s=600, first_token_s=600)


def test_nobody_may_take_more_than_what_is_left() -> None:
    assert may_take(target("one"), left_s=30) == Patience(headers_s=30, first_token_s=30)


def test_a_server_of_ones_own_may_load_its_model_first() -> None:
    assert may_take(target("one", base_url="http://ollama:11434/v1")).headers_s == 180


def test_a_model_that_thinks_where_nobody_sees_it_may_think_to_the_end() -> None:
    assert may_take(at_openai("gpt-5.5")).first_token_s == 600
    assert may_take(at_openai("gpt-5.5"), reasoning_effort="high").first_token_s == 600
    assert may_take(at_openai("gpt-5.5"), reasoning_effort="low").first_token_s == 180
    assert may_take(at_openai("gpt-4o"), reasoning_effort="high").first_token_s == 180
