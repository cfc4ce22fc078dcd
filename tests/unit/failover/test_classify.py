"""What a provider's answer means, as providers really write them."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.failover.classify import failure_of_answer, failure_of_error
from tierrouter_core.failover.failure import Failure, FailureKind, LeftAlone
from tierrouter_core.names import Dialect
from tierrouter_core.wire.reported_error import ReportedError

K = FailureKind
CHAT, MESSAGES = Dialect.CHAT, Dialect.MESSAGES


def openai(message: str, code: str | None = None, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def anthropic(message: str, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def classified(status: int, body: Any, headers: dict[str, str] | None = None, dialect: Dialect = CHAT) -> Failure:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return failure_of_answer("vendor", dialect, status, headers or {}, data, 0.0, secret="Secret vendor")


SAID = [
    (429, openai("Rate limit reached for gpt-5.5 in organization org-x", "rate_limit_exceeded", "tokens"), K.THROTTLED),
    (429, openai("You exceeded your current quota, please check your plan", "insufficient_quota"), K.QUOTA),
    (429, anthropic("This request would exceed your account's rate limit", "rate_limit_error"), K.THROTTLED),
    (400, anthropic("Your credit balance is too low to access the Anthropic API."), K.QUOTA),
    (402, {"error": {"code": 402, "message": "Insufficient credits. Add more using https://a.example"}}, K.QUOTA),
    (
        400,
        anthropic("You have reached your specified API usage limits. You will regain access on 2030-01-01."),
        K.QUOTA,
    ),
    (400, openai("Billing hard limit has been reached", "billing_hard_limit_reached"), K.QUOTA),
    (403, {"error": {"code": 403, "message": "Key limit exceeded (monthly limit)"}}, K.QUOTA),
    (429, anthropic("This would exceed your organization's monthly spend limit", "rate_limit_error"), K.QUOTA),
    (429, openai("Your account is not active, please check your details", "billing_not_active"), K.QUOTA),
    (429, {"error": {"message": "suspended, recharge", "type": "exceeded_current_quota_error"}}, K.QUOTA),
    (401, openai("Incorrect API key provided: sk-12345", "invalid_api_key"), K.CREDENTIAL),
    (
        403,
        anthropic("Your API key does not have permission to use the specified resource", "permission_error"),
        K.CREDENTIAL,
    ),
    (403, {"error": {"code": 403, "message": "Your input was flagged", "metadata": {"reasons": ["x"]}}}, K.FILTERED),
    (404, openai("The model `gpt-9` does not exist", "model_not_found"), K.NO_MODEL),
    (404, anthropic("model: claude-nothing", "not_found_error"), K.NO_MODEL),
    (404, openai("No response can be had: the model gpt-9 is not found"), K.NO_MODEL),
    (404, b"File not found.", K.NO_MODEL),
    (408, openai("Request timed out"), K.BUSY),
    (409, openai("Conflict"), K.BUSY),
    (413, anthropic("Request exceeds the maximum size", "request_too_large"), K.TOO_LARGE),
    (500, openai("The server had an error", None, "server_error"), K.SERVER_ERROR),
    (502, b"<html>Bad Gateway</html>", K.SERVER_ERROR),
    (503, openai("Service unavailable"), K.OVERLOADED),
    (504, b"", K.SERVER_ERROR),
    (529, anthropic("Overloaded", "overloaded_error"), K.OVERLOADED),
    (400, openai("maximum context length is 8192 tokens", "context_length_exceeded"), K.CONTEXT_LENGTH),
    (400, anthropic("prompt is too long: 210000 tokens > 200000 maximum"), K.CONTEXT_LENGTH),
    (
        400,
        {"error": {"code": 400, "message": "request exceeds", "type": "exceed_context_size_error", "n_ctx": 4096}},
        K.CONTEXT_LENGTH,
    ),
    (
        400,
        openai(
            "The response was filtered due to the prompt triggering Azure's content management policy", "content_filter"
        ),
        K.FILTERED,
    ),
    (
        400,
        openai("Invalid prompt: your prompt was flagged as potentially violating our usage policy", "invalid_prompt"),
        K.FILTERED,
    ),
    (
        400,
        anthropic(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        ),
        K.PREFILL,
    ),
    (400, openai("Cannot continue final assistant message when add_generation_prompt is true"), K.PREFILL),
    (400, anthropic("messages.1.content.0: Invalid `signature` in `thinking` block"), K.REASONING),
    (400, openai("Unsupported parameter: 'temperature'", "unsupported_parameter"), K.REJECTED),
    (422, b'{"detail": "tools.0: field required"}', K.REJECTED),
    (418, b"", K.REJECTED),
    (301, b"", K.REDIRECT),
]


@pytest.mark.parametrize(("status", "body", "kind"), SAID, ids=[f"{status} {kind}" for status, _, kind in SAID])
def test_what_providers_say_is_understood(status: int, body: Any, kind: FailureKind) -> None:
    dialect = MESSAGES if isinstance(body, dict) and body.get("type") == "error" else CHAT
    found = classified(status, body, dialect=dialect)
    assert found.kind is kind
    assert found.status == status
    assert str(status) in found.message


FREE_TIER = "Rate limit reached. Add a payment method at https://platform.example/account/billing."
OWN_FAULTS = [
    (400, openai("Invalid schema for function 'billing_lookup': None is not of type 'object'.")),
    (400, openai("Invalid schema for function 'set_spend_limit': 'usage limit' is not of type 'object'.")),
    (400, anthropic("x-anthropic-billing-header is a reserved keyword and may not be used in the system prompt.")),
    (404, {"error": {"message": "Item 'rs_1' is gone.", "type": "invalid_request_error", "param": "input"}}),
    (404, openai("Item with id 'rs_1' not found. Items are not persisted when `store` is set to false.")),
    (404, anthropic("File not found: file_011", "not_found_error")),
]


@pytest.mark.parametrize(("status", "body"), OWN_FAULTS, ids=[str(body["error"]["message"]) for _, body in OWN_FAULTS])
def test_a_requests_own_fault_is_told_in_the_providers_words_and_held_against_nobody_else(
    status: int, body: dict[str, Any]
) -> None:
    found = classified(status, body)
    assert found.kind is K.REJECTED
    assert (found.treatment.health, found.shown) == (LeftAlone.NO, None)
    error = body["error"]
    assert failure_of_error("vendor", ReportedError(error["message"], error["type"])).kind is K.REJECTED


@pytest.mark.parametrize("headers", [{}, {"retry-after": "1"}, {"retry-after-ms": "820"}], ids=str)
def test_a_rate_limit_whose_words_lead_to_a_billing_page_is_a_throttle(headers: dict[str, str]) -> None:
    assert classified(429, openai(FREE_TIER, "rate_limit_exceeded"), headers).kind is K.THROTTLED
    assert failure_of_error("vendor", ReportedError(FREE_TIER, "rate_limit_exceeded")).kind is K.THROTTLED


def test_how_long_to_wait_is_taken_from_headers_and_from_the_words() -> None:
    assert classified(429, openai("slow down"), {"Retry-After": "7"}).wait_s == 7.0
    assert classified(429, openai("slow down"), {"retry-after-ms": "1500"}).wait_s == 1.5
    assert classified(429, openai("Please try again in 1.2s.")).wait_s == pytest.approx(1.2)
    assert classified(429, openai("slow down")).wait_s is None


def test_a_payment_limit_that_passes_is_a_throttle() -> None:
    assert classified(402, {"error": {"code": 402, "message": "limit"}}, {"retry-after": "30"}).kind is K.THROTTLED
    capped = anthropic("You have reached your monthly spend limit", "rate_limit_error")
    assert classified(429, capped, {"retry-after": "1"}).kind is K.THROTTLED
    by_the_minute = [{"error": {"message": "You exceeded your current quota. Please retry in 37.7s.", "code": 429}}]
    assert classified(429, by_the_minute).kind is K.THROTTLED
    used_up = openai("You exceeded your current quota", "insufficient_quota")
    assert classified(429, used_up, {"retry-after": "1"}).kind is K.QUOTA


def test_a_rejected_credential_names_the_secret_and_never_quotes_the_provider() -> None:
    found = classified(401, openai("Incorrect API key provided: sk-12345"))
    assert "Secret vendor" in found.message
    assert "sk-12345" not in found.message
    assert found.said is None


def test_a_failing_servers_own_words_stay_out() -> None:
    assert classified(500, openai("password=hunter2")).message == "vendor answered 500"


INSIDE = [
    ("overloaded_error", "Overloaded", K.OVERLOADED),
    ("rate_limit_exceeded", "slow down", K.THROTTLED),
    ("insufficient_quota", "pay", K.QUOTA),
    ("server_error", "oops", K.SERVER_ERROR),
    ("502", "Provider returned error", K.SERVER_ERROR),
    ("429", "Provider returned error", K.THROTTLED),
    ("503", "no instances", K.OVERLOADED),
    ("context_length_exceeded", "too long", K.CONTEXT_LENGTH),
    ("invalid_request_error", "prompt is too long: 2 tokens > 1 maximum", K.CONTEXT_LENGTH),
    ("invalid_request_error", "tools.0: no", K.REJECTED),
    ("content_filter", "no", K.FILTERED),
    ("malformed", "no JSON", K.MALFORMED),
    ("", "?", K.SERVER_ERROR),
    ("something_new", "?", K.SERVER_ERROR),
    ("5\N{SUPERSCRIPT TWO}2", "?", K.SERVER_ERROR),
]


@pytest.mark.parametrize(("word", "message", "kind"), INSIDE)
def test_an_error_inside_an_answer_means_what_it_would_mean_as_a_status(
    word: str, message: str, kind: FailureKind
) -> None:
    assert failure_of_error("vendor", ReportedError(message, word)).kind is kind


@given(
    st.integers(300, 999),
    st.binary(max_size=300) | st.text(max_size=50).map(lambda text: orjson.dumps({"error": text})),
    st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "x"]), st.text(max_size=10)),
    st.sampled_from(Dialect),
)
def test_any_answer_is_some_failure_with_words(
    status: int, body: bytes, headers: dict[str, str], dialect: Dialect
) -> None:
    found = failure_of_answer("vendor", dialect, status, headers, body, 0.0)
    assert found.message.startswith("vendor ")
    assert len(found.message) < 400
    assert found.wait_s is None or 0 <= found.wait_s <= 3600
