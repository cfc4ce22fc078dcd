"""Claims of docs/security.md that only a real sidecar can show."""

import asyncio
import json
import logging
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from reliability import CHAT, GOOD, MESSAGES, PATHS, RESPONSES
from routers import SPARE_KEY, VENDOR_KEY, router_text
from test_failover import ASK, STREAM

from provider import Answer, Delivery, Ending, InBandError, Raw, ScriptedProvider
from tierrouter_operator.webhook.authority import CA_CERTIFICATES, CERTIFICATE, KEY, Lifetimes, renewed

DIALECTS = [CHAT, RESPONSES, MESSAGES]
LIFETIMES = Lifetimes(leaf=timedelta(days=7), ca=timedelta(days=60), notice=timedelta(hours=1))
SECRET_WORDS = "the launch code is 0000"


@pytest.fixture
def certified(tmp_path):
    """Makes a server's TLS settings, and the PEM of who certified it."""

    def made(name: str) -> tuple[ssl.SSLContext, str]:
        files = renewed({}, (name,), datetime.now(UTC), LIFETIMES)
        for part in (CERTIFICATE, KEY):
            (tmp_path / part).write_bytes(files[part])
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tmp_path / CERTIFICATE, tmp_path / KEY)
        return context, files[CA_CERTIFICATES].decode()

    return made


def trusting(text: str, bundle: str) -> str:
    indented = "\n".join(f"    {line}" for line in bundle.strip().splitlines())
    return text.replace(
        "  credential: {secretRef: {name: vendor",
        f"  caBundle: |\n{indented}\n  credential: {{secretRef: {{name: vendor",
        1,
    )


@pytest.mark.parametrize(
    ("name", "trusts", "tier"),
    [("localhost", True, "routine"), ("localhost", False, "fallback"), ("elsewhere.example", True, "fallback")],
    ids=["its own CA", "a CA that nobody knows", "another host's certificate"],
)
async def test_a_providers_certificate_is_verified(start, provider, certified, name, trusts, tier):
    context, bundle = certified(name)
    async with ScriptedProvider(tls=context) as secure:
        secure.always(GOOD)
        text = router_text(f"https://localhost:{secure.port}/v1", provider.base_url)
        got = await (await start(trusting(text, bundle) if trusts else text)).post(PATHS[CHAT], ASK[CHAT])
        assert (got.status, got.tier) == (200, tier)
        assert bool(secure.requests) == (tier == "routine")
        if tier == "fallback":
            assert "has no acceptable certificate" in got.reason


async def test_a_ca_bundle_that_cannot_be_read_hands_the_turn_over(start, provider, spare):
    """It looks like a certificate to all but OpenSSL."""
    provider.always(GOOD)
    bundle = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----"
    sidecar = await start(trusting(router_text(provider.base_url, spare.base_url), bundle))
    got = await sidecar.post(PATHS[CHAT], ASK[CHAT])
    assert (got.status, got.tier) == (200, "fallback")
    assert "the caBundle of vendor can't be read" in got.reason
    assert provider.requests == []
    assert await sidecar.metric('tierrouter_attempt_errors_total{kind="tls",provider="vendor"}') == 1


async def test_a_ca_bundle_may_hold_remarks_in_any_language(start, provider, certified):
    context, bundle = certified("localhost")
    async with ScriptedProvider(tls=context) as secure:
        secure.always(GOOD)
        text = router_text(f"https://localhost:{secure.port}/v1", provider.base_url)
        got = await (await start(trusting(text, f"# Zertifikat f\u00fcr uns\n{bundle}"))).post(PATHS[CHAT], ASK[CHAT])
        assert (got.status, got.tier) == (200, "routine")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_key_that_a_provider_says_in_a_stream_is_taken_out(start, provider, dialect):
    sidecar = await start(router_text(provider.base_url))
    error = InBandError(message=f"our database says {VENDOR_KEY} and {SPARE_KEY}", kind="server")
    provider.script(Answer(text=["a ", "b ", "c "] * 5, delivery=Delivery(error_after_events=9, error=error)))
    got = await sidecar.post(PATHS[dialect], STREAM[dialect])
    assert got.status == 200
    assert b"our database says [redacted] and [redacted]" in got.body
    for key in (VENDOR_KEY, SPARE_KEY):
        assert key.encode() not in got.body


