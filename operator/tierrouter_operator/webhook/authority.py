"""A certificate authority of our own, for one service: what is kept, and when which part of it is made anew.

The leaf is short-lived. The authority is followed by another in time: first both are trusted, and only when the API
server has long been told does the new one sign. So there is always a leaf that every API server trusts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_CERTIFICATES: Final = "ca.crt"
"""All that is to be trusted, as PEM."""
CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
_CA: Final = "ca-current.crt"
_CA_KEY: Final = "ca-current.key"
_NEXT_CA: Final = "ca-next.crt"
_NEXT_CA_KEY: Final = "ca-next.key"
_OLD_CA: Final = "ca-previous.crt"

_SKEW: Final = timedelta(minutes=5)
"""Certificates begin a little earlier than now, for clocks that are late."""

Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long things hold. Each is made anew when two thirds of its time are over."""

    leaf: timedelta = timedelta(days=7)
    ca: timedelta = timedelta(days=365)
    notice: timedelta = timedelta(hours=1)
    """How long a new authority is trusted before it signs."""


@dataclass(frozen=True, slots=True)
class _Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def renewed(files: Files, names: Sequence[str], now: datetime, lifetimes: Lifetimes) -> Files:
    """What should be kept now; equal to ``files`` where nothing is due.

    Args:
        files: what is kept, by file name; empty at first. What can't be read is made anew.
        names: DNS names of the service; the first is the common name.
        now: UTC.
        lifetimes: how long things hold.
    """
    ca, following = _pair(files, _CA, _CA_KEY), _pair(files, _NEXT_CA, _NEXT_CA_KEY)
    old = _certificate(files.get(_OLD_CA, b""))
    if ca is None or now >= ca.certificate.not_valid_after_utc:
        ca, following, old = _new_ca(now, lifetimes.ca), None, None
    if following is None and _is_due(ca.certificate, now):
        following = _new_ca(now, lifetimes.ca)
    if following is not None and now >= following.certificate.not_valid_before_utc + _SKEW + lifetimes.notice:
        ca, following, old = following, None, ca.certificate
    if old is not None and now >= old.not_valid_after_utc:
        old = None
    leaf = _pair(files, CERTIFICATE, KEY)
    if leaf is None or _is_due(leaf.certificate, now) or not _is_of(leaf.certificate, ca.certificate, names):
        leaf = _new_leaf(ca, names, now, lifetimes.leaf)
    trusted = [ca.certificate, *([following.certificate] if following else ()), *([old] if old else ())]
    kept = {
        _CA: _pem(ca.certificate),
        _CA_KEY: _key_pem(ca.key),
        CERTIFICATE: _pem(leaf.certificate),
        KEY: _key_pem(leaf.key),
        CA_CERTIFICATES: b"".join(_pem(certificate) for certificate in trusted),
    }
    if following is not None:
        kept |= {_NEXT_CA: _pem(following.certificate), _NEXT_CA_KEY: _key_pem(following.key)}
    if old is not None:
        kept[_OLD_CA] = _pem(old)
    return kept


def expiry(certificate: bytes) -> datetime | None:
    """When a PEM certificate ends; None for one that is none."""
    found = _certificate(certificate)
    return None if found is None else found.not_valid_after_utc


def _is_due(certificate: x509.Certificate, now: datetime) -> bool:
    whole = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return now >= certificate.not_valid_before_utc + whole * 2 / 3


def _is_of(leaf: x509.Certificate, ca: x509.Certificate, names: Sequence[str]) -> bool:
    """Whether the leaf is signed by this authority, for these names."""
    try:
        leaf.verify_directly_issued_by(ca)
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, x509.ExtensionNotFound) as _:
        return False
    except Exception:  # a signature that does not fit has an error of its own, beside those
        return False
    return set(found.get_values_for_type(x509.DNSName)) == set(names)


def _new_ca(now: datetime, lifetime: timedelta) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    # The name is unique, or a verifier could try the wrong one of two authorities.
    number = x509.random_serial_number()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"tierrouter-webhook-ca-{number:x}"[:64])])
    builder = _builder(name, name, key, now, lifetime, number)
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return _Pair(builder.add_extension(usage, critical=True).sign(key, hashes.SHA256()), key)


def _new_leaf(ca: _Pair, names: Sequence[str], now: datetime, lifetime: timedelta) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    builder = _builder(name, ca.certificate.subject, key, now, lifetime, x509.random_serial_number())
    alternatives = x509.SubjectAlternativeName([x509.DNSName(each) for each in names])
    builder = builder.add_extension(alternatives, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return _Pair(builder.add_extension(server, critical=False).sign(ca.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    lifetime: timedelta,
    number: int,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(number)
    return builder.not_valid_before(now - _SKEW).not_valid_after(now + lifetime)


def _pair(files: Files, certificate: str, key: str) -> _Pair | None:
    """A certificate with its key; None where they are missing, can't be read or don't belong together."""
    found = _certificate(files.get(certificate, b""))
    try:
        private = serialization.load_pem_private_key(files.get(key, b""), None)
    except (ValueError, TypeError):
        return None
    if found is None or not isinstance(private, ec.EllipticCurvePrivateKey):
        return None
    return _Pair(found, private) if found.public_key() == private.public_key() else None


def _certificate(pem: bytes) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        return None


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
