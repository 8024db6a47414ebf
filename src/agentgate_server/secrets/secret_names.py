"""Names under which people keep secrets: ``password``, ``accessToken``, ``X-API-Key``, ``pin``.

Names are compared as policy compares them: case, separators, accents and look-alikes make no
difference. A name that says little alone (``code``, ``pass``) counts as a whole, or as the end of
a name that says more (``door_code``); ``country_code`` and ``status_code`` are no secrets.
"""

from __future__ import annotations

import re
from functools import lru_cache

from agentgate_proto.records.naming import WHAT
from agentgate_server.policy.spelling import squeeze

ANYWHERE = (
    *("password", "passwd", "passphrase", "passcode", "secret", "token", "apikey", "accesskey"),
    *("privatekey", "authorization", "cookie", "credential", "bearer"),
)
"""A name with one of these in it is a secret's."""

WHOLE = frozenset(
    {"pass", "pwd", "pin", "code", "otp", "totp", "mfa", "cvv", "cvc", "jwt", "auth", "psk", "puk"}
)
"""A name that is one of these is a secret's; so is one that ends with it as a word of its own."""

CODES = (
    *("access", "alarm", "arm", "auth", "confirmation", "disarm", "door", "entry", "gate"),
    *("key", "lock", "login", "mfa", "otp", "pass", "pin", "recovery", "safe", "security"),
    *("sms", "totp", "unlock", "user", "verification"),
)
"""What makes a code a secret one. Other codes (of countries, errors, colours) are no secrets."""

NEVER = frozenset(squeeze(name) for name in WHAT)
"""What says what is done to what, as names are compared here."""

CODE_CHARS_MAX = 64
"""A text under the name "code" that is longer, or has several lines, is a program, no secret."""

NAME_CHARS_MAX = 256
"""Longer names are read as far as this."""

NAMES_MAX = 4_096
"""Names that are remembered with their answer: those of all tools, and then some."""

HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
NOT_WORD = re.compile(r"[^0-9A-Za-z]+")


@lru_cache(NAMES_MAX)
def is_secret_name(name: str) -> bool:
    """Whether what has this name is to be masked."""
    name = name[:NAME_CHARS_MAX]
    squeezed = squeeze(NOT_WORD.sub("", name) if name.isascii() else name).rstrip("0123456789")
    if squeezed in WHOLE or any(word in squeezed for word in ANYWHERE):
        return True
    if squeezed.endswith("code"):
        return squeezed.removesuffix("code").endswith(CODES)
    words = NOT_WORD.split(HUMP.sub("_", name).rstrip("0123456789_-"))
    return words[-1].lower() in WHOLE


@lru_cache(NAMES_MAX)
def is_naming(name: str) -> bool:
    """Whether what has this name says what is done to what."""
    return squeeze(name[:NAME_CHARS_MAX]) in NEVER


def is_program(name: str, text: str) -> bool:
    """Whether a text under a secret's name can be no secret, but only what is to be run."""
    if len(text) <= CODE_CHARS_MAX and "\n" not in text:
        return False
    squeezed = squeeze(name[:NAME_CHARS_MAX])
    return squeezed.endswith("code") and not any(word in squeezed for word in ANYWHERE)


def counts_tokens(name: str) -> bool:
    """Whether a number under this name is how many: ``max_tokens`` is no secret."""
    return "tokens" in squeeze(name[:NAME_CHARS_MAX])


def names_in(data: bytes) -> set[bytes]:
    """Return the names of JSON that has no backslash, written without blanks.

    Every second part between quotes is a text, and a name where a colon follows. A pattern takes
    twenty times as long where the texts are.
    """
    parts = data.split(b'"')
    return {
        text
        for text, behind in zip(parts[1::2], parts[2::2], strict=True)
        if behind.startswith(b":")
    }
