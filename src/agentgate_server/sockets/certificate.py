"""The certificate that is served: loaded, loaded anew when it was renewed, and when it ends.

Python's ``ssl`` tells nothing of a certificate of one's own, and of others' only after it was
trusted. So the two times are read from the file itself: they stand at a fixed place (RFC 5280
section 4.1), behind four fields that are skipped by their lengths.
"""

from __future__ import annotations

import binascii
import re
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, NoReturn

FILE_BYTES_MAX = 1_000_000
"""A file of certificates. Real ones hold a few, of some KB each."""

PEM = re.compile(
    rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([A-Za-z0-9+/=\s]*)"
    rb"-----END (?:X509 |TRUSTED )?CERTIFICATE-----"
)

DAY_S = 86_400.0

SOON_S = (21 * DAY_S, 7 * DAY_S, DAY_S)
"""How long before its end a certificate is warned of, and again, and again, each time more
urgently; programs that renew it do so earlier."""

SOON_PART = 1 / 3
"""The first of them, as a part of its life, for some live for six days only; so do the others."""

SEQUENCE, INTEGER, VERSION = 0x30, 0x02, 0xA0
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
LENGTH_BYTES_MAX = 4


Stamp = tuple[int, int, int] | None
Stamps = tuple[Stamp, Stamp]
"""Of the certificate and of its key."""


class CertificateError(Exception):
    """Certificate or key can't be used; the text says why and what to do."""


class Validity(NamedTuple):
    """From when to when a certificate is good, UTC seconds."""

    starts_at: float
    ends_at: float


class Certificate:
    """The certificate and the key of a listener. Files that were replaced are seen by their stamps.

    Args:
        cert: the certificate, with those that lead to its authority.
        key: its key.

    Attributes:
        context: for new connections.
        validity: of the certificate; None: it could not be told.
        stamps: of the files that were tried last.

    Raises:
        CertificateError: they can't be used.
    """

    def __init__(self, cert: Path, key: Path) -> None:
        self.cert, self.key = cert, key
        self.stamps = self.look()
        self.context = context_of(cert, key)
        self.validity = validity_in(cert)

    def renew(self) -> None:
        """Load both files anew, for the connections that come from now on.

        Raises:
            CertificateError: they can't be used; what was loaded before stays.
        """
        self.stamps = self.look()
        context = context_of(self.cert, self.key)
        self.context, self.validity = context, validity_in(self.cert)

    def look(self) -> Stamps:
        """Tell this state of the two files from others; links are followed."""
        return stamp_of(self.cert), stamp_of(self.key)

    def stage(self, now: float) -> int:
        """How near its end is: 0, not yet; 1 to 3 by ``SOON_S``; 4, it does not count."""
        return 0 if self.validity is None else stage_of(self.validity, now)

    def counts_at(self, now: float) -> bool:
        """Whether clients take it at this time, as far as that can be told."""
        return self.validity is None or self.validity.starts_at <= now < self.validity.ends_at

    @property
    def ends(self) -> str:
        """When it ends, for people; "": it could not be told."""
        return "" if self.validity is None else day(self.validity.ends_at)

    def doubt(self, now: float) -> str:
        """Say what is wrong with its time, or soon will be; "": nothing."""
        return "" if self.validity is None else doubt_of(self.validity, now)


