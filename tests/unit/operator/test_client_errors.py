"""Why the API server can't be reached, in words."""

import ssl
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from tierrouter_operator.client import why_unreachable

KEY: Any = SimpleNamespace(host="api", port=443, ssl=True, is_ssl=True)


def not_trusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "Connect call failed ('10.0.0.1', 443)")),
            "Connection refused",
        ),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(None, "Name or service not known")), "Name or service not known"),
        (aiohttp.ClientConnectorCertificateError(KEY, not_trusted()), "self-signed certificate"),
        (
            aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version")),
            "WRONG_VERSION_NUMBER",
        ),
    ],
    ids=["refused", "unknown name", "certificate", "no TLS"],
)
def test_it_is_said_by_what_went_wrong(error: aiohttp.ClientConnectorError, words: str) -> None:
    assert words in why_unreachable(error)
