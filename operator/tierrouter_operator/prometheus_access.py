"""What a Prometheus is shown, a bearer token, and whom it is believed by, a bundle of authorities: from mounted files.

Both are read at each question, for tokens are renewed and authorities follow each other while the operator runs. What
is wrong with them is said without their contents.
"""

import re
import ssl
from pathlib import Path
from typing import Final

from tierrouter_operator.errors import OperatorError

_TOKEN: Final = re.compile(rb"[\x21-\x7e]+")
_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"
_MOST_TOKEN_BYTES: Final = 16 * 1024
_MOST_CA_BYTES: Final = 1024 * 1024


class PrometheusAccess:
    """Token and authorities, as the files have them now."""

    def __init__(self, token_file: str = "", ca_file: str = "") -> None:
        """Empty for no token, and for the system's authorities."""
        self._token_file = token_file
        self._ca_file = ca_file
        self._bundle = b""
        self._tls: ssl.SSLContext | None = None

    def headers(self) -> dict[str, str]:
        """What a question carries.

        Raises:
            OperatorError: the token can't be read, or is none; in words that follow "Prometheus".
        """
        if not self._token_file:
            return {}
        token = _content(self._token_file, "token", _MOST_TOKEN_BYTES).strip()
        if not _TOKEN.fullmatch(token):
            raise OperatorError(f"is not asked: {self._token_file} holds no token, which is one word of ASCII")
        return {"Authorization": f"Bearer {token.decode('ascii')}"}

    def tls(self) -> ssl.SSLContext | bool:
        """Whom an https server is believed by; True for the system's authorities.

        Raises:
            OperatorError: the bundle can't be read, or holds no certificate; in words that follow "Prometheus".
        """
        if not self._ca_file:
            return True
        bundle = _content(self._ca_file, "CA bundle", _MOST_CA_BYTES)
        if self._tls is None or bundle != self._bundle:
            self._tls, self._bundle = self._trusting(bundle), bundle
        return self._tls

    def _trusting(self, bundle: bytes) -> ssl.SSLContext:
        """These authorities instead of the system's, as Prometheus' own ``ca_file`` has it."""
        try:
            # Without one it would be the system's. Comments between certificates may be no ASCII.
            if _CERTIFICATE not in bundle:
                raise ValueError
            return ssl.create_default_context(cadata=bundle.decode("ascii", "ignore"))
        except (ssl.SSLError, ValueError):
            raise OperatorError(f"is not asked: {self._ca_file} holds no certificates in PEM") from None


def _content(name: str, what: str, limit_bytes: int) -> bytes:
    try:
        with Path(name).open("rb") as file:
            found = file.read(limit_bytes + 1)
    except OSError as error:
        raise OperatorError(f"is not asked: the {what} {name} can't be read ({error.strerror or error})") from None
    if len(found) > limit_bytes:
        raise OperatorError(f"is not asked: the {what} {name} is longer than {limit_bytes // 1024} KiB")
    return found
