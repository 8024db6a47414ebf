"""Answers by ticket: what somebody answers who was sent a notification, on its way to the desk."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.answer_tickets import AnswerTicket, AnswerTickets
from agentgate_server.approvals.desk import Desk
from agentgate_server.sockets.replies import Reply

USED = "This button was used, or a newer notification has taken its place: look at that one"

NOTHING_CAME_OF_IT = frozenset(
    {ErrorCode.INTERNAL_ERROR, ErrorCode.CODE_NEEDED, ErrorCode.LIMIT_EXCEEDED}
)
"""Errors after which the same person may answer again, with the same ticket."""


class Answers:
    """Takes answers of whoever has a ticket.

    Args:
        desk: decides.

    Attributes:
        tickets: what can be answered with.
        over_http: the channels whose tickets are good at ``POST /api/answers``.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.tickets = AnswerTickets()
        self.over_http: set[str] = set()

    def take(
        self,
        secret: str,
        channels: Collection[str],
        reply: Reply,
        *,
        word: str = "",
        code: str = "",
        text: str = "",
    ) -> AnswerTicket | None:
        """Take an answer. The caller lets the ledger do what it then wants done.

        Args:
            secret: the ticket, of anybody.
            channels: the ones whose tickets are taken here.
            reply: hears what came of it, as from :meth:`Desk.decide`; not if it is no ticket.
            word: what the person says to the agent with it, or "".
            code: the person's one-time code, or ""; it counts with a yes.
            text: what was typed into the one field of a button: the code with a yes, the word
                with a no.

        Returns:
            what the ticket says, or has said; None: it is none.
        """
        now = self.desk.utc()
        found = self.tickets.take(secret, now, channels)
        if found is None:
            return None
        ticket, approve = found.ticket, found.ticket.approve
        told: Reply = Returning(self.tickets, secret, reply)
        if not found.is_good:
            if self.desk.ledger.approval(ticket.rid) is not None:
                reply.error(ErrorCode.FORBIDDEN, USED, None)
                return ticket
            approve, told = False, reply  # nothing waits: the desk can only tell what happened
        self.desk.decide(
            ticket.rid,
            approve=approve,
            approver=ticket.approver,
            channel=ticket.channel,
            now=now,
            reply=told,
            code=code or text if approve else "",
            word=word if approve else word or text,
        )
        return ticket


class Returning:
    """A :class:`~agentgate_server.sockets.replies.Reply` that gives a ticket back of which nothing
    came.

    Args:
        tickets: where it belongs.
        secret: the ticket.
        reply: hears what came of the answer.
    """

    def __init__(self, tickets: AnswerTickets, secret: str, reply: Reply) -> None:
        self.tickets = tickets
        self.secret = secret
        self.reply = reply

    def result(self, result: Any) -> None:
        """See :class:`~agentgate_server.sockets.replies.Reply`."""
        self.reply.result(result)

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        """See :class:`~agentgate_server.sockets.replies.Reply`."""
        if code in NOTHING_CAME_OF_IT:
            self.tickets.give_back(self.secret)
        self.reply.error(code, message, data)
