"""A Prometheus behind TLS that wants a token: real connections, files that are renewed, and nothing of them is said."""

import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "rollout"))

from prometheus_answers import answer_of

from guarded_prometheus import SECRET, Guarded
from tierrouter_core.rollout.arms import Arms, Figure, arm_of
from tierrouter_operator.errors import OperatorError
from tierrouter_operator.planning.kinds import ROUTER, Key
from tierrouter_operator.prometheus import Prometheus

COUNTS = Arms(arm_of([{}] * 90, [10] * 90), arm_of([{Figure.ERRORS: 1}] * 10, [10] * 10))
UNTRUSTED = "has no certificate that is trusted (unable to get local issuer certificate)"


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(SECRET + "\n")
    return path


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return tmp_path / "bundle.pem"


@pytest.fixture
def guarded(tmp_path: Path, bundle: Path) -> Guarded:
    server = Guarded(tmp_path, answer_of(COUNTS))
    bundle.write_bytes(server.bundle)
    return server


@asynccontextmanager
async def asking(guarded: Guarded, token: Path, bundle: Path) -> AsyncIterator[Prometheus]:
    async with (
        guarded.running(),
        Prometheus(guarded.url, "namespace", token_file=str(token), ca_file=str(bundle)) as prometheus,
    ):
        yield prometheus


def renew(path: Path, content: bytes) -> None:
    """As the kubelet does."""
    beside = path.with_name("..data")
    beside.write_bytes(content)
    os.replace(beside, path)


async def asked(prometheus: Prometheus) -> Arms | str:
    return await prometheus.counts(Key(ROUTER, "agents", "coding"), "coding-1/salt/since", 90.0)


async def test_it_is_asked_over_tls_with_the_token(guarded: Guarded, token: Path, bundle: Path) -> None:
    async with asking(guarded, token, bundle) as prometheus:
        assert await asked(prometheus) == COUNTS


async def test_a_bundle_may_have_comments_in_any_language(guarded: Guarded, token: Path, bundle: Path) -> None:
    renew(bundle, "# Основной\n# Hauptzertifikat für alle\n".encode() + guarded.bundle)
    async with asking(guarded, token, bundle) as prometheus:
        assert await asked(prometheus) == COUNTS


async def test_without_the_token_its_refusal_is_said(guarded: Guarded, bundle: Path) -> None:
    async with guarded.running(), Prometheus(guarded.url, "namespace", ca_file=str(bundle)) as prometheus:
        assert await asked(prometheus) == "answers with status 401: Unauthorized"


async def test_a_token_that_is_renewed_is_the_one_that_is_shown_next(
    guarded: Guarded, token: Path, bundle: Path
) -> None:
    async with asking(guarded, token, bundle) as prometheus:
        assert await asked(prometheus) == COUNTS
        guarded.token = "another"
        assert await asked(prometheus) == "answers with status 401: Unauthorized"
        renew(token, b"another")
        assert await asked(prometheus) == COUNTS


async def test_an_authority_that_nobody_named_gets_no_token(guarded: Guarded, token: Path) -> None:
    async with guarded.running(), Prometheus(guarded.url, "namespace", token_file=str(token)) as prometheus:
        assert await asked(prometheus) == UNTRUSTED
    assert guarded.asked == 0


async def test_authorities_that_are_renewed_count_from_the_next_question_on(
    guarded: Guarded, token: Path, bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    renew(bundle, Guarded(tmp_path_factory.mktemp("other"), b"").bundle)
    async with asking(guarded, token, bundle) as prometheus:
        assert await asked(prometheus) == UNTRUSTED
        renew(bundle, guarded.bundle)
        assert await asked(prometheus) == COUNTS


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("name", "spoil", "said"),
    [
        ("token", gone, "the token {} can't be read (No such file or directory)"),
        ("token", lambda path: path.write_text("\n"), "{} holds no token, which is one word of ASCII"),
        ("token", lambda path: path.write_text(f"{SECRET}\nX: y"), "{} holds no token, which is one word of ASCII"),
        ("token", lambda path: path.write_text("hünter2"), "{} holds no token, which is one word of ASCII"),
        ("token", lambda path: path.write_text("x" * 20_000), "the token {} is longer than 16 KiB"),
        ("bundle.pem", gone, "the CA bundle {} can't be read (No such file or directory)"),
        ("bundle.pem", lambda path: path.write_text(""), "{} holds no certificates in PEM"),
        (
            "bundle.pem",
            lambda path: path.write_text("-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n"),
            "{} holds no certificates in PEM",
        ),
        ("bundle.pem", lambda path: path.write_text("hünter2"), "{} holds no certificates in PEM"),
        ("bundle.pem", lambda path: path.write_bytes(b"x" * 2_000_000), "the CA bundle {} is longer than 1024 KiB"),
    ],
)
async def test_files_that_can_not_be_used_are_said_and_nobody_is_asked(
    guarded: Guarded, token: Path, bundle: Path, name: str, spoil: Callable[[Path], object], said: str
) -> None:
    spoil(token.with_name(name))
    async with asking(guarded, token, bundle) as prometheus:
        assert await asked(prometheus) == f"is not asked: {said.format(token.with_name(name))}"
    assert guarded.asked == 0


async def test_no_log_line_has_the_token(
    guarded: Guarded, token: Path, bundle: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with asking(guarded, token, bundle) as prometheus:
        await asked(prometheus)
        guarded.token = "another"
        await asked(prometheus)
    await asked_of_nobody(guarded.url, token, bundle)
    assert "hunter2" not in caplog.text


async def asked_of_nobody(url: str, token: Path, bundle: Path) -> None:
    async with Prometheus(url, "namespace", token_file=str(token), ca_file=str(bundle)) as prometheus:
        assert "hunter2" not in str(await asked(prometheus))


def test_authorities_of_an_address_without_a_certificate_end_the_operator_at_its_start() -> None:
    with pytest.raises(OperatorError, match="is plain http, so there is no certificate to trust"):
        Prometheus("http://prometheus.monitoring.svc:9090", "namespace", ca_file="ca.crt")
