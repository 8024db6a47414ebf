"""WebAuthn, the side of the gateway: what browsers are asked, and whether what they bring is good.

The checks are those of the library ``fido2`` (WebAuthn sections 7.1 and 7.2), of which this is the
one module that knows it; it is loaded when somebody first needs it. On top of them: the origin is
exactly one of the gateway's own, the person was verified (by a finger, a face or a PIN; a tap does
not do), and the key is of a kind that is not out of date.

No attestation is asked for: which make of authenticator a person has is theirs to choose.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import sha256
from importlib.util import find_spec
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import msgspec

from agentgate_proto.records.passkey import PasskeyAssertion, from_base64url, to_base64url

ALGORITHMS = (-7, -8, -257)
"""ES256, EdDSA, RS256 (COSE): what WebAuthn section 5.4 wants every site to offer."""

CEREMONY_MS = 300_000
"""How long a browser waits for the person, milliseconds (WebAuthn section 15.1)."""

PUBLIC_KEY_BYTES_MAX = 1_024
"""Of a COSE key; RSA with 4,096 bits has 530."""


HERE = "localhost"
"""What browsers call the machine that they are on."""


class WrongPasskey(Exception):
    """What a browser brought proves nothing, and why."""


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey that a browser has made.

    Attributes:
        credential: its id, base64url.
        public_key: a COSE key, base64url.
        count: how often it has signed, if it counts that.
        is_synced: it may be on several devices of the person.
    """

    credential: str
    public_key: str
    count: int
    is_synced: bool


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """An assertion that is good.

    Attributes:
        challenge: what was signed.
        count: how often the passkey has signed; 0: it does not count that.
    """

    challenge: bytes
    count: int


def is_installed() -> bool:
    """Whether the library is there."""
    return find_spec("fido2") is not None


def rp_id_of(public_origin: str) -> str:
    """Say for which host passkeys are made; "": for none, an address is no name (section 5.1.3).

    Args:
        public_origin: where browsers reach the gateway; "": nobody has said so, and it is here.
    """
    if not public_origin:
        return HERE
    host = urlsplit(public_origin).hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return host
    return ""


def load() -> None:
    """Load the library: once, that takes a second of a small machine. Call it in a thread."""
    import fido2.server  # noqa: F401 - that is all


