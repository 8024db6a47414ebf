"""Certificates for the tests, made by the openssl command."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Certificates:
    """PEM files: an authority, and what it has signed."""

    ca: Path
    server: Path
    server_key: Path
    elsewhere: Path
    expired: Path
    client: Path
    client_key: Path
    locked_key: Path

    def gateway(self, cert: Path | None = None, *, wants_client: bool = False) -> ssl.SSLContext:
        """The TLS of a gateway."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert or self.server, self.server_key)
        if wants_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.ca)
        return context


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*args: str) -> None:
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

    def make(name: str, key: str, alternatives: str, *dates: str) -> Path:
        if not (folder / f"{key}.key").exists():
            openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", f"{key}.key")
        openssl("req", "-new", "-key", f"{key}.key", "-subj", f"/CN={name}", "-out", "request")
        (folder / "extensions").write_text(
            f"subjectAltName={alternatives}\nextendedKeyUsage=serverAuth,clientAuth\n"
        )
        dates = dates or ("-days", "30")
        openssl(
            *("x509", "-req", "-in", "request", "-CA", "ca.pem", "-CAkey", "ca.key"),
            *("-CAcreateserial", "-extfile", "extensions", "-out", f"{name}.pem", *dates),
        )
        return folder / f"{name}.pem"

    openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "ca.key")
    (folder / "ca.cnf").write_text(
        "[req]\ndistinguished_name=dn\nx509_extensions=ca\nprompt=no\n[dn]\nCN=test authority\n"
        "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
        "subjectKeyIdentifier=hash\n"
    )
    openssl(
        *("req", "-x509", "-new", "-key", "ca.key", "-config", "ca.cnf"),
        *("-days", "30", "-out", "ca.pem"),
    )
    client = make("client", "client", "DNS:agent.example")
    openssl(
        *("pkcs8", "-topk8", "-in", "client.key", "-out", "locked.key", "-passout", "pass:1234"),
    )
    return Certificates(
        ca=folder / "ca.pem",
        server=make("server", "server", "IP:127.0.0.1,DNS:localhost"),
        server_key=folder / "server.key",
        elsewhere=make("elsewhere", "server", "DNS:elsewhere.example"),
        expired=make("expired", "server", "IP:127.0.0.1", "-days", "-1"),
        client=client,
        client_key=folder / "client.key",
        locked_key=folder / "locked.key",
    )
