"""Tickets: a browser can't send a header with a WebSocket or an event stream, and a token in a URL
ends up in logs and histories. So a page asks for a ticket with its token, and opens the socket with
``?ticket=…``. A ticket is good once, for a short time, and only for whom it was made.

Kept in this process alone: after a restart a page asks again.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256

import msgspec

from agentgate_proto.principal import Principal

TICKET_S = 30.0
"""How long a ticket is good: from one request of a page to its next."""

TICKETS_MAX = 10_000
"""Tickets that were not used yet; beyond it the oldest are forgotten."""

TICKETS_OF_ONE_MAX = 64
"""The same for one principal, whose own oldest ticket is forgotten."""

TICKET_CHARS_MAX = 256
"""A ticket in a URL; longer ones are not looked at."""

FIELD = "ticket="
"""In the query; a ticket has no character that a query would write otherwise."""


class Ticket(msgspec.Struct, frozen=True):
    """Whom a ticket lets in.

    Attributes:
        principal: who asked for it.
        token_hash: of the token that it was asked for with: when that counts no more, nor does
            what the ticket opened.
        expires_at: monotonic seconds.
    """

    principal: Principal
    token_hash: str
    expires_at: float


class TicketMade(msgspec.Struct, frozen=True):
    """The answer to ``POST /api/tickets``."""

    ticket: str
    expires_in_s: float


class Tickets:
    """The tickets that are good. They are kept as hashes, so that no dump of memory lets in."""

    def __init__(self) -> None:
        self._tickets: OrderedDict[bytes, Ticket] = OrderedDict()
        self._own: dict[Principal, OrderedDict[bytes, None]] = {}

    def make(self, secret: str, principal: Principal, token_hash: str, now: float) -> TicketMade:
        """Make a ticket of an unguessable text that was never used before."""
        self._forget_old(now)
        own = self._own.get(principal, ())
        if len(own) >= TICKETS_OF_ONE_MAX:
            self._forget(next(iter(own)))
        elif len(self._tickets) >= TICKETS_MAX:
            self._forget(next(iter(self._tickets)))
        key = key_of(secret)
        self._tickets[key] = Ticket(principal, token_hash, now + TICKET_S)
        self._own.setdefault(principal, OrderedDict())[key] = None
        return TicketMade(secret, TICKET_S)

    def take(self, secret: str, now: float) -> Ticket | None:
        """Use a ticket up; None: it is none, or is good no more."""
        ticket = self._forget(key_of(secret))
        return ticket if ticket is not None and ticket.expires_at > now else None

    def _forget_old(self, now: float) -> None:
        while self._tickets:
            key, ticket = next(iter(self._tickets.items()))
            if ticket.expires_at > now:
                break
            self._forget(key)

    def _forget(self, key: bytes) -> Ticket | None:
        ticket = self._tickets.pop(key, None)
        if ticket is not None:
            own = self._own[ticket.principal]
            del own[key]
            if not own:
                del self._own[ticket.principal]
        return ticket


def key_of(secret: str) -> bytes:
    """What is kept of a ticket."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def ticket_in(target: str) -> str:
    """Take the ticket out of a target's query; "" if there is none, or several."""
    fields = target.partition("?")[2].split("&")
    found = [field[len(FIELD) :] for field in fields if field.startswith(FIELD)]
    return found[0] if len(found) == 1 and len(found[0]) <= TICKET_CHARS_MAX else ""
