"""The certificate that is served: which names it is for, and whether clients can follow it up.

Python's ``ssl`` tells what is in a certificate only of one that it has trusted. So a client of our
own, which trusts this very certificate, shakes hands with it in memory.
"""

from __future__ import annotations

import ssl
import stat
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentgate_cli.doctor.probe import Patient, Report, broken, doubtful
from agentgate_cli.text import printable
from agentgate_proto.wire.hosts import is_address

if TYPE_CHECKING:
    from agentgate_server.config import Config
    from agentgate_server.policy.linting import Finding

ROUNDS_MAX = 8
"""Times that the two ends of a handshake speak; two are enough."""

BEGIN = b"-----BEGIN CERTIFICATE-----"
PIECE_BYTES = 65_536


async def reach_certificate(patient: Patient, config: Config) -> Report:
    """Look at the certificate of the listener; its time and its key are looked at by ``check``."""
    gateway = config.gateway
    if gateway.tls is None or not gateway.serves_tls:
        return Report()
    names = [str(each) for each in gateway.allowed_hosts if each != "*"]
    if names_one(gateway.host):
        names.append(str(gateway.host))
    return look_at_pair(gateway.tls.cert, gateway.tls.key, names)


def names_one(host: str) -> bool:
    """Whether what is listened on is also what clients write."""
    try:
        address = ip_address(host)
    except ValueError:
        return True
    return not address.is_unspecified and not address.is_loopback


def look_at_pair(cert: Path, key: Path, names: list[str]) -> Report:
    """Look at certificate and key, which can be loaded.

    Args:
        cert, key: the files.
        names: those by which clients reach the gateway.
    """
    findings = [*open_key(key)]
    told = told_by(cert, key)
    if told is None:  # too old, or not yet good: that is said elsewhere
        return Report("", tuple(findings))
    its = [str(value) for _, value in told.get("subjectAltName", ())]
    shown = ", ".join(map(printable, its)) or "no name"
    if wrong := [name for name in names if not any(fits(name, each) for each in its)]:
        findings.append(
            broken(
                f"the certificate is for {shown}, and not for {', '.join(map(printable, wrong))}",
                "get one that has the name clients use as a subject alternative name, or let them "
                "use a name that it has (gateway.allowed_hosts)",
            )
        )
    if told.get("issuer") != told.get("subject") and cert.read_bytes().count(BEGIN) == 1:
        findings.append(
            doubtful(
                f"{cert} holds one certificate, and none that leads to its authority: some clients "
                "will refuse it",
                "name the file with the whole chain (fullchain.pem) in gateway.tls.cert, unless "
                "its authority itself is what clients trust",
            )
        )
    return Report(f"the certificate is for {shown}", tuple(findings))


def open_key(key: Path) -> list[Finding]:
    """A private key that others can read is not private."""
    try:
        mode = key.stat().st_mode
    except OSError:
        return []
    if not mode & stat.S_IROTH:
        return []
    return [doubtful(f"others can read the private key {key}", f"chmod o-r {key}")]


def fits(name: str, pattern: str) -> bool:
    """Whether a certificate for ``pattern`` will do for a client that writes ``name``.

    A star stands for one whole label (RFC 9525 section 6.3).
    """
    name, pattern = name.lower().removesuffix("."), pattern.lower()
    if not pattern.startswith("*."):
        try:
            return ip_address(name) == ip_address(pattern)
        except ValueError:
            return name == pattern
    first, _, rest = name.partition(".")
    return bool(first) and rest == pattern[2:] and not is_address(name)


def told_by(cert: Path, key: Path) -> dict[str, Any] | None:
    """What is in the certificate, as ``ssl`` tells it; None: it can't be told."""
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.check_hostname = False
    asking.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        serving.load_cert_chain(cert, key, password="")
        asking.load_verify_locations(cadata=first_of(cert))
        server = serving.wrap_bio(up, down, server_side=True)
        client = asking.wrap_bio(down, up)
        for _ in range(ROUNDS_MAX):
            done = [shaken(each) for each in (client, server)]
            if all(done):
                break
        return dict(client.getpeercert() or {}) or None
    except (OSError, ValueError):
        return None


def first_of(cert: Path) -> str:
    """The first certificate of a file, which is the one that is served."""
    text = cert.read_bytes().decode("ascii", "replace")
    end = "-----END CERTIFICATE-----"
    return text[text.index(BEGIN.decode()) : text.index(end) + len(end)]


def shaken(end: ssl.SSLObject) -> bool:
    """Go on with a handshake; whether this end has done its part."""
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
