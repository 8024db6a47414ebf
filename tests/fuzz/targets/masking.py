"""Target: masking: texts, and JSON where the bytes are some."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_server.identity.tokens import Secret
from agentgate_server.secrets.masking import MASK, Masker

SECRETS = ("hunter2-of-the-house", 'hä"l\\lo/ +&<secret>')
MASKER = Masker([Secret(secret) for secret in SECRETS])


def run(data: bytes) -> None:
    """Mask it; no secret is left, JSON stays JSON, and masking again changes nothing more."""
    text = data.decode("utf-8", "replace")
    masked = MASKER.text(text)
    assert not any(secret in masked for secret in SECRETS)
    try:
        before = msgspec.json.decode(text)
        data = text.encode()
    except (ValueError, RecursionError):
        return  # what is stored was decoded before
    for hide in (MASKER.shown, MASKER.result):
        hidden = hide(data)
        after = msgspec.json.decode(hidden)
        assert not any(has(after, secret) for secret in SECRETS)
        assert hide(hidden) == hidden
        assert after == before or MASK.encode() in hidden


def has(value: Any, secret: str) -> bool:
    """Whether a secret stands in a text or a name of decoded JSON."""
    match value:
        case str():
            return secret in value
        case dict():
            return any(secret in name or has(item, secret) for name, item in value.items())
        case list():
            return any(has(item, secret) for item in value)
        case _:
            return False
