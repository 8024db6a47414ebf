"""Callbacks of buttons: a person's answer goes to the desk, and what became of it to the person."""

from __future__ import annotations

from functools import partial

from telegram import CallbackQuery

from agentgate_proto.records.approval import ApprovalView
from agentgate_proto.records.grant import GrantTerms
from agentgate_server.approvals.decisions import Decision, Decisions
from agentgate_server.approvals.desk import Desk
from agentgate_server.approvals.telegram import text
from agentgate_server.approvals.telegram.api import Api
from agentgate_server.approvals.telegram.buttons import Choice, choice_of
from agentgate_server.approvals.telegram.codes import Prompts
from agentgate_server.approvals.telegram.notices import NOTICE_S, Notices
from agentgate_server.approvals.telegram.outbox import Outbox
from agentgate_server.approvals.telegram.people import People
from agentgate_server.approvals.telegram.remarks import Remarks
from agentgate_server.approvals.words import NAME_CHARS_MAX

GRANT_MINUTES = 10.0
"""What "Approve 10 min" gives."""


class Callbacks:
    """Deals with taps.

    Args:
        desk: says what a grant would allow.
        decisions: brings answers to the desk.
        people: who may tap.
        api: the calls.
        outbox: brings messages to the truth.
        notices: brings notices to people.
        prompts: the one-time codes that are waited for.
        remarks: what people have replied to what they are asked.
    """

    def __init__(
        self,
        desk: Desk,
        decisions: Decisions,
        people: People,
        api: Api,
        outbox: Outbox,
        notices: Notices,
        prompts: Prompts,
        remarks: Remarks,
    ) -> None:
        self.desk = desk
        self.decisions = decisions
        self.people = people
        self.api = api
        self.outbox = outbox
        self.notices = notices
        self.prompts = prompts
        self.remarks = remarks

    async def tapped(self, query: CallbackQuery) -> None:
        """Take a tap to the end; the decision in it is durable, or was refused, after this."""
        message = query.message
        place = (message.chat.id, message.message_id) if message else (0, 0)
        approver = self.people.name_of(query.from_user.id)
        if not approver:
            told = self.people.turn_away(query.from_user.id, place[0], "tapped a button")
            if told:
                self._notify(query, told, alert=True)
            return
        choice = choice_of(query.data)
        if choice is None:
            self._notify(query, "This button is not known any more.", alert=True)
            return
        verb, rid = choice
        view = self.outbox.board.view_of(rid)
        if verb is Choice.TEN_MINUTES:
            self._show_grant(query, rid)
        elif verb is Choice.BACK:
            self.outbox.show_grant(rid, "", 0.0)
            self._notify(query, "", alert=False)
        elif verb is Choice.APPROVE and view is not None and view.needs_code:
            self._ask_for_code(query, view, place)
        else:
            await self._decide(query, verb, rid, approver, place)

    async def _decide(
        self, query: CallbackQuery, verb: Choice, rid: str, approver: str, place: tuple[int, int]
    ) -> None:
        grant = None
        if verb is Choice.CONFIRM:
            # What was shown ends at a time, and so does what is given.
            left = self.outbox.board.grant_ends(rid) - self.desk.utc()
            if left <= 0:
                self.outbox.show_grant(rid, "", 0.0)
                self._notify(query, "Those 10 minutes are over: look at it again.", alert=True)
                return
            grant = GrantTerms(minutes=left / 60.0)
        user_id = query.from_user.id
        decision = await self.decisions.decide(
            rid,
            approve=verb is not Choice.DENY,
            approver=approver,
            grant=grant,
            word=self.remarks.of(rid, user_id),
        )
        if decision.won:
            self.remarks.drop(rid, user_id)
        self._tell(query, decision, place, rid)

    def _tell(
        self, query: CallbackQuery, decision: Decision, place: tuple[int, int], rid: str
    ) -> None:
        if not decision.won:
            self.outbox.found_stray(*place, rid)
        self._notify(query, decision.text, alert=not decision.won)

    def _show_grant(self, query: CallbackQuery, rid: str) -> None:
        """Let the message say what a grant would allow, to be confirmed."""
        now = self.desk.utc()
        try:
            words = self.desk.preview(rid, GrantTerms(minutes=GRANT_MINUTES), now)
        except (LookupError, ValueError) as error:
            self._notify(query, str(error), alert=True)
            return
        self.outbox.show_grant(rid, words, now + GRANT_MINUTES * 60.0)
        self._notify(query, "Read what it allows, then confirm", alert=False)

    def _ask_for_code(
        self, query: CallbackQuery, view: ApprovalView, place: tuple[int, int]
    ) -> None:
        user = query.from_user
        name = text.quoted(user.first_name, NAME_CHARS_MAX)
        html = (
            f'<a href="tg://user?id={user.id}">{name}</a>, answer this message with your one-time'
            f" code to approve:\n<pre>{text.signature_of(view)}</pre>"
        )
        self.notices.add(partial(self._prompt, html, view.id, user.id, place), NOTICE_S)
        self._notify(query, "It takes your one-time code: see the next message", alert=False)

    async def _prompt(self, html: str, rid: str, user_id: int, place: tuple[int, int]) -> None:
        chat_id, message_id = place
        sent = await self.api.send(chat_id, html, reply_to=message_id, ask_reply=True)
        self.prompts.add(chat_id, sent, rid, user_id)

    def _notify(self, query: CallbackQuery, words: str, *, alert: bool) -> None:
        call = partial(self.api.answer, query.id, text.notice(words), alert=alert)
        self.notices.add(call, NOTICE_S)
