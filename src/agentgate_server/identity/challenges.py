"""Challenges: what passkeys are to sign, each of them good once and for some minutes.

Those that are made for somebody who is known are kept, a few of each person. Those by which
somebody wants to log in may be asked for by anybody, any number of times: they carry their end and
a seal of this process, and only those are kept that were used.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256
from struct import pack, unpack

import msgspec

from agentgate_proto.records.passkey import CHALLENGE_BYTES

LASTS_S = 300.0
"""From the page's question to the person's finger."""

OF_ONE_MAX = 20
"""That wait for one person; the oldest makes room. Nobody looks at more cards at once."""

USED_MAX = 10_000
"""Logins within ``LASTS_S`` that are remembered; beyond it no passkey logs in for a moment."""

SEALED = ">d8s"
"""When it ends, and some bytes of chance: half of the challenge, the other half is its seal."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A challenge that waits for its signature.

    Attributes:
        principal: who is to sign.
        purpose: for what: the id of an approval; "": for a new passkey.
        nonce: that is in it.
        ends_at: monotonic seconds.
    """

    principal: str
    purpose: str
    nonce: bytes
    ends_at: float


class Challenges:
    """See the module.

    Args:
        random: returns so many bytes of chance.
        monotonic: seconds.
    """

    def __init__(self, random: Callable[[int], bytes], monotonic: Callable[[], float]) -> None:
        self._random = random
        self._monotonic = monotonic
        self._key = random(CHALLENGE_BYTES)
        self._kept: dict[str, dict[bytes, Kept]] = {}
        self._used: dict[bytes, float] = {}

    def nonce(self) -> bytes:
        """Some bytes of chance."""
        return self._random(CHALLENGE_BYTES)

    def keep(self, challenge: bytes, principal: str, purpose: str, nonce: bytes) -> None:
        """Wait for somebody's signature; the oldest that waits for one of theirs makes room."""
        now = self._monotonic()
        for name, waiting in list(self._kept.items()):
            for each in [each for each, kept in waiting.items() if kept.ends_at <= now]:
                del waiting[each]
            if not waiting:
                del self._kept[name]
        own = self._kept.setdefault(principal, {})
        if len(own) >= OF_ONE_MAX:
            del own[next(iter(own))]
        own[challenge] = Kept(
            principal=principal, purpose=purpose, nonce=nonce, ends_at=now + LASTS_S
        )

    def take(self, challenge: bytes, principal: str, purpose: str) -> Kept | None:
        """Use a challenge up, whatever comes of it; None: it is none of theirs for this."""
        kept = self._kept.get(principal, {}).pop(challenge, None)
        if kept is None or kept.purpose != purpose or kept.ends_at <= self._monotonic():
            return None
        return kept

    def make_for_anybody(self) -> bytes:
        """A challenge by which somebody may log in."""
        said = pack(SEALED, self._monotonic() + LASTS_S, self._random(8))
        return said + self._seal(said)

    def use(self, challenge: bytes) -> bool:
        """Use up such a challenge that was signed; whether it was still good."""
        now = self._monotonic()
        if len(self._used) >= USED_MAX:
            self._used = {each: ends_at for each, ends_at in self._used.items() if ends_at > now}
        said, seal = challenge[:16], challenge[16:]
        if len(said) < 16 or not hmac.compare_digest(self._seal(said), seal):
            return False
        (ends_at, _) = unpack(SEALED, said)
        if ends_at <= now or challenge in self._used or len(self._used) >= USED_MAX:
            return False
        self._used[challenge] = ends_at
        return True

    def _seal(self, said: bytes) -> bytes:
        return hmac.digest(self._key, said, sha256)[:16]
