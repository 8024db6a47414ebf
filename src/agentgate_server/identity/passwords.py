"""Passwords: what people choose, so guessing one is made dear.

A hash in the configuration is scrypt's (RFC 7914): ``scrypt:N:r:p:salt:hash``, the last two in
base64. Whoever steals the file pays :data:`N`, :data:`R` and :data:`P` for each guess: about 16 MB
and a tenth of a second, what OWASP recommends (Password Storage Cheat Sheet, 2025).
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import scrypt, sha256

from agentgate_proto.limits import PASSWORD_CHARS_MAX

N, R, P = 2**14, 8, 5
"""What a hash of ours costs."""

SALT_BYTES = 16
HASH_BYTES = 32

MEMORY_BYTES_MAX = 67_108_864
"""Of one check (128 · N · r): two at a time must fit a small machine."""

WORK_MAX = 2**21
"""Of one check (N · r · p): some seconds of a small machine's core, and nobody logs in in more."""

Cost = tuple[int, int, int]
"""N, r and p."""


class PasswordHash(str):
    """A password's hash as it stands in a configuration.

    Attributes:
        cost: N, r and p.
        salt, digest: what it was made with, and what came out.
    """

    __slots__ = ("cost", "digest", "salt")

    cost: Cost
    salt: bytes
    digest: bytes

    def __new__(cls, text: str) -> PasswordHash:
        """Check the text."""
        form = "must be scrypt:N:r:p:salt:hash; make it by 'agent-gate agents hash'"
        kind, _, rest = text.partition(":")
        parts = rest.split(":")
        if kind != "scrypt" or len(parts) != 5:
            raise ValueError(form)
        try:
            n, r, p = (int(part) for part in parts[:3])
            salt, digest = (b64decode(part, validate=True) for part in parts[3:])
        except ValueError:
            raise ValueError(form) from None
        if n < 2 or n & (n - 1) or r < 1 or p < 1 or not salt or len(digest) != HASH_BYTES:
            raise ValueError(form)
        if 128 * n * r > MEMORY_BYTES_MAX or n * r * p > WORK_MAX:
            raise ValueError("would take too long to check: make it by 'agent-gate agents hash'")
        self = super().__new__(cls, text)
        self.cost = n, r, p
        self.salt = salt
        self.digest = digest
        return self


def hash_password(password: str, cost: Cost = (N, R, P)) -> PasswordHash:
    """Hash a password with fresh salt. It takes a while: in a thread, if anything else goes on."""
    salt = secrets.token_bytes(SALT_BYTES)
    texts = [b64encode(part).decode() for part in (salt, derived(password, salt, cost))]
    return PasswordHash(":".join(["scrypt", *map(str, cost), *texts]))


def derived(password: str, salt: bytes, cost: Cost) -> bytes:
    """What scrypt makes of a password."""
    n, r, p = cost
    return scrypt(
        utf8(password), salt=salt, n=n, r=r, p=p, maxmem=2 * MEMORY_BYTES_MAX, dklen=HASH_BYTES
    )


class Passwords:
    """Whose password is right.

    A check takes the same work whether there is somebody of that name or not, and whoever has a
    hash: all hashes must cost the same. A password that was right once is known again at once, by
    a digest with a key that only this process has: after a cut, links log in again by the hundred.

    Args:
        known: hashes, or passwords in clear, by name.

    Raises:
        ValueError: two hashes do not cost the same.
    """

    def __init__(self, known: Mapping[str, PasswordHash | str]) -> None:
        costs = {each.cost for each in known.values() if isinstance(each, PasswordHash)}
        if len(costs) > 1:
            raise ValueError("all hashes of passwords must have the same N, r and p")
        self._known = dict(known)
        self._cost = next(iter(costs), None)
        self._salt = secrets.token_bytes(SALT_BYTES)
        self._key = secrets.token_bytes(HASH_BYTES)
        self._right: dict[str, bytes] = {}

    @property
    def is_dear(self) -> bool:
        """Whether a check takes a while: somebody has a hash."""
        return self._cost is not None

    def is_known(self, name: str, password: str) -> bool:
        """Whether that was found to be right before. Takes no time."""
        return hmac.compare_digest(self._right.get(name, b""), self._keyed(password))

    def check(self, name: str, password: str) -> bool:
        """Whether it is the password of that name. If that ``is_dear``, call it in a thread."""
        if len(password) > PASSWORD_CHARS_MAX:
            return False
        wanted = self._known.get(name)
        salt = wanted.salt if isinstance(wanted, PasswordHash) else self._salt
        found = derived(password, salt, self._cost) if self._cost is not None else b""
        if isinstance(wanted, PasswordHash):
            is_right = hmac.compare_digest(found, wanted.digest)
        else:
            other = self._keyed(wanted) if wanted is not None else self._key
            is_right = hmac.compare_digest(self._keyed(password), other)
        if is_right:
            self._right[name] = self._keyed(password)
        return is_right

    def _keyed(self, password: str) -> bytes:
        return hmac.digest(self._key, utf8(password), sha256)


def utf8(text: str) -> bytes:
    """Encode what may be no text, too: no password is, so it is wrong, and no reason to fail."""
    return text.encode("utf-8", "surrogatepass")
