"""Target: masking: texts, and JSON where the bytes are some."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_server.secrets.hiding import MASK
from agentgate_server.secrets.masking import Masker
from agentgate_server.secrets.secret import Secret
from agentgate_server.secrets.secret_names import is_naming

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
    for hide, is_asked in ((MASKER.shown, True), (MASKER.result, False)):
        hidden = hide(data)
        after = msgspec.json.decode(hidden)
        assert not any(has(after, secret, is_asked=is_asked) for secret in SECRETS)
        assert hide(hidden) == hidden
        assert after == before or MASK.encode() in hidden
        assert not is_asked or form(after) == form(before)


def has(value: Any, secret: str, *, is_asked: bool, name: str = "") -> bool:
    """Whether a secret stands in a text or a name of decoded JSON.

    In what somebody asks for names are shown, and so is what says what is done to what.
    """
    match value:
        case str():
            return secret in value and not (is_asked and is_naming(name))
        case dict():
            return any(
                (secret in key and not is_asked) or has(item, secret, is_asked=is_asked, name=key)
                for key, item in value.items()
            )
        case list():
            return any(has(item, secret, is_asked=is_asked, name=name) for item in value)
        case _:
            return False


def form(value: Any) -> Any:
    """Decoded JSON without its scalars."""
    match value:
        case dict():
            return {key: form(item) for key, item in value.items()}
        case list():
            return [form(item) for item in value]
        case _:
            return None
