"""An authority of one's own, and the certificate of a gateway that it signs (RFC 5280).

Whoever trusts an authority trusts whatever its key signs. So this one may sign for the names that
it was made for, for names that exist only at home, and for private addresses: who steals the key
can't pass for a bank (name constraints, RFC 5280 section 4.2.1.10).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY, AUTHORITY_KEY = "authority.pem", "authority.key"
CERTIFICATE, KEY = "gateway.pem", "gateway.key"

AUTHORITY_DAYS = 3_650
DAYS = 397
"""Phones take no certificate of a server that is good for longer than 398 days."""

HOME_NAMES = ("localhost", "local", "lan", "internal", "home.arpa", "home", "fritz.box")
"""Names, and all below them, that no public authority signs for, or that are of a box at home."""

HOME_NETWORKS = (
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "100.64.0.0/10"),
    *("169.254.0.0/16", "fc00::/7", "fe80::/10", "::1/128"),
)
"""Addresses that only those inside can have."""

PRIVATE, PUBLIC = 0o600, 0o644
BACK = timedelta(hours=1)
"""A device whose clock is behind by so much takes it all the same."""


class AuthorityError(Exception):
    """It can't be done; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Made:
    """What stands in the folder now.

    Attributes:
        authority, certificate, key: the files.
        names: for which the certificate is.
        fingerprint: SHA-256 of the authority, as devices show it.
        ends_at: when the certificate ends, UTC.
        is_new: the authority was made just now.
    """

    authority: Path
    certificate: Path
    key: Path
    names: tuple[str, ...]
    fingerprint: str
    ends_at: datetime
    is_new: bool


def make_certificate(folder: Path, names: tuple[str, ...], now: datetime | None = None) -> Made:
    """Make a certificate, and the authority if the folder has none yet.

    Args:
        folder: is there. What is in it of an earlier certificate is replaced.
        names: by which browsers reach the gateway: names and addresses.
        now: UTC; None: the system's clock says.

    Raises:
        AuthorityError: the authority that is there can't be used, or may not sign for a name.
        OSError: the folder can't be written.
    """
    now = now or datetime.now(UTC)
    subjects = tuple(map(subject_of, names))
    is_new = not (folder / AUTHORITY).exists()
    if is_new:
        make_authority(folder, subjects, now)
    authority, authority_key = read_authority(folder, now)
    for name, subject in zip(names, subjects, strict=True):
        if not may_sign(authority, subject):
            raise AuthorityError(
                f"the authority in {folder} was not made for {name}: make another one in another"
                " folder (--folder), and let your devices trust that one"
            )
    key = ec.generate_private_key(ec.SECP256R1())
    ends_at = min(now + timedelta(days=DAYS), authority.not_valid_after_utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(named(str(names[0])[:64]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(max(now - BACK, authority.not_valid_before_utc))
        .not_valid_after(ends_at)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(subjects), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, SHA256())
    )
    write(folder / KEY, key_bytes(key), PRIVATE)
    chain = certificate.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM)
    write(folder / CERTIFICATE, chain, PUBLIC)
    return Made(
        folder / AUTHORITY,
        folder / CERTIFICATE,
        folder / KEY,
        names,
        authority.fingerprint(SHA256()).hex(":").upper(),
        ends_at,
        is_new,
    )


def subject_of(name: str) -> x509.DNSName | x509.IPAddress:
    """Read a name or an address.

    Raises:
        AuthorityError: it is neither.
    """
    try:
        return x509.IPAddress(ip_address(name.strip("[]")))
    except ValueError:
        pass
    try:
        plain = name.rstrip(".").encode("idna").decode()
    except UnicodeError:
        plain = ""
    parts = plain.split(".")
    if not all(part and part.replace("-", "").isalnum() for part in parts) or parts[-1].isdigit():
        raise AuthorityError(f"{name!r} is no name and no address: write gate.lan or 192.168.1.5")
    return x509.DNSName(plain.lower())


def make_authority(
    folder: Path, subjects: tuple[x509.DNSName | x509.IPAddress, ...], now: datetime
) -> None:
    """Make the authority; its key is there before it is, so that none stands without."""
    key = ec.generate_private_key(ec.SECP256R1())
    networks = [ip_network(each) for each in HOME_NETWORKS]
    allowed: list[x509.GeneralName] = [x509.DNSName(name) for name in HOME_NAMES]
    allowed += [subject for subject in subjects if isinstance(subject, x509.DNSName)]
    allowed += [x509.IPAddress(network) for network in networks]
    allowed += [
        x509.IPAddress(ip_network(str(subject.value)))
        for subject in subjects
        if isinstance(subject, x509.IPAddress)
    ]
    name = named(f"agentgate at home, {now:%Y-%m-%d}")
    authority = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACK)
        .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(list(dict.fromkeys(allowed)), None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    write(folder / AUTHORITY_KEY, key_bytes(key), PRIVATE)
    write(folder / AUTHORITY, authority.public_bytes(Encoding.PEM), PUBLIC)


def read_authority(
    folder: Path, now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Read the authority of a folder.

    Raises:
        AuthorityError: it is none of ours, or over.
    """
    try:
        authority = x509.load_pem_x509_certificate((folder / AUTHORITY).read_bytes())
        key = load_pem_private_key((folder / AUTHORITY_KEY).read_bytes(), None)
        constraints = authority.extensions.get_extension_for_class(x509.NameConstraints)
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound) as error:
        text = f"{folder} has an authority that can't be used: {error}"
        raise AuthorityError(f"{text}; take another folder (--folder)") from None
    is_pair = isinstance(key, ec.EllipticCurvePrivateKey)
    if not is_pair or key.public_key() != authority.public_key() or not constraints.critical:
        raise AuthorityError(f"{folder} has an authority with another's key: take another folder")
    if authority.not_valid_after_utc < now + timedelta(days=1):
        raise AuthorityError(f"the authority in {folder} is over: take another folder (--folder)")
    assert isinstance(key, ec.EllipticCurvePrivateKey), "it was checked"
    return authority, key


def may_sign(authority: x509.Certificate, subject: x509.DNSName | x509.IPAddress) -> bool:
    """Whether an authority may sign for this."""
    constraints = authority.extensions.get_extension_for_class(x509.NameConstraints).value
    for allowed in constraints.permitted_subtrees or ():
        match subject, allowed:
            case x509.DNSName(), x509.DNSName():
                if f".{subject.value}".endswith(f".{allowed.value}"):
                    return True
            case x509.IPAddress(), x509.IPAddress():
                address, network = subject.value, allowed.value
                if not isinstance(address, IPv4Address | IPv6Address):
                    continue
                if isinstance(network, IPv4Network | IPv6Network) and address in network:
                    return True
            case _:
                pass
    return False


def usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """What a key is for: to sign certificates, or to prove who answers."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def named(name: str) -> x509.Name:
    """A subject of this common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A key as it is written."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def write(path: Path, data: bytes, mode: int) -> None:
    """Replace a file as a whole, with these permissions from its first byte on."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
