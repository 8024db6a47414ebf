"""Subscriptions to Web Push: where the browsers of people want to be told, durably.

A browser that subscribes gives the address of its vendor's push service and two keys, by which only
it can read what is sent there (RFC 8291).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from hashlib import sha256
from urllib.parse import urlsplit

import msgspec

from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.console_row import ConsoleRow, RowKind
from agentgate_proto.records.console_session import ConsoleSession
from agentgate_server.store.console_book import ConsoleBook

OF_PERSON_MAX = 10
"""Browsers of one person; a further one takes the place of the oldest."""

ENDPOINT_CHARS_MAX = 1_024
KEY_BYTES, AUTH_BYTES = 65, 16
UNCOMPRESSED = 4
"""First byte of a point of the curve, as browsers give it."""

Vouches = Callable[[str, Principal], bool]
"""Whether a token counts for somebody still, by its hash."""


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """One of them, as a row has it.

    Attributes:
        endpoint: where to post to.
        key, auth: the browser's, base64url.
        token_hash, role: of whoever has subscribed: it ends with their token.
        login: the id of the login in which they did; when that is ended by hand, it ends too.
        created_at: UTC seconds.
    """

    endpoint: str
    key: str
    auth: str
    token_hash: str
    role: str
    created_at: float
    login: str = ""

    @property
    def id(self) -> str:
        """What its row is called."""
        return id_of(self.endpoint)

    @property
    def origin(self) -> str:
        """Whose service it is."""
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def target(self) -> str:
        """What is posted to there."""
        parts = urlsplit(self.endpoint)
        return f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"


def id_of(endpoint: str) -> str:
    """What the row of an address is called."""
    return sha256(endpoint.encode()).hexdigest()[:32]


def objection_to(endpoint: str, key: str, auth: str) -> str:
    """Say why this can't be a subscription, or ""."""
    try:
        parts = urlsplit(endpoint)
        is_https = parts.scheme == "https" and bool(parts.hostname) and not parts.username
        port_is_fit = parts.port is None or parts.port > 0
    except ValueError:
        return "the address of the push service can't be read"
    is_plain = endpoint.isascii() and endpoint.isprintable() and " " not in endpoint
    if not (is_https and port_is_fit and is_plain) or len(endpoint) > ENDPOINT_CHARS_MAX:
        return "the address of a push service begins with https://, and is short"
    try:
        point, secret = decoded(key), decoded(auth)
    except (ValueError, binascii.Error):
        return "the browser's keys can't be read"
    if len(point) != KEY_BYTES or point[0] != UNCOMPRESSED or len(secret) != AUTH_BYTES:
        return "the browser's keys are none"
    return ""


def decoded(text: str) -> bytes:
    """Read base64url, with or without its end."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


class Subscriptions:
    """See the module.

    Args:
        book: keeps them.
        vouches: whether the token of who has subscribed counts still.
        utc: the clock, UTC seconds.
    """

    def __init__(self, book: ConsoleBook, vouches: Vouches, utc: Callable[[], float]) -> None:
        self._book = book
        self._vouches = vouches
        self._utc = utc

    async def add(self, session: ConsoleSession, endpoint: str, key: str, auth: str) -> None:
        """Keep one that was made in a login; the oldest goes where there are too many.

        Raises:
            StoreError: it can't be kept.
            ValueError: it is none; the text says why.
        """
        if objection := objection_to(endpoint, key, auth):
            raise ValueError(objection)
        who = session.who
        made = Subscription(
            endpoint=endpoint,
            key=key,
            auth=auth,
            token_hash=session.token_hash,
            role=who.role.value,
            created_at=self._utc(),
            login=session.id,
        )
        mine = sorted(
            (subscription_of(row).created_at, row.id)
            for row in self._book.of(RowKind.PUSH, who.name)
            if row.id != made.id
        )
        for _, key_of_row in mine[: max(len(mine) - OF_PERSON_MAX + 1, 0)]:
            self._book.forget(RowKind.PUSH, key_of_row)
        body = msgspec.json.encode(made)
        row = ConsoleRow(kind=RowKind.PUSH, id=made.id, principal=who.name, body=body)
        await self._book.put(row)

    def forget(self, endpoint: str, whose: str | None = None) -> None:
        """It is over; with ``whose`` only if it is that person's."""
        row = self._book.find(RowKind.PUSH, id_of(endpoint))
        if row is not None and whose in (None, row.principal):
            self._book.forget(RowKind.PUSH, row.id)

    def forget_login(self, session: ConsoleSession) -> None:
        """Somebody has logged out, or was: who holds that device is to be told nothing."""
        for row in self._book.of(RowKind.PUSH, session.principal):
            if subscription_of(row).login == session.id:
                self._book.forget(RowKind.PUSH, row.id)

    def has(self, endpoint: str, whose: str) -> bool:
        """Whether a person's browser has subscribed."""
        row = self._book.find(RowKind.PUSH, id_of(endpoint))
        return row is not None and row.principal == whose

    def there(self, whose: str | None = None) -> list[Subscription]:
        """Those that count, of one person or of all; what counts no more is forgotten."""
        found = []
        for row in self._book.of(RowKind.PUSH, whose):
            each = subscription_of(row)
            who = Principal(name=row.principal, role=Role(each.role))
            if self._vouches(each.token_hash, who):
                found.append(each)
            else:
                self._book.forget(RowKind.PUSH, row.id)
        return found


def subscription_of(row: ConsoleRow) -> Subscription:
    """Read a row."""
    return msgspec.json.decode(row.body, type=Subscription)
