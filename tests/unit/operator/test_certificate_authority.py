"""Certificates that renew themselves, over years of a clock that the test turns."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from tierrouter_operator.webhook.authority import CA_CERTIFICATES, CERTIFICATE, KEY, Files, Lifetimes, expiry, renewed

NAMES = ("tierrouter-webhook.tierrouter-system.svc", "tierrouter-webhook.tierrouter-system")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIFETIMES = Lifetimes(leaf=timedelta(days=7), ca=timedelta(days=60), notice=timedelta(hours=1))


def trusted(files: Files) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(files[CA_CERTIFICATES])


def is_trusted_by(leaf: bytes, authorities: list[x509.Certificate]) -> bool:
    certificate = x509.load_pem_x509_certificate(leaf)
    for authority in authorities:
        if authority.subject == certificate.issuer:
            certificate.verify_directly_issued_by(authority)
            return True
    return False


def test_nothing_is_made_anew_before_it_is_due() -> None:
    files = renewed({}, NAMES, NOW, LIFETIMES)
    assert renewed(files, NAMES, NOW + timedelta(days=4), LIFETIMES) == files


def test_a_leaf_is_followed_by_another_long_before_it_ends() -> None:
    files = renewed({}, NAMES, NOW, LIFETIMES)
    later = renewed(files, NAMES, NOW + timedelta(days=5), LIFETIMES)
    assert later[CERTIFICATE] != files[CERTIFICATE] and later[CA_CERTIFICATES] == files[CA_CERTIFICATES]
    assert expiry(later[CERTIFICATE]) == NOW + timedelta(days=12)


def test_at_every_hour_through_eight_authorities_the_leaf_is_valid_and_was_trusted_an_hour_before() -> None:
    lifetimes = Lifetimes(leaf=timedelta(days=1), ca=timedelta(days=8), notice=timedelta(hours=1))
    files, now = renewed({}, NAMES, NOW, lifetimes), NOW
    authorities, before = set(), trusted(files)
    for _ in range(24 * 50):
        now += timedelta(hours=1)
        files = renewed(files, NAMES, now, lifetimes)
        assert is_trusted_by(files[CERTIFICATE], before), "an API server that knows only the last bundle trusts it"
        ends = expiry(files[CERTIFICATE])
        assert ends is not None and ends > now
        before = trusted(files)
        assert all(authority.not_valid_after_utc > now for authority in before) and len(before) <= 3
        authorities |= {authority.serial_number for authority in before}
    assert len(authorities) >= 8, "authorities do follow each other"


def test_the_last_leaf_of_an_old_authority_stays_trusted_while_another_replica_serves_it() -> None:
    files, now = renewed({}, NAMES, NOW, LIFETIMES), NOW
    served = files[CERTIFICATE]
    for _ in range(24 * 60):
        now += timedelta(hours=1)
        files = renewed(files, NAMES, now, LIFETIMES)
        assert is_trusted_by(served, trusted(files))
        served = files[CERTIFICATE]


@pytest.mark.parametrize("broken", [CERTIFICATE, KEY, "ca-current.crt", "ca-current.key"])
def test_what_cannot_be_read_is_made_anew(broken: str) -> None:
    files = renewed({}, NAMES, NOW, LIFETIMES)
    mended = renewed({**files, broken: b"-----BEGIN NONSENSE-----"}, NAMES, NOW, LIFETIMES)
    assert is_trusted_by(mended[CERTIFICATE], trusted(mended))
    assert renewed(mended, NAMES, NOW, LIFETIMES) == mended


def test_another_name_of_the_service_makes_another_leaf() -> None:
    files = renewed({}, NAMES, NOW, LIFETIMES)
    other = renewed(files, ("other.svc",), NOW, LIFETIMES)
    assert other[CERTIFICATE] != files[CERTIFICATE] and other[CA_CERTIFICATES] == files[CA_CERTIFICATES]


def test_a_certificate_has_what_clients_look_at() -> None:
    files = renewed({}, NAMES, NOW, LIFETIMES)
    leaf = x509.load_pem_x509_certificate(files[CERTIFICATE])
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == set(NAMES)
    ssl.create_default_context(cadata=files[CA_CERTIFICATES].decode())
