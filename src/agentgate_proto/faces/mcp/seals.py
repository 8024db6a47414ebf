"""Sealed ids: what a client shows again must be what this gateway gave to this very principal.

Nothing is kept behind such an id: what it stands for is in it, and a keyed hash (HMAC-SHA256) over
that, its kind and the principal proves that it was made here, for them, as this. So it is good
after a restart and on every node that has the key, and worth nothing to anybody else. What is
inside can be read by who has it: no secret belongs in there.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, TypeVar

import msgspec

KEY_BYTES: Final = 32
MAC_BYTES: Final = 24
"""Of the hash: guessing 192 bits is out of reach, and ids stay short."""

SEAL_CHARS_MAX: Final = 1_024
"""Of a sealed id: what is in one is bounded, and so is the work that a forged one makes."""


class Sealed(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What may be sealed. Each has a tag, so none passes for another.

    Kinds may get members at their end, with defaults: ids that were given before stay good.
    """

    def ends_at(self) -> float | None:
        """UTC seconds from which on it is worth nothing; None: never."""
        return None


class SessionSeal(Sealed, frozen=True, array_like=True, tag="session"):
    """A session of the legacy era.

    Attributes:
        nonce: makes it unlike every other.
        version: the revision that was agreed upon.
        can: what the client's user or model may be asked for (``ClientCapabilities.can``), sorted.
        expires_at: UTC seconds.
    """

    nonce: str
    version: str
    can: tuple[str, ...]
    expires_at: int

    def ends_at(self) -> float:
        """See :class:`Sealed`."""
        return self.expires_at


class EventSeal(Sealed, frozen=True, array_like=True, tag="event"):
    """A place in the stream that a call is answered by (legacy).

    Attributes:
        number: of the call, within the principal's client of the face.
        digest: of its tool and arguments.
        request_id: the id that the client gave it, under which it is answered.
        tool: its published name.
        sequence: makes each place unlike the others.
        token: for its progress; None: none is wanted.
    """

    number: int
    digest: str
    request_id: int | str | None
    tool: str
    sequence: int = 0
    token: int | str | None = None


class TaskSeal(Sealed, frozen=True, array_like=True, tag="task"):
    """A task (modern).

    Attributes:
        number, digest, tool: as for :class:`EventSeal`.
        created_at: UTC seconds.
    """

    number: int
    digest: str
    tool: str
    created_at: float


class StateSeal(Sealed, frozen=True, array_like=True, tag="state"):
    """What a call that was answered with questions needs to go on (modern).

    Attributes:
        nonce: makes it unlike every other; who takes it remembers that it was used.
        rid: of the request that waits for the answers.
        number, digest: of the call that asked, as for :class:`EventSeal`.
        questions: their names, in order.
        expires_at: UTC seconds.
    """

    nonce: str
    rid: str
    number: int
    digest: str
    questions: tuple[str, ...]
    expires_at: int

    def ends_at(self) -> float:
        """See :class:`Sealed`."""
        return self.expires_at


Seal = TypeVar("Seal", bound=Sealed)


def seal(key: bytes, principal: str, content: Sealed) -> str:
    """Return the id: visible ASCII without blanks.

    Args:
        key: the gateway's own, 32 secret bytes.
        principal: the name of the one who may show it.
        content: what it stands for.

    Raises:
        ValueError: it would be too long.
    """
    plain = msgspec.json.encode(content)
    text = spelled(mac_of(key, principal, plain) + plain)
    if len(text) > SEAL_CHARS_MAX:
        raise ValueError(f"an id of more than {SEAL_CHARS_MAX} characters")
    return text


def unseal(key: bytes, principal: str, text: str, kind: type[Seal], now: float) -> Seal | None:
    """Return what an id stands for; None: it is foreign, forged, of another kind, or over.

    Args:
        key, principal: as for ``seal``.
        text: what the client showed.
        kind: what it must be.
        now: UTC seconds.
    """
    if len(text) > SEAL_CHARS_MAX or not text.isascii():
        return None
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    if spelled(raw) != text:
        return None  # the decoder skips what is no letter of its alphabet
    mac, plain = raw[:MAC_BYTES], raw[MAC_BYTES:]
    if not hmac.compare_digest(mac, mac_of(key, principal, plain)):
        return None
    try:
        content = msgspec.json.decode(plain, type=kind)
    except msgspec.DecodeError:
        return None
    end = content.ends_at()
    return content if end is None or now < end else None


def spelled(raw: bytes) -> str:
    """The one way to write these bytes."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def mac_of(key: bytes, principal: str, plain: bytes) -> bytes:
    """The keyed hash of a content and whose it is; the name's length is in it, so that no name and
    content can spell another pair."""
    name = principal.encode()
    whole = b"mcp %d:%b%b" % (len(name), name, plain)
    return hmac.digest(key, whole, "sha256")[:MAC_BYTES]
