"""``agent-gate cert``: what it makes is taken by who trusts the authority, and by nobody else."""

from __future__ import annotations

import json
import socket
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from tests.cli.support import run

from agentgate_cli import authority as making
from agentgate_cli.authority import AuthorityError, make_certificate

NAMES = ("gate.lan", "192.168.1.5", "fd00::5")


def shake_hands(folder: Path, name: str) -> str:
    """Open TLS to a listener with the certificate, as a device that trusts the authority.

    Returns:
        Why the device does not go on; "": it does.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / making.CERTIFICATE, folder / making.KEY)
    device = ssl.create_default_context(cafile=str(folder / making.AUTHORITY))
    device.verify_flags |= ssl.VERIFY_X509_STRICT
    here, there = socket.socketpair()

    def answer() -> None:
        try:
            with server.wrap_socket(there, server_side=True) as link:
                link.recv(1)
        except OSError:
            there.close()

    thread = threading.Thread(target=answer)
    thread.start()
    problem = ""
    try:
        with device.wrap_socket(here, server_hostname=name) as link:
            link.send(b"x")
    except ssl.SSLCertVerificationError as error:
        problem = error.verify_message
    finally:
        here.close()
        thread.join(10)
    return problem


def test_a_device_that_trusts_the_authority_takes_each_name_and_no_other(tmp_path: Path) -> None:
    make_certificate(tmp_path, NAMES)
    for name in NAMES:
        assert shake_hands(tmp_path, name) == ""
    assert "mismatch" in shake_hands(tmp_path, "other.lan")


def test_a_renewed_certificate_is_of_the_same_authority(tmp_path: Path) -> None:
    first = make_certificate(tmp_path, NAMES)
    authority = first.authority.read_bytes()
    again = make_certificate(tmp_path, ("house.local",))
    assert (first.is_new, again.is_new) == (True, False)
    assert again.authority.read_bytes() == authority
    assert shake_hands(tmp_path, "house.local") == ""
    assert again.ends_at - datetime.now(UTC) < timedelta(days=398)


def test_keys_are_their_owner_s_alone(tmp_path: Path) -> None:
    make_certificate(tmp_path, NAMES)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes[making.KEY] == modes[making.AUTHORITY_KEY] == 0o600
    assert len(modes) == 4, "nothing half made is left"


def test_the_authority_can_t_pass_for_anybody_else(tmp_path: Path) -> None:
    make_certificate(tmp_path, ("gate.lan",))
    with pytest.raises(AuthorityError, match=r"was not made for bank\.example"):
        make_certificate(tmp_path, ("gate.lan", "bank.example"))
    with pytest.raises(AuthorityError, match=r"was not made for 8\.8\.8\.8"):
        make_certificate(tmp_path, ("8.8.8.8",))
    # And whoever has its key is not taken for it either
    now = datetime.now(UTC)
    authority, signing = making.read_authority(tmp_path, now)
    key = ec.generate_private_key(ec.SECP256R1())
    forged = (
        x509.CertificateBuilder()
        .subject_name(making.named("bank.example"))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("bank.example")]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False
        )
        .sign(signing, SHA256())
    )
    (tmp_path / making.CERTIFICATE).write_bytes(forged.public_bytes(Encoding.PEM))
    (tmp_path / making.KEY).write_bytes(making.key_bytes(key))
    assert "permitted subtree" in shake_hands(tmp_path, "bank.example")


def test_names_of_one_s_own_are_for_who_asks_at_first(tmp_path: Path) -> None:
    make_certificate(tmp_path, ("gate.example.org", "203.0.113.7"))
    assert shake_hands(tmp_path, "gate.example.org") == ""
    assert shake_hands(tmp_path, "203.0.113.7") == ""


@pytest.mark.parametrize("name", ["", "not a name", "a..b", "1.2.3", "x" * 300, "*.lan"])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(AuthorityError, match="no name and no address"):
        make_certificate(tmp_path, (name,))
    assert list(tmp_path.iterdir()) == []


def damage(name: str, text: str) -> Any:
    def change(folder: Path) -> None:
        (folder / name).write_text(text)

    return change


def swap_key(folder: Path) -> None:
    key = making.key_bytes(ec.generate_private_key(ec.SECP256R1()))
    (folder / making.AUTHORITY_KEY).write_bytes(key)


@pytest.mark.parametrize(
    "change",
    [damage(making.AUTHORITY, "nothing"), damage(making.AUTHORITY_KEY, "nothing"), swap_key],
)
def test_an_authority_that_is_none_is_not_used(tmp_path: Path, change: Any) -> None:
    make_certificate(tmp_path, ("gate.lan",))
    change(tmp_path)
    with pytest.raises(AuthorityError, match="take another folder"):
        make_certificate(tmp_path, ("gate.lan",))


def test_an_authority_that_is_over_is_not_used(tmp_path: Path) -> None:
    make_certificate(tmp_path, ("gate.lan",))
    with pytest.raises(AuthorityError, match="is over"):
        make_certificate(tmp_path, ("gate.lan",), datetime.now(UTC) + timedelta(days=3_650))


def test_the_command_says_what_to_do_with_it(tmp_path: Path) -> None:
    done = run("cert", "gate.lan", "192.168.1.5", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("cert: certs/gateway.pem", "key: certs/gateway.key", "iPhone", "Android"):
        assert words in done.stdout
    again = run("cert", "gate.lan", "--json", cwd=tmp_path)
    told = json.loads(again.stdout)
    assert (told["names"], told["authority_is_new"]) == (["gate.lan"], False)
    assert told["fingerprint"][:23] in done.stdout
    refused = run("cert", "bank.example", cwd=tmp_path)
    assert refused.returncode == 4
    assert "was not made for bank.example" in refused.stderr
