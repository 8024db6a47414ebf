"""What a person has signed, as the core takes it: a gateway has looked at the signature."""

from __future__ import annotations

import msgspec

from agentgate_proto.records.passkey import PasskeyProof, challenge_of, to_base64url

NONCE = bytes(range(32))


def proof(
    rid: str,
    digest: str,
    *,
    approve: bool = True,
    grant: msgspec.Struct | None = None,
    nonce: bytes = NONCE,
) -> PasskeyProof:
    """A proof of an answer."""
    challenge = challenge_of(rid, digest, approve=approve, grant=grant, nonce=nonce)
    return PasskeyProof(
        credential="Y3JlZA",
        authenticator_data="YXV0aA",
        client_data="e30",
        signature="c2ln",
        public_key="a2V5",
        nonce=to_base64url(nonce),
        challenge=to_base64url(challenge),
        name="phone",
    )
