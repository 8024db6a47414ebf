"""Who is logged in at the console: each login from its beginning to its end.

A login is a row of the store with the hash of a secret that only the browser has. It ends when
nobody has used it for long, when it is old, when somebody ends it, or when the token counts no more
that its principal had then; and with it everything that it let in: its connections of the native
protocol carry its mark where others carry the hash of a token.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from agentgate_proto.faces.tickets import TicketMade, Tickets
from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.records.console_row import RowKind
from agentgate_proto.records.console_session import (
    ADDRESS_CHARS_MAX,
    ConsoleSession,
    ConsoleSessionView,
    browser_of,
    ends_at,
    hash_of,
    row_of,
    session_of,
    view_of,
)
from agentgate_server.store.console_book import ConsoleBook

MARK = "console:"
"""Before a login's id, where connections have the hash of a token."""

TICKET = "agc_"
"""Before a ticket, so that the native ``auth`` tells it from a token."""

SECRET_BYTES = 32
ID_BYTES = 9

LINK_S = 300.0
"""How long the link of ``agent-gate console`` is good: a browser may have to start first."""

OF_ONE_MAX = 20
"""Logins of one principal; with a further one the one ends that was not used for longest."""

NOTE_EVERY_S = 300.0
"""How often the disk hears that a login is used."""

log = logging.getLogger(__name__)


