"""Signing: whether people have passkeys at a gateway, and where.

A passkey is made for a host name and for no address (WebAuthn section 5.1.3): for that of
``gateway.public_url``, or for ``localhost``, where nobody has said another.
"""

from __future__ import annotations

import secrets

from agentgate_server.config import Config
from agentgate_server.console.passkey_pages import PasskeyPages
from agentgate_server.gate.gate import Gate
from agentgate_server.identity.challenges import Challenges
from agentgate_server.identity.passkeys import Passkeys
from agentgate_server.identity.webauthn import RelyingParty, is_installed, rp_id_of


def party_of(config: Config, port: int) -> RelyingParty | None:
    """Say for which host passkeys are made; None: for none, it has no name.

    Args:
        config: of the gateway.
        port: where it listens.
    """
    public_url, gateway = config.gateway.public_url, config.gateway
    if public_url is None:
        scheme = "https" if gateway.serves_tls else "http"
        default = 443 if gateway.serves_tls else 80
        host = rp_id_of("")
        place = host if port == default else f"{host}:{port}"
        return RelyingParty(host, {f"{scheme}://{place}"})
    host = rp_id_of(public_url.origin)
    return RelyingParty(host, {public_url.origin}) if host else None


def serve_passkeys(gate: Gate, config: Config, port: int) -> None:
    """Let people make passkeys and sign with them, where that is possible at all."""
    party = party_of(config, port)
    face = gate.console_face
    if party is None or face is None or not is_installed():
        return
    authenticator = gate.authenticator
    passkeys = Passkeys(
        party,
        gate.book,
        Challenges(secrets.token_bytes, authenticator.monotonic),
        vouches=authenticator.tokens.vouches,
        tell=gate.audit.tell,
        utc=gate.utc,
    )
    gate.desk.signing.signers = passkeys
    gate.calls.passkeys.passkeys = passkeys
    PasskeyPages(face, passkeys, gate.calls.spawn)