class RelyingParty:
    """A gateway, as browsers and authenticators know it.

    Args:
        rp_id: the host name for which passkeys are made.
        origins: those of the pages that may use them, as browsers write them.
    """

    def __init__(self, rp_id: str, origins: Collection[str]) -> None:
        self.rp_id = rp_id
        self.origins = frozenset(origins)

    def creation_options(self, name: str, challenge: bytes, known: Sequence[str]) -> dict[str, Any]:
        """What ``navigator.credentials.create`` is to do (WebAuthn section 5.4), as JSON.

        Args:
            name: the principal's.
            challenge: to be signed.
            known: ids of the passkeys that they have: no second one on the same device.
        """
        return {
            "rp": {"id": self.rp_id, "name": f"agentgate ({self.rp_id})"},
            "user": {"id": user_handle(name), "name": name, "displayName": name},
            "challenge": to_base64url(challenge),
            "pubKeyCredParams": [{"type": "public-key", "alg": alg} for alg in ALGORITHMS],
            "timeout": CEREMONY_MS,
            "excludeCredentials": [{"type": "public-key", "id": each} for each in known],
            "authenticatorSelection": {
                "residentKey": "required",
                "requireResidentKey": True,
                "userVerification": "required",
            },
            "attestation": "none",
        }

    def request_options(self, challenge: bytes, known: Sequence[str] = ()) -> dict[str, Any]:
        """What ``navigator.credentials.get`` is to do (WebAuthn section 5.5), as JSON.

        Args:
            challenge: to be signed.
            known: ids of the passkeys of which one is to sign; none: any of this host.
        """
        return {
            "challenge": to_base64url(challenge),
            "timeout": CEREMONY_MS,
            "rpId": self.rp_id,
            "allowCredentials": [{"type": "public-key", "id": each} for each in known],
            "userVerification": "required",
        }

    def registered(self, challenge: bytes, client_data: str, attestation: str) -> Registered:
        """Look at what ``create`` has brought.

        Args:
            challenge: that it was to sign.
            client_data, attestation: base64url, see WebAuthn section 5.2.1.

        Raises:
            WrongPasskey: it is none for this gateway, or the person was not verified.
        """
        response = {"clientDataJSON": client_data, "attestationObject": attestation}
        try:
            made = self._server().register_complete(
                state_of(challenge), {"rawId": "", "response": response}
            )
            data = made.credential_data
            key = encoded(data.public_key)
            credential = to_base64url(data.credential_id)
            algorithm = data.public_key.get(3)
        except Exception as error:  # whatever strangers send, and whatever the parser trips over
            raise WrongPasskey(f"no passkey could be made of it: {reason_of(error)}") from None
        if algorithm not in ALGORITHMS or len(key) > PUBLIC_KEY_BYTES_MAX:
            raise WrongPasskey("the passkey is of a kind that is not taken here")
        is_synced = bool(made.flags & made.FLAG.BACKUP_ELIGIBILITY)
        return Registered(
            credential=credential,
            public_key=to_base64url(key),
            count=made.counter,
            is_synced=is_synced,
        )

    def signed(self, challenge: bytes, public_key: str, assertion: PasskeyAssertion) -> Signed:
        """Look at what ``get`` has brought.

        Args:
            challenge: that it was to sign.
            public_key: of the passkey, as :class:`Registered` has it.
            assertion: what was brought.

        Raises:
            WrongPasskey: the signature is not good for this, or the person was not verified.
        """
        from fido2 import cbor
        from fido2.cose import CoseKey
        from fido2.webauthn import Aaguid, AttestedCredentialData, AuthenticatorData

        try:
            data = AuthenticatorData(from_base64url(assertion.authenticator_data))
            written: Any = cbor.decode(from_base64url(public_key))
            key = CoseKey.parse(written)
            identifier = from_base64url(assertion.credential)
            known = AttestedCredentialData.create(Aaguid.NONE, identifier, key)
            response = {
                "clientDataJSON": assertion.client_data,
                "authenticatorData": assertion.authenticator_data,
                "signature": assertion.signature,
            }
            self._server().authenticate_complete(
                state_of(challenge), [known], {"rawId": assertion.credential, "response": response}
            )
        except Exception as error:  # whatever strangers send, and whatever the parser trips over
            raise WrongPasskey(f"the signature is not good: {reason_of(error)}") from None
        return Signed(challenge=challenge, count=data.counter)

    def _server(self) -> Any:
        from fido2.server import Fido2Server
        from fido2.webauthn import PublicKeyCredentialRpEntity

        party = PublicKeyCredentialRpEntity(id=self.rp_id, name="agentgate")
        return Fido2Server(party, verify_origin=self.origins.__contains__)


def encoded(public_key: Any) -> bytes:
    """A COSE key as bytes."""
    from fido2 import cbor

    return bytes(cbor.encode(public_key))


def state_of(challenge: bytes) -> dict[str, str]:
    """What the library wants to have kept."""
    return {"challenge": to_base64url(challenge), "user_verification": "required"}


def reason_of(error: Exception) -> str:
    """Why the library does not take something, in its words where it has some."""
    words = str(error) if isinstance(error, ValueError) else ""
    return words[:200] or "it is not of the form that browsers write"


def challenge_in(client_data: str) -> bytes:
    """The challenge that a browser says was signed; nobody has looked at the signature yet.

    Raises:
        WrongPasskey: it says none.
    """
    try:
        said = msgspec.json.decode(from_base64url(client_data), type=ClientData)
        return from_base64url(said.challenge)
    except (ValueError, RecursionError):
        raise WrongPasskey("what was signed is not of the form that browsers write") from None


class ClientData(msgspec.Struct):
    """What of ``clientDataJSON`` is looked at before it is known to be good."""

    challenge: str


def user_handle(name: str) -> str:
    """The id of a principal for authenticators: one that says nothing of them (section 14.6.1)."""
    return to_base64url(sha256(b"agentgate user\0" + name.encode()).digest())
