"""Certificates that sign themselves, made by the openssl command."""

from __future__ import annotations

import subprocess
from pathlib import Path


def openssl(folder: Path, *args: str) -> str:
    """Run it in a folder, and return what it prints."""
    done = subprocess.run(
        ["openssl", *args], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def make(folder: Path, name: str, days: int = 30) -> Path:
    """Make NAME.pem for this machine, good for so many days (-1: until yesterday), and NAME.key."""
    openssl(
        folder,
        *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr"),
    )
    (folder / "extensions").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl(
        folder,
        *("x509", "-req", "-in", f"{name}.csr", "-signkey", f"{name}.key", "-days", str(days)),
        *("-extfile", "extensions", "-out", f"{name}.pem"),
    )
    return folder / f"{name}.pem"


class Pair:
    """The two files that a gateway serves with; a test may put others in their place.

    Args:
        folder: for everything.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cert, self.key = folder / "cert.pem", folder / "key.pem"

    def put(self, name: str, key_name: str = "") -> None:
        """Serve the certificate of this name from now on, perhaps with another's key."""
        self.cert.write_bytes((self.folder / f"{name}.pem").read_bytes())
        self.key.write_bytes((self.folder / f"{key_name or name}.key").read_bytes())

    def config(self) -> dict[str, str]:
        """What ``gateway.tls`` is."""
        return {"cert": str(self.cert), "key": str(self.key)}
