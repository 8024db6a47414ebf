"""The entrance of the faces: who asks, by a bearer token, by a ticket, or because it is open."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from agentgate_proto.connection.events import BodyOffered, HttpRequested, UpgradeAsked
from agentgate_proto.faces.bearer import CHALLENGE, INVALID_TOKEN, bearer_token, token_in
from agentgate_proto.faces.tickets import Ticket, TicketMade, Tickets, ticket_in
from agentgate_proto.principal import Principal, Role
from agentgate_proto.rpc.messages import PEOPLE
from agentgate_server.config.faces import OPEN
from agentgate_server.identity.tokens import hash_token
from agentgate_server.sockets.peer import Peer

TICKET_BYTES = 32
"""Of chance in a ticket."""


@dataclass(frozen=True, slots=True)
class Declined:
    """Why somebody with a token is not let in.

    Attributes:
        reason: in words.
        pause_s: for how many seconds not to ask again; 0: the token is wrong.
    """

    reason: str
    pause_s: float = 0.0


class Authenticates(Protocol):
    """Knows whose token it is: the authenticator of the gate."""

    def identify(self, peer: Peer, token: str) -> Principal | Declined:
        """Return whose token it is; from then on the connection counts as theirs."""
        ...

    @property
    def open_principals(self) -> frozenset[str]:
        """Who may come without a token, from this machine."""
        ...

    def seat(self, peer: Peer, principal: Principal) -> Declined | None:
        """Let a connection count as somebody's who came without a token; None: it does."""
        ...

    def vouches(self, ticket: Ticket) -> bool:
        """Whether the token that a ticket was made with still counts."""
        ...

    def admit(self, peer: Peer, principal: Principal, token_hash: str) -> None:
        """Take note of who is on the other end, until the connection or the token ends."""
        ...

    def counts(self, principal: Principal, token_hash: str) -> bool:
        """Whether a token still counts, and is that principal's."""
        ...

    def on_change(self, look: Callable[[], None]) -> None:
        """Let it be called whenever tokens may count no more."""
        ...

    def came(self, principal: Principal, address: str) -> None:
        """Take note of somebody who is on no one connection."""
        ...

    def went(self, principal: Principal, code: int) -> None:
        """Take note that they are gone; the code is a WebSocket's."""
        ...


@dataclass(frozen=True, slots=True)
class Refused:
    """Why somebody is not let in, as HTTP says it."""

    status: int
    reason: str
    headers: list[tuple[str, str]] = field(default_factory=list)


def may_converse(who: Principal | Refused) -> Principal | Refused:
    """Let in who talks to models: agents. People answer approvals, and look on by other ways."""
    if isinstance(who, Refused) or who.role is Role.AGENT:
        return who
    return Refused(403, f"sessions are not for the role {who.role.value}")


def may_converse_as_person(who: Principal | Refused) -> Principal | Refused:
    """Let in who talks to models at a face that people use themselves: agents, approvers and
    operators; see ``sessions.door.as_owner``."""
    if isinstance(who, Refused) or who.role is Role.AGENT or who.role in PEOPLE:
        return who
    return Refused(403, f"sessions are not for the role {who.role.value}")


class Entrance:
    """Finds out who asks; the same for all faces.

    Args:
        authenticator: knows the tokens.
        monotonic: the clock of the tickets, in seconds.
    """

    def __init__(self, authenticator: Authenticates, monotonic: Callable[[], float]) -> None:
        self._authenticator = authenticator
        self._monotonic = monotonic
        self._tickets = Tickets()

    def ask(
        self,
        peer: Peer,
        request: HttpRequested | UpgradeAsked,
        *,
        is_open: bool,
        is_lasting: bool = False,
        url_tokens: bool = False,
    ) -> Principal | Refused:
        """Return who asks. Whoever gets a WebSocket or a stream has the connection from then on: it
        ends when their token counts no more.

        Args:
            peer: the connection.
            request: what came on it.
            is_open: the face lets anybody in who asks on this machine, as ``OPEN``.
            is_lasting: the answer is a stream.
            url_tokens: a token may also stand in the query, for who can send no headers.
        """
        token = bearer_token(request.headers) or (token_in(request.target) if url_tokens else "")
        ticket = "" if token else ticket_in(request.target)
        if ticket:
            found = self._of_ticket(peer, ticket)
        else:
            found = self.ask_by_token(peer, token, is_open=is_open)
        if isinstance(found, Refused):
            return found
        principal, token_hash = found
        if is_lasting or isinstance(request, UpgradeAsked):
            self._authenticator.admit(peer, principal, token_hash)
        return principal

    def ask_by_token(
        self, peer: Peer, token: str, *, is_open: bool, open_as: Principal = OPEN
    ) -> tuple[Principal, str] | Refused:
        """Return who asks by a token that came in other ways, with its hash, or "" if the face let
        them in without one, as ``open_as``. Who goes on counts as long as :meth:`counts` says."""
        if token:
            return self._of_token(peer, token)
        if is_open and peer.connection.is_local:
            declined = self._authenticator.seat(peer, open_as)
            return (open_as, "") if declined is None else refused(declined)
        return Refused(401, "send a token: Authorization: Bearer …", [CHALLENGE])

    def may_send(self, peer: Peer, offer: BodyOffered) -> Refused | None:
        """Say why somebody may send no large body, by the head alone; None: it is known who it is,
        or the gateway is open to this machine, as faces will decide when it is whole."""
        token = bearer_token(offer.headers) or token_in(offer.target)
        is_open = bool(self._authenticator.open_principals)
        if not token and is_open and peer.connection.is_local:
            return None
        found = self.ask_by_token(peer, token, is_open=False)
        return found if isinstance(found, Refused) else None

    def counts(self, principal: Principal, token_hash: str) -> bool:
        """Whether what let somebody in still does."""
        return not token_hash or self._authenticator.counts(principal, token_hash)

    def on_change(self, look: Callable[[], None]) -> None:
        """Let it be called whenever somebody may count no more who did."""
        self._authenticator.on_change(look)

    def came(self, principal: Principal, address: str) -> None:
        """Take note of somebody whose conversation is on no one connection."""
        self._authenticator.came(principal, address)

    def went(self, principal: Principal, code: int) -> None:
        """Take note of its end; the code is a WebSocket's."""
        self._authenticator.went(principal, code)

    def make_ticket(self, principal: Principal, token: str) -> TicketMade:
        """Make a ticket for who has that token."""
        secret = secrets.token_urlsafe(TICKET_BYTES)
        return self._tickets.make(secret, principal, hash_token(token), self._monotonic())

    def _of_token(self, peer: Peer, token: str) -> tuple[Principal, str] | Refused:
        principal = self._authenticator.identify(peer, token)
        if isinstance(principal, Principal):
            return principal, hash_token(token)
        return refused(principal)

    def _of_ticket(self, peer: Peer, secret: str) -> tuple[Principal, str] | Refused:
        ticket = self._tickets.take(secret, self._monotonic())
        if ticket is None or not self._authenticator.vouches(ticket):
            text = "the ticket is used, too old, or none: POST /api/tickets gives another"
            return Refused(401, text, [CHALLENGE])
        declined = self._authenticator.seat(peer, ticket.principal)
        return (ticket.principal, ticket.token_hash) if declined is None else refused(declined)


def refused(declined: Declined) -> Refused:
    """Say it as HTTP does."""
    if not declined.pause_s:
        return Refused(401, declined.reason, [INVALID_TOKEN])
    return Refused(429, declined.reason, [("retry-after", str(int(declined.pause_s) + 1))])
