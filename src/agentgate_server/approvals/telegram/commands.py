"""Commands: what people write to the bot."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import TYPE_CHECKING

from telegram import Message

from agentgate_proto.messages import ApprovalView
from agentgate_server.approvals.telegram import text
from agentgate_server.approvals.telegram.api import Api
from agentgate_server.approvals.telegram.courtesies import REPLY_S, Courtesies
from agentgate_server.approvals.telegram.people import People
from agentgate_server.policy import readable
from agentgate_server.policy.signature import shorten

if TYPE_CHECKING:
    from agentgate_server.gate import Gate

LISTED_MAX = 20
"""Approvals that ``/pending`` shows: what fits one message."""

SIGNATURE_CHARS_MAX = 100

HELP = (
    "This bot asks before agents act. Answer with the buttons below a request; the message then"
    " says what happened.\n/pending - what waits for an answer\n/help - this"
)


class Commands:
    """Deals with what people write.

    Args:
        gate: whose approvals are listed.
        people: who may ask.
        api: the calls.
        courtesies: brings the replies.
    """

    def __init__(self, gate: Gate, people: People, api: Api, courtesies: Courtesies) -> None:
        self.gate = gate
        self.people = people
        self.api = api
        self.courtesies = courtesies

    async def wrote(self, message: Message) -> None:
        """Answer a message, if it is meant for the bot."""
        if message.from_user is None:
            return  # a channel, or an anonymous admin: nobody who could be checked
        word = (message.text or "").split(maxsplit=1)[:1]
        command = word[0].partition("@")[0].lower() if word else ""
        chat_id, user_id = message.chat.id, message.from_user.id
        if command == "/start":
            self._reply(
                message,
                f"This chat has the id <code>{chat_id}</code>, and you have the id"
                f" <code>{user_id}</code>.",
            )
        elif not self.people.name_of(user_id):
            if command.startswith("/") or message.chat.type == "private":
                told = self.people.turn_away(user_id, chat_id, "wrote to the bot")
                if told:
                    self._reply(message, told)
        elif command == "/pending":
            self._reply(message, pending_text(self.gate.desk.waiting()))
        elif command.startswith("/") or message.chat.type == "private":
            self._reply(message, HELP)

    def _reply(self, message: Message, html: str) -> None:
        call = partial(self.api.send, message.chat.id, html, reply_to=message.message_id)
        self.courtesies.add(call, REPLY_S)


def pending_text(views: list[ApprovalView]) -> str:
    """What waits, oldest first."""
    if not views:
        return "Nothing waits for an answer."
    lines = [f"<b>{len(views)} waiting</b>"]
    for view in views[:LISTED_MAX]:
        signature = escape(shorten(readable(view.signature), SIGNATURE_CHARS_MAX))
        until = text.clock(view.expires_at, view.created_at, None)
        lines.append(f"{text.name_of(view)}, until {until}:\n<pre>{signature}</pre>")
    if len(views) > LISTED_MAX:
        lines.append(f"… and {len(views) - LISTED_MAX} more")
    return "\n".join(lines)
