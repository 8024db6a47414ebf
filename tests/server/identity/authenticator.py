"""An authenticator in software: it makes passkeys and signs, as a phone and its browser do.

Everything is as WebAuthn level 3 writes it: ``clientDataJSON`` (5.8.1), authenticator data (6.1),
an attestation object of the format ``none`` (8.7), and signatures by ECDSA over P-256 (ES256).
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from struct import pack
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2 import cbor
from fido2.cose import ES256

from agentgate_proto.records.passkey import PasskeyAssertion

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authenticator:
    """One passkey, and the browser around it.

    Args:
        origin: of the page.
        rp_id: for which the passkey is.
        number: tells its credential from others'.

    Attributes:
        flags: what it says of the person.
        count: how often it has signed; None: it does not count.
    """

    def __init__(self, origin: str, rp_id: str = "localhost", number: int = 1) -> None:
        self.origin = origin
        self.rp_id = rp_id
        self.flags = PRESENT | VERIFIED
        self.count: int | None = None
        self.credential = bytes([number]) * 32
        self._key = ec.generate_private_key(ec.SECP256R1())

    def make(self, options: dict[str, Any]) -> dict[str, str]:
        """Do what ``navigator.credentials.create`` is told."""
        public = cbor.encode(ES256.from_cryptography_key(self._key.public_key()))
        attested = bytes(16) + pack(">H", len(self.credential)) + self.credential + public
        data = self._data(ATTESTED) + attested
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client_data("webauthn.create", options["challenge"])
        return {"client_data": b64(client), "attestation": b64(attestation)}

    def sign(self, challenge: str) -> PasskeyAssertion:
        """Do what ``navigator.credentials.get`` is told."""
        if self.count is not None:
            self.count += 1
        data, client = self._data(), self._client_data("webauthn.get", challenge)
        signature = self._key.sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))
        return PasskeyAssertion(
            credential=b64(self.credential),
            authenticator_data=b64(data),
            client_data=b64(client),
            signature=b64(signature),
        )

    def _data(self, more: int = 0) -> bytes:
        head = sha256(self.rp_id.encode()).digest()
        return head + pack(">BI", self.flags | more, self.count or 0)

    def _client_data(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return msgspec.json.encode(said)
