"""Who may do what in Telegram: the person who taps or writes is checked, never only the chat."""

from __future__ import annotations

import logging

from agentgate_server.approvals.clock import Clock

log = logging.getLogger(__name__)

REFUSAL = "You may not answer here. Whoever runs the gateway can allow it: your id is {user_id}."

REFUSE_AGAIN_S = 60.0
"""How often one stranger is answered and logged."""

STRANGERS_MAX = 1_000
"""Strangers that are remembered; the oldest are forgotten beyond it."""


class People:
    """The people of one bot.

    Args:
        names: what those who may answer are called, by Telegram's id.
        clock: what to measure by.
    """

    def __init__(self, names: dict[int, str], clock: Clock) -> None:
        self.names = names
        self.clock = clock
        self._strangers: dict[int, float] = {}

    def name_of(self, user_id: int) -> str:
        """What a person who may answer is called; "" for anybody else."""
        return self.names.get(user_id, "")

    def turn_away(self, user_id: int, chat_id: int, what: str) -> str:
        """Return what to tell a stranger; "" if that was said a moment ago."""
        now = self.clock.now()
        last = self._strangers.pop(user_id, None)
        if last is not None and now - last < REFUSE_AGAIN_S:
            self._strangers[user_id] = last
            return ""
        self._strangers[user_id] = now
        if len(self._strangers) > STRANGERS_MAX:
            del self._strangers[next(iter(self._strangers))]
        log.warning("user %d, who may not, %s on Telegram (chat %d)", user_id, what, chat_id)
        return REFUSAL.format(user_id=user_id)
