"""What the store says of writes and questions: brought to those of the gate whom it concerns."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from agentgate_proto.ledger.effects import Token
from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.quotas.news import News
from agentgate_server.observing import Observers
from agentgate_server.sessions.desk import SESSIONS, SessionDesk
from agentgate_server.store.numbering import Numbering

log = logging.getLogger(__name__)

LEDGER = "ledger"
"""Whose its writes are, among those of the gate."""


class StoreReports:
    """A :class:`agentgate_server.store.writer.StoreCallbacks`.

    Args:
        ledger: asks and writes.
        numbering: knows whose a write is.
        observers: hears what may be forgotten.
        sessions: returns the desk of the sessions, which ask and write as well; None: none do.
        failed: is told up to which of the ledger's writes none was made, and why.
        utc: the clock of the ledger.
        drain: lets them do what they want done.
    """

    def __init__(
        self,
        ledger: Ledger,
        numbering: Numbering,
        observers: Observers,
        *,
        sessions: Callable[[], SessionDesk | None],
        failed: Callable[[int, str], None],
        utc: Callable[[], float],
        drain: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._numbering = numbering
        self._observers = observers
        self._sessions = sessions
        self._failed = failed
        self._utc = utc
        self._drain = drain
        self._writes = News()
        self._answers = News()

    def on_durable(self, upto: int) -> None:
        """See :class:`agentgate_server.store.writer.StoreCallbacks`."""
        if self._writes.is_away:
            after = self._writes.well(time.monotonic())
            if after is not None:
                log.warning("the store takes writes again%s", after)
        numbers = self._numbering.take(upto)
        if LEDGER in numbers:
            self._ledger.durable(numbers[LEDGER])
        sessions = self._sessions()
        if sessions is not None and SESSIONS in numbers:
            sessions.on_durable(numbers[SESSIONS])
        self._drain()
        self._observers.tidy(self._ledger.is_active)

    def on_write_failed(self, first: int, last: int, reason: str) -> None:
        """See :class:`agentgate_server.store.writer.StoreCallbacks`."""
        if (more := self._writes.failed(reason, time.monotonic())) is not None:
            log.error("the store took no writes (%d to %d): %s%s", first, last, reason, more)
        numbers = self._numbering.take(last)
        if LEDGER in numbers:
            self._failed(numbers[LEDGER], reason)
        sessions = self._sessions()
        if sessions is not None and SESSIONS in numbers:
            sessions.on_write_failed(numbers[SESSIONS], reason)
        self._drain()

    def on_answer(self, token: Any, answer: Any) -> None:
        """See :class:`agentgate_server.store.writer.StoreCallbacks`."""
        if self._answers.is_away:
            after = self._answers.well(time.monotonic())
            if after is not None:
                log.warning("the store answers again%s", after)
        if isinstance(token, Token):
            self._ledger.answered(token, answer, self._utc())
        else:
            token(answer, "")
        self._drain()

    def on_answer_failed(self, token: Any, reason: str) -> None:
        """See :class:`agentgate_server.store.writer.StoreCallbacks`."""
        if (more := self._answers.failed(reason, time.monotonic())) is not None:
            log.error("the store could not answer: %s%s", reason, more)
        if isinstance(token, Token):
            self._ledger.answer_failed(token, reason)
        else:
            token(None, reason)
        self._drain()
