"""Endpoints, and which headers cross the router."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.names import Dialect
from tierrouter_core.wire.dialects import (
    Endpoint,
    EndpointKind,
    Target,
    dialect_of_path,
    endpoint_for,
    models_listing,
    request_headers,
    response_headers,
    target_of,
    upstream_query,
)

MESSAGES, CHAT, RESPONSES = Dialect.MESSAGES, Dialect.CHAT, Dialect.RESPONSES
TARGETS: list[Target] = ["anthropic", "openai", "openrouter", "other"]


@pytest.mark.parametrize(
    ("method", "path", "kind", "dialect"),
    [
        ("POST", "/messages", EndpointKind.MESSAGES, MESSAGES),
        ("POST", "/messages/count_tokens", EndpointKind.COUNT_TOKENS, MESSAGES),
        ("POST", "/chat/completions", EndpointKind.CHAT, CHAT),
        ("POST", "/responses", EndpointKind.RESPONSES, RESPONSES),
        ("POST", "/responses/input_tokens", EndpointKind.INPUT_TOKENS, RESPONSES),
        ("POST", "/responses/compact", EndpointKind.COMPACT, RESPONSES),
        ("GET", "/responses/resp_0a-1", EndpointKind.RESPONSE, RESPONSES),
        ("DELETE", "/responses/resp_0a-1", EndpointKind.RESPONSE, RESPONSES),
        ("POST", "/responses/resp_0a-1/cancel", EndpointKind.CANCEL, RESPONSES),
        ("GET", "/models", EndpointKind.MODELS, CHAT),
    ],
)
def test_every_endpoint_is_served_with_and_without_v1(
    method: str, path: str, kind: EndpointKind, dialect: Dialect
) -> None:
    for prefix in ("", "/v1"):
        for query in ("", "?beta=true"):
            assert endpoint_for(method, prefix + path + query) == Endpoint(kind, dialect, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/messages"),
        ("GET", "/v1/responses/compact"),
        ("POST", "/v1/responses/resp_1"),
        ("GET", "/v1/responses/resp_1/cancel"),
        ("GET", "/v1/responses/.."),
        ("GET", "/v1/responses/a%2fb"),
        ("GET", "/v1/responses/a/b"),
        ("POST", "/v1/v1/messages"),
        ("POST", "/v2/messages"),
        ("POST", "/v1messages"),
        ("POST", "/v1/embeddings"),
        ("POST", "//messages"),
        ("POST", "/v1/chat/completions\n"),
        ("GET", "/"),
    ],
)
def test_nothing_else_is_served(method: str, path: str) -> None:
    assert endpoint_for(method, path) is None


def test_an_unknown_path_gets_errors_in_the_likeliest_dialect() -> None:
    assert dialect_of_path("/v1/messages/batches") is MESSAGES
    assert dialect_of_path("/anthropic/v1/x") is MESSAGES
    assert dialect_of_path("/v1/models", anthropic_version=True) is MESSAGES
    assert dialect_of_path("/v1/responses/a/b") is RESPONSES
    assert dialect_of_path("/v1/embeddings?x=/messages") is CHAT


def test_only_known_parts_of_a_query_reach_a_provider_that_knows_them() -> None:
    assert upstream_query("beta=true&key=secret", MESSAGES, "anthropic") == "beta=true"
    assert upstream_query("beta=true", MESSAGES, "openrouter") == ""
    assert upstream_query("include[]=a&include%5B%5D=b&k=1", RESPONSES, "openai") == "include[]=a&include%5B%5D=b"


def test_models_are_listed_in_both_shapes() -> None:
    assert json.loads(models_listing(["auto", "tier/deep"], False)) == {
        "object": "list",
        "data": [
            {"id": "auto", "object": "model", "created": 0, "owned_by": "tierrouter"},
            {"id": "tier/deep", "object": "model", "created": 0, "owned_by": "tierrouter"},
        ],
    }
    listing = json.loads(models_listing(iter(["auto", "tier/deep"]), True))
    assert (listing["first_id"], listing["last_id"], listing["has_more"]) == ("auto", "tier/deep", False)
    assert set(listing["data"][0]) == {"type", "id", "display_name", "created_at"}
    assert json.loads(models_listing([], True))["first_id"] is None


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://api.anthropic.com/v1", "anthropic"),
        ("https://API.Anthropic.com./v1", "anthropic"),
        ("https://eu.api.openai.com/v1", "openai"),
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("https://api.deepseek.com/v1", "other"),
        ("http://127.0.0.1:11434/v1", "other"),
        ("https://notopenai.com/v1", "other"),
        ("https://api.openai.com@example.com/v1", "other"),
        ("https://example.com/api.openai.com", "other"),
        ("https://[broken", "other"),
        ("", "other"),
    ],
)
def test_a_target_is_known_by_its_host(url: str, target: str) -> None:
    assert target_of(url) == target


def sent(dialect: Dialect, target: Target, *headers: tuple[str, str], attempt: int = 1) -> dict[str, str]:
    pairs = request_headers(
        dialect, headers, provider_key="PK", target=target, version="1.2", first_attempt=attempt == 1
    )
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_each_provider_gets_its_key_in_its_own_way() -> None:
    assert sent(MESSAGES, "anthropic")["x-api-key"] == "PK"
    assert "authorization" not in sent(MESSAGES, "anthropic")
    for dialect, target in ((CHAT, "anthropic"), (CHAT, "openai"), (MESSAGES, "openrouter"), (MESSAGES, "other")):
        assert sent(dialect, target)["authorization"] == "Bearer PK"  # type: ignore[arg-type]
        assert "x-api-key" not in sent(dialect, target)  # type: ignore[arg-type]
    keyless = dict(request_headers(CHAT, [], provider_key=None, target="other", version="1"))
    assert keyless == {
        "content-type": "application/json",
        "accept-encoding": "identity",
        "user-agent": "tierrouter/1",
    }


def test_the_api_version_is_the_clients_own_at_anthropic_and_a_fixed_one_elsewhere() -> None:
    version = ("Anthropic-Version", "2026-10-21")
    assert sent(MESSAGES, "anthropic", version)["anthropic-version"] == "2026-10-21"
    assert sent(MESSAGES, "anthropic")["anthropic-version"] == "2023-06-01"
    assert sent(MESSAGES, "openrouter", version)["anthropic-version"] == "2023-06-01"
    assert sent(MESSAGES, "other", version)["anthropic-version"] == "2023-06-01"
    assert "anthropic-version" not in sent(CHAT, "openai", version)


def test_betas_go_verbatim_to_who_knows_them() -> None:
    betas = ("anthropic-beta", "one-2026-01-01,two")
    assert sent(MESSAGES, "anthropic", betas)["anthropic-beta"] == "one-2026-01-01,two"
    assert sent(MESSAGES, "openrouter", betas)["anthropic-beta"] == "one-2026-01-01,two"
    assert "anthropic-beta" not in sent(MESSAGES, "other", betas)


@pytest.mark.parametrize(
    ("name", "dialect", "targets"),
    [
        ("accept", CHAT, TARGETS),
        ("anthropic-workspace-id", MESSAGES, ["anthropic"]),
        ("x-app", MESSAGES, ["anthropic"]),
        ("x-claude-code-session-id", MESSAGES, ["anthropic"]),
        ("x-stainless-lang", CHAT, ["anthropic", "openai"]),
        ("x-codex-turn-metadata", RESPONSES, ["openai"]),
        ("session-id", RESPONSES, ["openai"]),
        ("openai-beta", RESPONSES, ["openai"]),
        ("openai-organization", RESPONSES, []),
        ("x-session-id", CHAT, []),
        ("http-referer", CHAT, []),
        ("x-title", CHAT, []),
        ("traceparent", CHAT, []),
        ("x-tierrouter-hint", CHAT, []),
        ("x-unknown", CHAT, []),
        ("host", CHAT, []),
        ("content-length", CHAT, []),
        ("te", CHAT, []),
    ],
)
def test_a_header_reaches_those_whom_it_concerns(name: str, dialect: Dialect, targets: list[Target]) -> None:
    assert [target for target in TARGETS if name in sent(dialect, target, (name.title(), "v"))] == targets


def test_a_header_for_this_hop_goes_no_further() -> None:
    headers = (("Connection", "close, X-Stainless-Lang"), ("X-Stainless-Lang", "python"), ("X-Stainless-OS", "x"))
    received = sent(CHAT, "openai", *headers)
    assert "x-stainless-lang" not in received
    assert "x-stainless-os" in received


def test_an_idempotency_key_belongs_to_the_first_attempt() -> None:
    key = ("Idempotency-Key", "i")
    assert sent(CHAT, "openai", key)["idempotency-key"] == "i"
    assert "idempotency-key" not in sent(CHAT, "openai", key, attempt=2)
    assert "idempotency-key" not in sent(CHAT, "other", key)


def test_a_first_party_learns_which_agent_asks() -> None:
    agent = ("User-Agent", "codex/1")
    assert sent(RESPONSES, "openai", agent)["user-agent"] == "codex/1 tierrouter/1.2"
    assert sent(CHAT, "openrouter", agent)["user-agent"] == "tierrouter/1.2"
    assert sent(CHAT, "openai")["user-agent"] == "tierrouter/1.2"


SECRET = "client-secret-value"
CREDENTIAL_NAMES = st.sampled_from(
    [
        "authorization",
        "x-api-key",
        "api-key",
        "cookie",
        "set-cookie",
        "proxy-authorization",
        "x-goog-api-key",
        "x-auth-token",
        "anthropic-api-key",
        "x-codex-access-token",
        "x-claude-session-key",
        "x-stainless-secret",
    ]
)


@given(
    st.sampled_from(list(Dialect)),
    st.sampled_from(TARGETS),
    st.lists(st.tuples(st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1), st.text(max_size=5)), max_size=3),
    st.lists(st.tuples(CREDENTIAL_NAMES, st.sampled_from([SECRET, f"Bearer {SECRET}", f"a=b; s={SECRET}"]))),
    st.booleans(),
    st.none() | st.just("PK"),
)
def test_no_credential_of_the_client_ever_survives(
    dialect: Dialect,
    target: Target,
    harmless: list[tuple[str, str]],
    credentials: list[tuple[str, str]],
    upper: bool,
    provider_key: str | None,
) -> None:
    client = harmless + [(name.upper() if upper else name, value) for name, value in credentials]
    pairs = request_headers(dialect, client, provider_key=provider_key, target=target, version="1")
    assert not any(SECRET in value for _, value in pairs)
    keys = [value for name, value in pairs if name in ("authorization", "x-api-key")]
    assert [key.removeprefix("Bearer ") for key in keys] == ([] if provider_key is None else ["PK"])


def test_an_answers_headers_are_let_through_by_name() -> None:
    upstream = [
        ("Content-Type", "text/event-stream"),
        ("Request-Id", "r"),
        ("X-Request-Id", "x"),
        ("Retry-After", "5"),
        ("x-should-retry", "false"),
        ("OpenAI-Model", "gpt"),
        ("Set-Cookie", "c"),
        ("Content-Length", "5"),
        ("Content-Encoding", "gzip"),
        ("Alt-Svc", "h3"),
        ("Strict-Transport-Security", "s"),
        ("X-TierRouter-Tier", "faked"),
        ("Connection", "X-Generation-Id"),
        ("X-Generation-Id", "g"),
    ]
    names = [name for name, _ in response_headers(upstream, True)]
    assert names == ["content-type", "request-id", "x-request-id", "retry-after", "x-should-retry", "openai-model"]
    assert "openai-model" not in dict(response_headers(upstream, True, hide_model=True))


def test_rate_limits_of_another_model_are_marked_as_such() -> None:
    upstream = [("anthropic-ratelimit-unified-status", "ok"), ("X-RateLimit-Remaining-Requests", "5")]
    assert response_headers(upstream, True) == [(name.lower(), value) for name, value in upstream]
    assert response_headers(upstream, False) == [
        ("x-tierrouter-upstream-anthropic-ratelimit-unified-status", "ok"),
        ("x-tierrouter-upstream-x-ratelimit-remaining-requests", "5"),
    ]
