"""Passkeys: what a person's authenticator has signed, and what that is a yes or a no to.

An authenticator signs a challenge of 32 bytes (WebAuthn section 7.2). Of a decision that is the
hash of everything that the person says with it: which approval, which digest, yes or no, the grant,
and a nonce of the gateway's that is good once. So a signature is good for this one answer, and who
has the audit can tell that from the entry alone.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Annotated

import msgspec

from agentgate_proto.digest import canonical_args

CREDENTIAL_CHARS_MAX = 1_364
"""Of a credential's id: 1,023 bytes in base64url (WebAuthn section 6.1)."""

AUTHENTICATOR_DATA_CHARS_MAX = 2_048
"""37 bytes; what extensions add to an assertion is short."""

CLIENT_DATA_CHARS_MAX = 4_096
"""JSON of some 200 bytes, written by a browser, which may add members of its own."""

SIGNATURE_CHARS_MAX = 1_024
"""RSA with 4,096 bits gives 683; ES256, which nearly all have, 96."""

CHALLENGE_BYTES = 32
"""SHA-256; WebAuthn wants 16 at least."""

KEY_NAME_CHARS_MAX = 64
"""Of the name that a person gives a passkey of theirs."""

PURPOSE = "agentgate approval"
"""Keeps these hashes apart from those of anything else."""

Credential = Annotated[str, msgspec.Meta(min_length=1, max_length=CREDENTIAL_CHARS_MAX)]


class PasskeyAssertion(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser brings from an authenticator, all of it base64url without padding.

    Attributes:
        credential: the id of the passkey.
        authenticator_data, client_data: what was signed, as it was signed.
        signature: over both.
    """

    credential: Credential
    authenticator_data: Annotated[str, msgspec.Meta(max_length=AUTHENTICATOR_DATA_CHARS_MAX)]
    client_data: Annotated[str, msgspec.Meta(max_length=CLIENT_DATA_CHARS_MAX)]
    signature: Annotated[str, msgspec.Meta(max_length=SIGNATURE_CHARS_MAX)]


class PasskeyProof(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An assertion that was verified, with all that it takes to verify it once more.

    Attributes:
        credential, authenticator_data, client_data, signature: as in ``PasskeyAssertion``.
        public_key: of the passkey at that time, a COSE key in base64url.
        name: what its owner calls it.
        nonce: of the challenge, base64url.
        challenge: what was signed, base64url; it stands in ``client_data``, too.
    """

    credential: str
    authenticator_data: str
    client_data: str
    signature: str
    public_key: str
    nonce: str
    challenge: str
    name: str = ""

    def is_for(
        self, rid: str, digest: str, *, approve: bool, grant: msgspec.Struct | None = None
    ) -> bool:
        """Whether exactly this answer was signed; see :func:`challenge_of`."""
        try:
            nonce = from_base64url(self.nonce)
        except ValueError:
            return False
        challenge = challenge_of(rid, digest, approve=approve, grant=grant, nonce=nonce)
        return to_base64url(challenge) == self.challenge


def challenge_of(
    rid: str, digest: str, *, approve: bool, grant: msgspec.Struct | None, nonce: bytes
) -> bytes:
    """What a person signs with their answer to an approval.

    Args:
        rid: the approval's id.
        digest: of the tool and the arguments that are approved: as they were asked, or edited.
        approve: yes or no.
        grant: the terms of what else the yes is to cover; None: nothing.
        nonce: of the gateway's, good once.
    """
    said = {
        "approval": rid,
        "decision": "approve" if approve else "deny",
        "digest": digest,
        "grant": grant,
        "nonce": to_base64url(nonce),
        "purpose": PURPOSE,
    }
    return sha256(canonical_args(said)).digest()


def to_base64url(data: bytes) -> str:
    """Bytes as WebAuthn writes them: base64url without padding (RFC 4648 section 5)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """The bytes of such a text.

    Raises:
        ValueError: it is none, or one that is written otherwise than :func:`to_base64url` does.
    """
    try:
        data = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:
        raise ValueError("it is no base64url") from None
    if to_base64url(data) != text:
        raise ValueError("it is no base64url without padding")
    return data
