"""Tokens: who is on the other end.

The gateway keeps only hashes. A plain SHA-256 is right for them: a token is 256 random bits, so
there is nothing to guess that a slow hash would have to protect, and the check stays cheap enough
to run for every principal on every attempt. (Passwords, which people choose, would need more.)
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable
from hashlib import sha256

from agentgate_proto.limits import TOKEN_CHARS_MAX
from agentgate_proto.principal import Principal

TOKEN_HASH = re.compile(r"sha256:[0-9a-f]{64}")
"""What :func:`hash_token` returns, and what ``token_hash`` in the configuration must be."""


class Identity:
    """A principal and the hash of the token that proves it; the hash stays out of the repr.

    Attributes:
        principal: whom the token stands for.
        token_hash: as :func:`hash_token` returns it.
    """

    __slots__ = ("principal", "token_hash")

    def __init__(self, principal: Principal, token_hash: str) -> None:
        if not TOKEN_HASH.fullmatch(token_hash):
            raise ValueError("a token_hash is 'sha256:' and 64 hexadecimal digits")
        self.principal = principal
        self.token_hash = token_hash

    def __repr__(self) -> str:
        return f"Identity({self.principal!r})"


class Tokens:
    """Tells principals by their tokens.

    Args:
        identities: everybody whom the gateway knows; see ``Config.identities``.

    Raises:
        ValueError: two principals share a name or a token.
    """

    def __init__(self, identities: Iterable[Identity]) -> None:
        self.entries: list[tuple[bytes, Principal]] = []
        names: set[str] = set()
        hashes: set[str] = set()
        for identity in identities:
            name = identity.principal.name
            if name in names:
                raise ValueError(f"two principals are called {name!r}")
            if identity.token_hash in hashes:
                raise ValueError(f"principal {name!r} has the same token as another")
            names.add(name)
            hashes.add(identity.token_hash)
            self.entries.append((identity.token_hash.encode(), identity.principal))

    def __repr__(self) -> str:
        return f"Tokens({[principal.name for _, principal in self.entries]})"

    def identify(self, token: str) -> Principal | None:
        """Return whom the token stands for, or None.

        Every principal is compared in constant time and none is skipped after a match, so that
        neither how much of a token is right nor whose it is can be read off the clock.
        """
        if len(token) > TOKEN_CHARS_MAX:
            return None
        try:
            candidate = hash_token(token).encode()
        except UnicodeEncodeError:  # Lone surrogates: no token has them.
            return None
        match: Principal | None = None
        for token_hash, principal in self.entries:
            if hmac.compare_digest(candidate, token_hash):
                match = principal
        return match


def hash_token(token: str) -> str:
    """Return ``sha256:`` and the SHA-256 of the token's UTF-8, in lower-case hex.

    The same as ``printf %s "$TOKEN" | sha256sum``.
    """
    return f"sha256:{sha256(token.encode()).hexdigest()}"


def new_token() -> str:
    """Return a fresh token: ``ag_`` and 256 random bits, safe in a URL and in an HTTP header."""
    return f"ag_{secrets.token_urlsafe(32)}"