async def test_a_key_that_a_client_hangs_up_on_is_not_remembered_of_its_provider(start, provider):
    sidecar = await start(router_text(provider.base_url))
    said = {"error": {"message": f"out of credit for {VENDOR_KEY}", "code": "insufficient_quota"}}
    chunk = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}]}
    data = b"".join(b"data: %s\n\n" % json.dumps(each).encode() for each in (chunk, said))
    provider.script(Raw(data, delivery=Delivery(ending=Ending.STALL)))
    async with sidecar.client.post(sidecar.url + PATHS[CHAT], json=STREAM[CHAT]) as response:
        seen = b""
        while b"insufficient_quota" not in seen:
            seen += await response.content.readany()
        response.close()
    await sidecar.rows()
    status = (await sidecar.get(sidecar.admin_url + "/status")).body
    assert b"out of credit for [redacted]" in status
    assert VENDOR_KEY.encode() not in status + seen


async def test_nothing_that_a_client_writes_breaks_a_line_of_logs_headers_ledger_or_metrics(start, provider, caplog):
    sidecar = await start(router_text(provider.base_url))
    provider.always(GOOD)
    evil = "tier/x\r\nset-cookie: a=b\x1b[2J\u2028" + "y" * 500
    with caplog.at_level(logging.DEBUG, "tierrouter"):
        got = await sidecar.post(PATHS[CHAT], {**ASK[CHAT], "model": evil})
        reader, writer = await asyncio.open_connection("127.0.0.1", sidecar.running.port)
        body = b'{"model": "auto", "messages": [{"role": "user", "content": "x"}]}'
        head = (
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"x-tierrouter-session: s\xff\x9b31m\r\nx-tierrouter-hint: h\xc2\x85\xff\r\n"
            b"connection: close\r\ncontent-length: %d\r\n\r\n"
        )
        writer.write(head % len(body) + body)
        raw = await reader.read()
        writer.close()
    assert got.header("set-cookie") is None
    assert raw.startswith(b"HTTP/1.1 200")
    for record in caplog.records:
        assert "\n" not in record.getMessage()
        assert "\x1b" not in record.getMessage()
    for row in await sidecar.rows(2):
        for value in (row.hint, row.reason, row.session, row.agent, row.tier, row.model):
            assert value.isprintable(), value
    metrics = (await sidecar.get(sidecar.admin_url + "/metrics")).body
    assert b"\x1b" not in metrics
    assert b"set-cookie" not in metrics


async def test_no_prompt_is_on_the_admin_port_in_the_log_or_on_the_disk(start, provider, caplog):
    sidecar = await start(router_text(provider.base_url))
    provider.always(Answer(text=[SECRET_WORDS]))
    ask = {**ASK[CHAT], "messages": [{"role": "user", "content": SECRET_WORDS}]}
    with caplog.at_level(logging.DEBUG):
        await sidecar.post(PATHS[CHAT], ask)
        await sidecar.post(PATHS[CHAT], {**ask, "stream": True})
        await sidecar.rows(2)
    for path in ("/status", "/metrics", "/readyz"):
        assert SECRET_WORDS.encode() not in (await sidecar.get(sidecar.admin_url + path)).body
    assert SECRET_WORDS not in caplog.text
    for file in sidecar.state_dir.rglob("*"):
        assert not file.is_file() or SECRET_WORDS.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-host": "evil.example", "x-forwarded-proto": "http", "forwarded": "host=evil.example"},
        {"x-original-url": "http://evil.example/", "x-rewrite-url": "http://evil.example/"},
        {"openai-base-url": "http://evil.example", "x-tierrouter-hint": "http://evil.example"},
    ],
)
async def test_no_request_chooses_where_it_goes(start, provider, headers):
    sidecar = await start(router_text(provider.base_url))
    body = {**ASK[CHAT], "base_url": "http://evil.example", "provider": {"base_url": "http://evil.example"}}
    got = await sidecar.post(PATHS[CHAT] + "?base_url=http://evil.example", body, headers)
    assert got.status == 200
    assert len(provider.requests) == 1
    assert provider.last.path == "/v1/chat/completions"
    assert provider.last.header("host") == provider.origin.removeprefix("http://")


async def test_the_ports_are_on_loopback_unless_somebody_says_otherwise(start, provider):
    sidecar = await start(router_text(provider.base_url))
    for runner in (sidecar.running.data_runner, sidecar.running.admin_runner):
        assert [address[0] for address in runner.addresses] == ["127.0.0.1"]
