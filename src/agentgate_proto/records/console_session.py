"""Sessions of the console: who is logged in with which browser, and for how long that counts."""

from __future__ import annotations

from hashlib import sha256

import msgspec

from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.console_row import ConsoleRow, RowKind
from agentgate_proto.records.request import rfc3339

LASTS_S = 30 * 86_400.0
"""The longest that one login counts, used or not: a stolen cookie is worth nothing after it."""

BROWSER_CHARS_MAX = 200
"""Of what a browser says of itself: enough to tell a phone from a desk."""

ADDRESS_CHARS_MAX = 100


class ConsoleSession(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One login. Times are UTC seconds.

    Attributes:
        id: names it for people; no secret.
        principal, role: who is logged in.
        hash: SHA-256 of the secret in the cookie, in hex.
        token_hash: of the token that counted for them when they logged in: without it this is over.
        created_at, used_at: when they logged in, and when it was used last, about.
        address: where the login came from.
        browser: what the browser said of itself.
        by: what they showed: ``token``, ``link`` or ``passkey``.
    """

    id: str
    principal: str
    role: Role
    hash: str
    token_hash: str
    created_at: float
    used_at: float
    address: str = ""
    browser: str = ""
    by: str = "token"

    @property
    def who(self) -> Principal:
        """Who is logged in."""
        return Principal(name=self.principal, role=self.role)


class ConsoleSessionView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A login at the console as people and programs see it. Times are RFC 3339.

    Attributes:
        id: to end it by.
        principal: who is logged in.
        role: as what.
        by: what they showed: ``token``, ``link`` or ``passkey``.
        address: where the login came from.
        browser: what the browser said of itself.
        created_at: when they logged in.
        used_at: when it was used last, within some minutes.
        expires_at: when it ends unless it is used.
    """

    id: str
    principal: str
    role: str
    by: str
    address: str = ""
    browser: str = ""
    created_at: str
    used_at: str
    expires_at: str


def hash_of(secret: str) -> str:
    """What is kept of a cookie's secret."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def ends_at(session: ConsoleSession, idle_s: float) -> float:
    """When it ends if nobody uses it, UTC seconds.

    Args:
        session: the login.
        idle_s: for how many seconds it counts without being used.
    """
    return min(session.used_at + idle_s, session.created_at + LASTS_S)


def row_of(session: ConsoleSession, idle_s: float) -> ConsoleRow:
    """As it is kept."""
    return ConsoleRow(
        kind=RowKind.SESSION,
        id=session.id,
        principal=session.principal,
        body=msgspec.json.encode(session),
        expires_at=ends_at(session, idle_s),
    )


def session_of(row: ConsoleRow) -> ConsoleSession | None:
    """Read what is kept; None: nobody wrote it so, and nobody is logged in by it."""
    try:
        return msgspec.json.decode(row.body, type=ConsoleSession)
    except msgspec.DecodeError:
        return None


def view_of(session: ConsoleSession, idle_s: float) -> ConsoleSessionView:
    """Show it."""
    return ConsoleSessionView(
        id=session.id,
        principal=session.principal,
        role=session.role.value,
        by=session.by,
        address=session.address,
        browser=session.browser,
        created_at=rfc3339(session.created_at),
        used_at=rfc3339(session.used_at),
        expires_at=rfc3339(ends_at(session, idle_s)),
    )


def browser_of(text: str) -> str:
    """What is kept of ``User-Agent``: its beginning, in plain letters."""
    plain = "".join(letter for letter in text if letter.isascii() and letter.isprintable())
    return plain[:BROWSER_CHARS_MAX]
