"""Seals: keyed digests of what the audit hides, for whoever must prove one day what it was.

An entry shows no secret, and a plain digest of a door's code would show it to whoever hashes ten
thousand. So these digests take a key, which stays in the gateway's store and is in no export. They
are bound to the request and to the place as well: equal values of two requests have different
seals, so nobody finds a value by asking for others as an agent and comparing.
"""

from __future__ import annotations

import hmac

from agentgate_proto.digest import digest_of

SEALED = "hmac-sha256:"
"""How a digest begins that takes the key; others are plain SHA-256."""

KEY_BYTES = 32
"""Of a key: as long as what SHA-256 gives (RFC 2104 section 3)."""


class Seal:
    """Makes and compares keyed digests.

    Args:
        key: a secret of the gateway, ``KEY_BYTES`` long.
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        assert len(key) == KEY_BYTES, f"a key has {KEY_BYTES} bytes"
        self._key = key

    def of_value(self, rid: str, place: str, value: bytes) -> str:
        """Seal a value that an entry hides.

        Args:
            rid: the request.
            place: where in the arguments, a JSON Pointer (RFC 6901).
            value: its canonical JSON.
        """
        return self._digest(b"value", rid, place.encode(), value)

    def of_request(self, rid: str, digest: str) -> str:
        """Seal the digest of a request some of whose arguments an entry hides."""
        return SEALED + self._digest(b"request", rid, digest.encode())

    def is_request(self, rid: str, digest: str, tool: str, args: bytes) -> bool:
        """Whether an entry's digest, sealed or plain, is that of a tool and canonical arguments."""
        exact = digest_of(tool, args)
        if digest.startswith(SEALED):
            exact = self.of_request(rid, exact)
        return hmac.compare_digest(digest.encode(), exact.encode())

    def _digest(self, kind: bytes, rid: str, *parts: bytes) -> str:
        """Key the parts, each behind its length, so that no others spell the same."""
        whole = b"".join(b"%d:%b" % (len(part), part) for part in (kind, rid.encode(), *parts))
        return hmac.digest(self._key, whole, "sha256").hex()
