"""One-time codes over Telegram: asked for below the message, taken from the answer, deleted.

A code is good once and for a minute, so one that stays readable harms nobody; it is deleted all the
same, and never logged. A number that nobody was asked for is the person's own: it stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from telegram import Message

from agentgate_server.approvals.clock import Clock

CODE = re.compile(r"\s*(?:[0-9]\s?){6,8}")
"""Six to eight digits, as people type what an app shows them."""

PROMPT_S = 180.0
"""How long the bot waits for a code."""

PROMPTS_MAX = 100
"""Codes that are waited for; beyond it the oldest prompt is forgotten."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A code that is waited for.

    Attributes:
        chat_id, message_id: the bot's message that asks for it.
        rid: the approval that it is to answer.
        user_id: who tapped; nobody else's answer counts.
        until: monotonic seconds.
    """

    chat_id: int
    message_id: int
    rid: str
    user_id: int
    until: float


class Prompts:
    """The codes that are waited for.

    Args:
        clock: what to measure by.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._prompts: dict[tuple[int, int], Prompt] = {}

    def add(self, chat_id: int, message_id: int, rid: str, user_id: int) -> None:
        """This message asks this person for a code."""
        until = self.clock.now() + PROMPT_S
        prompt = Prompt(chat_id, message_id, rid, user_id, until)
        self._prompts[chat_id, message_id] = prompt
        if len(self._prompts) > PROMPTS_MAX:
            del self._prompts[next(iter(self._prompts))]

    def remove(self, prompt: Prompt) -> None:
        """This one is answered."""
        self._prompts.pop((prompt.chat_id, prompt.message_id), None)

    def asked(self, message: Message, user_id: int) -> list[Prompt]:
        """The codes that a person is asked for in the chat of a message of theirs."""
        now = self.clock.now()
        return [
            prompt
            for prompt in self._prompts.values()
            if (prompt.user_id, prompt.chat_id) == (user_id, message.chat.id) and prompt.until > now
        ]

    def answered_by(self, message: Message, user_id: int) -> Prompt | None:
        """The prompt that a message with a code answers; None: none of this person's.

        An answer to the prompt itself, or, if the person has just one open there, any message.
        """
        mine = self.asked(message, user_id)
        replied = message.reply_to_message
        if replied is not None:
            mine = [prompt for prompt in mine if prompt.message_id == replied.message_id]
        return mine[0] if len(mine) == 1 else None


def is_code(text: str) -> bool:
    """Whether a message looks like a one-time code, and nothing else."""
    return CODE.fullmatch(text) is not None