def context_of(cert: Path, key: Path) -> ssl.SSLContext:
    """Load a certificate and its key.

    Raises:
        CertificateError: they can't be used.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key, password=refuse_password)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise CertificateError(
            f"gateway.tls: cannot use {cert} with {key} ({reason}): they must be PEM files that"
            " belong together, the key without a passphrase"
        ) from None
    return context


def refuse_password() -> NoReturn:
    """Called for an encrypted key: OpenSSL would otherwise ask on the terminal and wait."""
    raise ValueError("the key is encrypted")


def doubt_of(validity: Validity, now: float) -> str:
    """Say what is wrong with the time of a certificate, or soon will be; "": nothing."""
    starts_at, ends_at = validity
    if now >= ends_at:
        return f"the certificate ended on {day(ends_at)}: clients refuse it; renew it, and reload"
    if now < starts_at:
        return f"the certificate is good from {day(starts_at)} on: is this machine's clock right?"
    if not stage_of(validity, now):
        return ""
    left = ends_at - now
    days = int(left / DAY_S)
    words = "less than a day" if not days else "1 day" if days == 1 else f"{days} days"
    return f"the certificate ends in {words}, on {day(ends_at)}: renew it, and reload"


def stage_of(validity: Validity, now: float) -> int:
    """See :meth:`Certificate.stage`."""
    starts_at, ends_at = validity
    if not starts_at <= now < ends_at:
        return len(SOON_S) + 1
    shrunk = min(1.0, SOON_PART * (ends_at - starts_at) / SOON_S[0])
    return sum(ends_at - now < before_s * shrunk for before_s in SOON_S)


def stamp_of(path: Path) -> Stamp:
    """Which file it is, how long, and when it was written; None: there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def day(at: float) -> str:
    """A time as people give it: UTC, to the minute."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def validity_in(path: Path) -> Validity | None:
    """Read from when to when the first certificate of a file is good; None: it can't be told."""
    try:
        with path.open("rb") as file:
            return validity_of(file.read(FILE_BYTES_MAX))
    except (OSError, ValueError):
        return None


def validity_of(pem: bytes) -> Validity:
    """Read from when to when the first certificate of a PEM file is good.

    Raises:
        ValueError: there is none, or it is not formed as RFC 5280 says.
    """
    found = PEM.search(pem)
    if found is None:
        raise ValueError("there is no certificate in it")
    try:
        certificate = inside(binascii.a2b_base64(found[1]), 0, SEQUENCE)
        fields = inside(certificate.data, certificate.at, SEQUENCE)
        at = fields.at
        if fields.data[at] == VERSION:
            at = inside(fields.data, at, VERSION).end
        at = inside(fields.data, at, INTEGER).end  # its number
        at = inside(fields.data, at, SEQUENCE).end  # how it was signed
        at = inside(fields.data, at, SEQUENCE).end  # by whom
        times = inside(fields.data, at, SEQUENCE)
        starts_at, middle = time_at(times.data, times.at)
        ends_at, _ = time_at(times.data, middle)
    except IndexError:
        raise ValueError("the certificate is cut short") from None
    return Validity(starts_at, ends_at)


class Element(NamedTuple):
    """A DER element: in what, where its content begins, and where it ends (X.690 section 8.1)."""

    data: bytes
    at: int
    end: int


def inside(data: bytes, at: int, *tags: int) -> Element:
    """Find the content of the element at a place.

    Raises:
        ValueError: it is another kind of element, or longer than the data.
        IndexError: the data end before.
    """
    if data[at] not in tags:
        raise ValueError("the certificate is not formed as RFC 5280 says")
    length, begin = data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        if not 0 < count <= LENGTH_BYTES_MAX:
            raise ValueError("the certificate is not formed as X.690 says")
        length, begin = int.from_bytes(data[begin : begin + count], "big"), begin + count
    if begin + length > len(data):
        raise ValueError("the certificate is cut short")
    return Element(data, begin, begin + length)


def time_at(data: bytes, at: int) -> tuple[float, int]:
    """Read a time (RFC 5280 section 4.1.2.5), and where it ends.

    Raises:
        ValueError: it is none.
        IndexError: the data end before.
    """
    _, begin, end = inside(data, at, UTC_TIME, GENERALIZED_TIME)
    text = data[begin:end].decode("ascii")
    if data[at] == UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    if not re.fullmatch(r"[0-9]{14}Z", text):
        raise ValueError("the certificate's time is none")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp(), end
