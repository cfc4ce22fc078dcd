"""Keys in files: read anew while they are there, and kept when all of them go at once."""

from pathlib import Path

import pytest

from tierrouter_core.document.model import Provider
from tierrouter_sidecar.credentials import Credentials
from tierrouter_sidecar.errors import CredentialError


def provider(name: str = "openai", base_url: str = "https://api.openai.com/v1") -> Provider:
    return Provider(name=name, base_url=base_url, secret_name=name, secret_key="api-key")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("openai", "openrouter"):
        (tmp_path / f"{name}.key").write_text(f"key-of-{name}")
    return tmp_path


def test_a_rotated_key_is_used_within_a_second(folder: Path) -> None:
    credentials = Credentials(folder, {})
    assert credentials.key_of(provider(), 0.0) == "key-of-openai"
    (folder / "openai.key").write_text("rotated")
    assert credentials.key_of(provider(), 1.1) == "rotated"


def test_one_key_that_is_taken_away_is_not_used_any_more(folder: Path) -> None:
    credentials = Credentials(folder, {})
    credentials.key_of(provider(), 0.0)
    (folder / "openai.key").unlink()
    with pytest.raises(CredentialError, match="no key for provider openai"):
        credentials.key_of(provider(), 1.1)


def test_when_all_files_go_with_their_router_the_keys_that_were_read_stay(folder: Path) -> None:
    credentials = Credentials(folder, {})
    credentials.key_of(provider(), 0.0)
    for file in folder.iterdir():
        file.unlink()
    assert credentials.key_of(provider(), 1.1) == "key-of-openai"
    with pytest.raises(CredentialError, match="no key for provider openrouter"):
        credentials.key_of(provider("openrouter"), 1.1)


def test_a_key_that_stayed_goes_nowhere_else(folder: Path) -> None:
    credentials = Credentials(folder, {})
    credentials.key_of(provider(), 0.0)
    for file in folder.iterdir():
        file.unlink()
    with pytest.raises(CredentialError):
        credentials.key_of(provider(base_url="https://elsewhere.example/v1"), 0.1)