class ConsoleLogins:
    """See the module. Everything happens on the event loop.

    Args:
        book: keeps them.
        vouches: says whether a token, by its hash, still stands for a principal.
        tell: takes entries to the audit.
        utc: UTC seconds.
        monotonic: seconds, for tickets and links.

    Attributes:
        idle_s: for how long a login counts that nobody uses.
        ended: called when one counts no more: its connections are to be closed.
        shut: called with one that a person has ended.
    """

    def __init__(
        self,
        book: ConsoleBook,
        *,
        vouches: Callable[[str, Principal], bool],
        tell: Callable[[AuditEntry], None],
        utc: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self.idle_s = 43_200.0
        self.ended: Callable[[], None] = lambda: None
        self.shut: Callable[[ConsoleSession], None] = lambda session: None
        self._book = book
        self._vouches = vouches
        self._tell = tell
        self._utc = utc
        self._monotonic = monotonic
        self._open: dict[str, ConsoleSession] = {}  # by id
        self._ids: dict[str, str] = {}  # by the hash of the secret
        self._noted: dict[str, float] = {}  # what the disk knows of their last use, by id
        self._tickets = Tickets()
        self._links = Tickets(LINK_S)

    def take_up(self) -> None:
        """Go on with the logins that the book has; what counts no more ends by the next look."""
        for row in self._book.of(RowKind.SESSION):
            session = session_of(row)
            if session is None:
                log.warning("a login at the console can't be read, and is forgotten")
                self._book.forget(RowKind.SESSION, row.id)
            else:
                self._add(session)

    # Logging in and out

    async def open(
        self,
        who: Principal,
        token_hash: str,
        *,
        by: str,
        address: str,
        browser: str,
    ) -> tuple[ConsoleSession, str]:
        """Log somebody in; it is durable then.

        Args:
            who: who has shown who they are.
            token_hash: of their token.
            by: what they have shown: ``token``, ``link`` or ``passkey``.
            address: from where.
            browser: what it says of itself.

        Returns:
            the login, and the secret for the browser, which is nowhere else.

        Raises:
            StoreError: it can't be stored, and nobody is logged in.
        """
        secret, now = secrets.token_urlsafe(SECRET_BYTES), self._utc()
        session = ConsoleSession(
            id=secrets.token_hex(ID_BYTES),
            principal=who.name,
            role=who.role,
            hash=hash_of(secret),
            token_hash=token_hash,
            created_at=now,
            used_at=now,
            address=address[:ADDRESS_CHARS_MAX],
            browser=browser_of(browser),
            by=by,
        )
        own = sorted(self._of(who.name), key=lambda each: each.used_at)
        for oldest in own[: max(0, len(own) + 1 - OF_ONE_MAX)]:
            self._end(oldest, f"{OF_ONE_MAX} newer logins")
            self.ended()
        await self._book.put(row_of(session, self.idle_s))
        self._add(session)
        self._say("console.login", session, f"by {by}", address=session.address)
        log.info("%s logged in at the console by %s, from %s", who.name, by, session.address)
        return session, secret

    def find(self, secret: str) -> ConsoleSession | None:
        """Return the login of a browser's secret, which is used by that; None: it is none."""
        found = self._open.get(self._ids.get(hash_of(secret), "")) if secret else None
        if found is None or not self.counts(f"{MARK}{found.id}", found.who):
            return None
        return self.use(found.id)

    def use(self, key: str) -> ConsoleSession | None:
        """Take note that a login is used, by its id; None: there is none any more."""
        session, now = self._open.get(key), self._utc()
        if session is None:
            return None
        if now > session.used_at:
            session = self._open[key] = replace(session, used_at=now)
            if now - self._noted[key] >= min(NOTE_EVERY_S, self.idle_s / 4):
                self._noted[key] = now
                self._book.touch(row_of(session, self.idle_s))
        return session

    def counts(self, mark: str, who: Principal) -> bool:
        """Whether the login that has let somebody in still counts."""
        session = self._open.get(mark.removeprefix(MARK))
        return session is not None and session.who == who and self._why_over(session) == ""

    async def end(self, key: str, by: Principal) -> ConsoleSession | None:
        """End a login; None: there is none of this id that is theirs to end.

        Raises:
            StoreError: it counts no more, but may do so again after a restart.
        """
        session = self._open.get(key)
        if session is None or not may_see(by, session):
            return None
        self._remove(session)
        self._say("console.logout", session, approver=by.name)
        self.ended()
        self.shut(session)
        await self._book.drop(RowKind.SESSION, key)
        return session

    def look(self) -> None:
        """End what counts no more, by time or because its token is gone."""
        over = [(each, why) for each in self._open.values() if (why := self._why_over(each))]
        for session, why in over:
            self._end(session, why)
        if over:
            self.ended()

    def views(self, whose: Principal) -> list[ConsoleSessionView]:
        """The logins that somebody may see, those that were used last first."""
        seen = [each for each in self._open.values() if may_see(whose, each)]
        seen.sort(key=lambda each: each.used_at, reverse=True)
        return [view_of(each, self.idle_s) for each in seen]

    def view(self, session: ConsoleSession) -> ConsoleSessionView:
        """Show one."""
        return view_of(session, self.idle_s)

    # What is good once

    def make_ticket(self, session: ConsoleSession) -> TicketMade:
        """Make what stands once for the token in the native ``auth``."""
        secret = f"{TICKET}{secrets.token_urlsafe(SECRET_BYTES)}"
        return self._tickets.make(secret, session.who, f"{MARK}{session.id}", self._monotonic())

    def take_ticket(self, secret: str) -> tuple[Principal, str] | None:
        """Use a ticket up; return whom it lets in, and the mark of the login. None: it is none, or
        the login is over."""
        ticket = self._tickets.take(secret, self._monotonic())
        if ticket is None or not self.counts(ticket.token_hash, ticket.principal):
            return None
        return ticket.principal, ticket.token_hash

    def make_link(self, who: Principal, token_hash: str) -> TicketMade:
        """Make the secret of a link that logs somebody in once."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        return self._links.make(secret, who, token_hash, self._monotonic())

    def take_link(self, secret: str) -> tuple[Principal, str] | None:
        """Use a link up; return whom it logs in, with the hash of their token. None: it is none."""
        link = self._links.take(secret, self._monotonic())
        if link is None or not self._vouches(link.token_hash, link.principal):
            return None
        return link.principal, link.token_hash

    # Inside

    def _of(self, principal: str) -> Iterable[ConsoleSession]:
        return [each for each in self._open.values() if each.principal == principal]

    def _add(self, session: ConsoleSession) -> None:
        self._open[session.id] = session
        self._ids[session.hash] = session.id
        self._noted[session.id] = session.used_at

    def _remove(self, session: ConsoleSession) -> None:
        del self._open[session.id], self._ids[session.hash], self._noted[session.id]

    def _end(self, session: ConsoleSession, why: str) -> None:
        self._remove(session)
        self._book.forget(RowKind.SESSION, session.id)
        self._say("console.logout", session, why)

    def _why_over(self, session: ConsoleSession) -> str:
        """Why a login counts no more; "": it does."""
        if not self._vouches(session.token_hash, session.who):
            return "the token was revoked, or is another's"
        if self._utc() >= ends_at(session, self.idle_s):
            return "nobody has used it for long, or it is too old"
        return ""

    def _say(
        self,
        event: str,
        session: ConsoleSession,
        detail: str = "",
        *,
        approver: str = "",
        address: str = "",
    ) -> None:
        entry = AuditEntry(
            event=event,
            principal=session.principal,
            role=session.role.value,
            name=session.id,
            address=address,
            approver=approver,
            detail=detail,
        )
        self._tell(entry)


def may_see(who: Principal, session: ConsoleSession) -> bool:
    """Whether somebody may see a login, and end it: an operator all, everybody else their own."""
    return who.role is Role.OPERATOR or who.name == session.principal
