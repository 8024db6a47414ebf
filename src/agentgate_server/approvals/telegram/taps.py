"""Taps: a person's answer goes to the desk, and what became of it to the person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
from telegram import CallbackQuery

from agentgate_proto.errors import ErrorCode
from agentgate_proto.messages import ApprovalView
from agentgate_server.approvals.desk import settled_text
from agentgate_server.approvals.telegram import text
from agentgate_server.approvals.telegram.api import Api
from agentgate_server.approvals.telegram.buttons import Choice, choice_of
from agentgate_server.approvals.telegram.courtesies import NOTICE_S, Courtesies
from agentgate_server.approvals.telegram.outbox import Outbox
from agentgate_server.approvals.telegram.people import People

if TYPE_CHECKING:
    from agentgate_server.gate import Gate

CHANNEL = "telegram"


class Taps:
    """Deals with taps.

    Args:
        gate: whose desk decides.
        people: who may tap.
        api: the calls.
        outbox: brings messages to the truth.
        courtesies: brings notices to people.
    """

    def __init__(
        self, gate: Gate, people: People, api: Api, outbox: Outbox, courtesies: Courtesies
    ) -> None:
        self.gate = gate
        self.people = people
        self.api = api
        self.outbox = outbox
        self.courtesies = courtesies

    async def tapped(self, query: CallbackQuery) -> None:
        """Take a tap to the end; the decision in it is durable, or was refused, after this."""
        message = query.message
        chat_id, message_id = (message.chat.id, message.message_id) if message else (0, 0)
        approver = self.people.name_of(query.from_user.id)
        if not approver:
            told = self.people.turn_away(query.from_user.id, chat_id, "tapped a button")
            if told:
                self._notify(query, told, alert=True)
            return
        choice = choice_of(query.data)
        if choice is None:
            self._notify(query, "This button is not known any more.", alert=True)
            return
        verb, rid = choice
        decision = Decision()
        self.gate.desk.decide(
            rid,
            approve=verb is Choice.APPROVE,
            approver=approver,
            channel=CHANNEL,
            now=self.gate.utc(),
            reply=decision,
        )
        self.gate.drain()
        await decision.made.wait()
        if decision.view is not None or decision.unknown:
            self.outbox.found_stray(chat_id, message_id, decision.view)
        self._notify(query, decision.text, alert=not decision.won)

    def _notify(self, query: CallbackQuery, words: str, *, alert: bool) -> None:
        shown = text.notice(words)
        self.courtesies.add(lambda: self.api.answer(query.id, shown, alert=alert), NOTICE_S)


class Decision:
    """A :class:`~agentgate_server.replies.Reply` that waits for the desk.

    Attributes:
        made: the desk has answered.
        won: this very decision was taken.
        view: the approval as it stands, if that is known.
        unknown: there is no such approval.
        text: what to tell the person.
    """

    def __init__(self) -> None:
        self.made = anyio.Event()
        self.won = False
        self.view: ApprovalView | None = None
        self.unknown = False
        self.text = ""

    def result(self, result: Any) -> None:
        """The decision is durable."""
        self.won, self.view = True, result
        self.text = "Approved" if result.status == "approved" else "Denied"
        self.made.set()

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        """Something else was first, or it could not be stored."""
        self.text = message
        self.unknown = code is ErrorCode.NOT_FOUND
        if isinstance(data, ApprovalView):
            self.view = data
            self.text = settled_text(data)
        self.made.set()
