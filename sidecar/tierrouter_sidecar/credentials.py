"""Providers' keys: read from files or the environment, held nowhere else, never logged.

In a pod the key of provider ``openrouter`` is the file ``openrouter.key`` in ``$TIERROUTER_CREDENTIALS_DIR``; beside it
``openrouter.origin`` says where the key may go. On a laptop it is the environment variable made of its secretRef:
``{name: openrouter, key: api-key}`` is ``OPENROUTER_API_KEY``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tierrouter_core.contract import KEY_SUFFIX, ORIGIN_SUFFIX
from tierrouter_core.document.model import Provider
from tierrouter_sidecar.errors import CredentialError

CREDENTIALS_DIR_VARIABLE = "TIERROUTER_CREDENTIALS_DIR"
_REREAD_AFTER_S = 1.0
_SHORTEST_SECRET = 8
"""What is shorter is a placeholder for a server that wants one, and may be any word."""


def variable_of(provider: Provider) -> str:
    """The environment variable that holds the provider's key: ``OPENROUTER_API_KEY``."""
    return re.sub(r"[^A-Z0-9]", "_", f"{provider.secret_name}_{provider.secret_key}".upper())


@dataclass(frozen=True, slots=True)
class _Known:
    key: str
    origin: str
    """Where it may go."""
    read_at_s: float


class Credentials:
    """Looks keys up; a rotated file is seen within a second. When all files go, the keys that were read stay."""

    def __init__(self, directory: Path | None, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._environment = environment
        self._cached: dict[str, _Known] = {}

    def key_of(self, provider: Provider, now_s: float) -> str | None:
        """The provider's key, or None for one that needs none. ``now_s`` is a monotonic clock.

        Raises:
            CredentialError: the key is missing, unusable, or may not go to the provider's address.
        """
        if not provider.secret_name:
            return None
        known = self._cached.get(provider.name)
        if known is not None and now_s - known.read_at_s < _REREAD_AFTER_S and known.origin == provider.origin:
            return known.key
        key = self._read(provider).strip()
        if not key and known is not None and known.origin == provider.origin and self._all_are_gone():
            # The router was deleted, and its Secret with it: running pods go on as they are.
            return known.key
        if not key:
            raise CredentialError(f"no key for provider {provider.name}: {self._where(provider)}")
        if not key.isascii() or not key.isprintable():
            raise CredentialError(f"the key of provider {provider.name} holds characters that a header can't carry")
        self._cached[provider.name] = _Known(key, provider.origin, now_s)
        return key

    def redacted(self, text: bytes) -> bytes:
        """What a provider says, without any key: some quote them in their errors."""
        for known in self._cached.values():
            if len(known.key) >= _SHORTEST_SECRET:
                text = text.replace(known.key.encode(), b"[redacted]")
        return text

    def _all_are_gone(self) -> bool:
        """Whether the folder holds no key of any provider; one key that is missing was taken away on purpose."""
        return self._directory is not None and not any(self._directory.glob(f"*{KEY_SUFFIX}"))

    def _read(self, provider: Provider) -> str:
        if self._directory is not None:
            file = self._directory / f"{provider.name}{KEY_SUFFIX}"
            try:
                key = file.read_text()
            except FileNotFoundError:
                pass
            except (OSError, UnicodeDecodeError) as error:
                raise CredentialError(
                    f"the key of provider {provider.name} can't be read from {file}: {error}"
                ) from None
            else:
                self._check_origin(provider)
                return key
        return self._environment.get(variable_of(provider), "")

    def _check_origin(self, provider: Provider) -> None:
        assert self._directory is not None
        file = self._directory / f"{provider.name}{ORIGIN_SUFFIX}"
        if not file.exists():
            return
        allowed = file.read_text().strip()
        if allowed != provider.origin:
            raise CredentialError(
                f"the key of provider {provider.name} may go to {allowed} only; the document names {provider.origin}"
            )

    def _where(self, provider: Provider) -> str:
        variable = f"set {variable_of(provider)}"
        if self._directory is None:
            return variable
        return f"{variable}, or write it to {self._directory / (provider.name + KEY_SUFFIX)}"
