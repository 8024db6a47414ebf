"""Commands: what people write to the bot."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from telegram import Message

from agentgate_proto.records.approval import ApprovalView, GrantView
from agentgate_proto.rpc.mute_methods import MUTE_MINUTES_MAX
from agentgate_server.approvals.answering import muted_text
from agentgate_server.approvals.decisions import Decisions
from agentgate_server.approvals.desk import Desk
from agentgate_server.approvals.telegram import text
from agentgate_server.approvals.telegram.api import Api
from agentgate_server.approvals.telegram.codes import Prompt, Prompts, is_code
from agentgate_server.approvals.telegram.notices import NOTICE_S, REPLY_S, Notices
from agentgate_server.approvals.telegram.people import People
from agentgate_server.approvals.telegram.remarks import Remarks
from agentgate_server.approvals.words import SIGNATURE_CHARS_MAX, clock

LISTED_MAX = 20
"""Rows of a listing: what fits one message."""

COMMANDS = (
    ("pending", "what waits for an answer"),
    ("grants", "what agents may do without asking, for a time"),
    ("revoke", "end a grant: /revoke ID"),
    ("mute", "hear nothing of an agent for a time: /mute AGENT [MINUTES]"),
    ("unmute", "hear of it again: /unmute AGENT"),
    ("help", "what this bot does"),
)

MUTE_MINUTES = 60.0
"""For how long an agent is muted of which nothing else is said."""

HELP = (
    "This bot asks before agents act. Answer with the buttons below a request; the message then"
    " says what happened.\n" + "\n".join(f"/{name}: {what}" for name, what in COMMANDS)
)


class Commands:
    """Deals with what people write.

    Args:
        desk: whose approvals and grants it is about.
        decisions: brings answers to the desk.
        people: who may ask.
        api: the calls.
        notices: brings the replies.
        prompts: the one-time codes that are waited for.
        remarks: what people reply to what they are asked.
        asked_by: the approval that a message asks about.
    """

    def __init__(
        self,
        desk: Desk,
        decisions: Decisions,
        people: People,
        api: Api,
        notices: Notices,
        prompts: Prompts,
        remarks: Remarks,
        asked_by: Callable[[int, int], ApprovalView | None],
    ) -> None:
        self.desk = desk
        self.decisions = decisions
        self.people = people
        self.api = api
        self.notices = notices
        self.prompts = prompts
        self.remarks = remarks
        self.asked_by = asked_by

    async def wrote(self, message: Message) -> None:
        """Take a message to the end, if it is meant for the bot."""
        if message.from_user is None:
            return  # a channel: nobody who could be checked
        words = (message.text or "").split()
        command = words[0].partition("@")[0].lower() if words else ""
        chat_id, user_id = message.chat.id, message.from_user.id
        approver = self.people.name_of(user_id)
        meant = command.startswith("/") or message.chat.type == "private"
        if command == "/start":
            ids = f"This chat has the id <code>{chat_id}</code>, you have <code>{user_id}</code>."
            self._reply(message, ids)
        elif not approver:
            told = self.people.turn_away(user_id, chat_id, "wrote to the bot") if meant else ""
            if told:
                self._reply(message, told)
        elif is_code(message.text or "") and self.prompts.asked(message, user_id):
            await self._take_code(message, user_id, approver)
        elif is_code(message.text or "") and (meant or answers_bot(message)):
            self._reply(message, "No code is waited for: tap Approve first.")
        elif words and not command.startswith("/") and (view := self._replied_to(message)):
            self._reply(message, self._remark(view, user_id, message.text or ""))
        elif command == "/pending":
            self._reply(message, pending_text(self.desk.waiting(LISTED_MAX), self.desk.count))
        elif command == "/grants":
            self._reply(message, grants_text(self.desk.grants()))
        elif command == "/revoke" or command.startswith("/revoke_"):
            grant_id = command.removeprefix("/revoke_") if "_" in command else "".join(words[1:2])
            await self._revoke(message, grant_id, approver)
        elif command in ("/mute", "/unmute"):
            self._reply(message, text.quoted(self._mute(command, words[1:], approver)))
        elif meant:
            self._reply(message, HELP)

    def _replied_to(self, message: Message) -> ApprovalView | None:
        """The approval about which a message says something, if it is a reply to its message."""
        replied = message.reply_to_message
        return self.asked_by(message.chat.id, replied.message_id) if replied is not None else None

    def _remark(self, view: ApprovalView, user_id: int, words: str) -> str:
        """Keep what somebody says to an agent, for their answer."""
        if view.status != "waiting":
            return f"It is {view.status} already: the agent is not told that any more."
        self.remarks.note(view.id, user_id, words)
        return "The agent is told that with your answer: now tap Approve or Deny."

    async def _revoke(self, message: Message, grant_id: str, approver: str) -> None:
        if not grant_id:
            self._reply(message, "Say which: /revoke ID. /grants lists them.")
            return
        decision = await self.decisions.revoke(grant_id, approver=approver)
        self._reply(message, text.quoted(decision.text))

    def _mute(self, command: str, words: list[str], approver: str) -> str:
        """Silence an agent, or hear of it again; without a name: say who is silenced."""
        if not words:
            listed = "; ".join(map(muted_text, self.desk.mutes()))
            return listed or "Nobody is muted. Say who is to be: /mute AGENT [MINUTES]"
        try:
            minutes = 0.0 if command == "/unmute" else minutes_of(words[1:])
            muted = self.desk.mute(
                words[0],
                minutes,
                approver=approver,
                channel=self.decisions.channel,
                now=self.desk.utc(),
            )
        except (LookupError, ValueError) as error:
            return str(error)
        self.decisions.drain()
        return muted_text(muted)

    async def _take_code(self, message: Message, user_id: int, approver: str) -> None:
        """A code of somebody who is asked for one is deleted, whatever comes of it."""
        self._delete(message.chat.id, message.message_id)
        prompt = self.prompts.answered_by(message, user_id)
        if prompt is None:
            self._reply(message, "Answer the very message that asks for the code.")
            return
        code = "".join((message.text or "").split())
        word = self.remarks.of(prompt.rid, user_id)
        decision = await self.decisions.decide(
            prompt.rid, approve=True, approver=approver, code=code, word=word
        )
        if decision.won:
            self.remarks.drop(prompt.rid, user_id)
        if not decision.won:
            self._reply(message, text.quoted(decision.text))
        if not decision.needs_code:
            self._close(prompt)

    def _close(self, prompt: Prompt) -> None:
        self.prompts.remove(prompt)
        self._delete(prompt.chat_id, prompt.message_id)

    def _delete(self, chat_id: int, message_id: int) -> None:
        self.notices.add(partial(self.api.delete, chat_id, message_id), NOTICE_S)

    def _reply(self, message: Message, html: str) -> None:
        thread_id = message.message_thread_id if message.is_topic_message else None
        to = message.message_id
        call = partial(self.api.send, message.chat.id, html, reply_to=to, thread_id=thread_id or 0)
        self.notices.add(call, REPLY_S)


def minutes_of(words: list[str]) -> float:
    """Read for how long an agent is to be silent; an hour, if nothing is said.

    Raises:
        ValueError: it is no such time.
    """
    if not words:
        return MUTE_MINUTES
    if not words[0].isdecimal() or not 0 < int(words[0]) <= MUTE_MINUTES_MAX:
        raise ValueError(f"For how many minutes? A number from 1 to {MUTE_MINUTES_MAX:g}")
    return float(words[0])


def answers_bot(message: Message) -> bool:
    """Whether somebody answers a message of a bot."""
    replied = message.reply_to_message
    return replied is not None and replied.from_user is not None and replied.from_user.is_bot


def pending_text(views: list[ApprovalView], count: int) -> str:
    """What waits, oldest first; of so many in all."""
    if not views:
        return "Nothing waits for an answer."
    rows = []
    for view in views:
        until = clock(view.expires_at, view.created_at, None)
        rows.append(f"{text.name_of(view)}, until {until}:\n<pre>{text.signature_of(view)}</pre>")
    return text.listing(f"<b>{count} waiting</b>", rows, count)


def grants_text(grants: list[GrantView]) -> str:
    """The grants in force."""
    active = [grant for grant in grants if grant.status == "active"]
    if not active:
        return "No grant is in force: every request that needs a person is asked."
    rows = []
    for grant in active[:LISTED_MAX]:
        words = text.quoted(grant.words, SIGNATURE_CHARS_MAX)
        rows.append(f"<pre>{words}</pre>{grant.uses_left} uses left. /revoke_{grant.id}")
    return text.listing(f"<b>{len(active)} in force</b>", rows, len(active))
