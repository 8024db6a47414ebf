"""Messages that wait for their turn: each is in the log at once, and its run begins when those
before it are over (I12).

A message that waits is stored with its session, in the write that puts it into the log; it is taken
from there in the write that ends the run before it, which is the one that begins its own. So no
moment has a message that is in neither place, and a run of which a restart finds the beginning is
ended as any other. Where there is no run, nobody waits.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from agentgate_proto.records.session import EventKind, OpenRun, QueuedMessage, RunStatus
from agentgate_proto.records.usage import Usage
from agentgate_proto.rpc.session_methods import MessageTaken, RunCancelled
from agentgate_proto.sessions.book import Book
from agentgate_proto.sessions.client_turns import events_before
from agentgate_proto.sessions.effects import Done, Effect
from agentgate_proto.sessions.endings import Endings
from agentgate_proto.sessions.history import bytes_of
from agentgate_proto.sessions.limits import SessionLimits
from agentgate_proto.sessions.recording import log_and_feed
from agentgate_proto.sessions.run import Phase, Run
from agentgate_proto.sessions.runs import Runs
from agentgate_proto.sessions.session import Session
from agentgate_proto.sessions.settings import Settings

NOT_BEGUN = "it had not begun"


class Queue:
    """See the module.

    Args:
        limits: caps and times.
        effects: the output queue of the sessions.
        book: the sessions, and their writes.
        settings: which models there are.
        runs: the steps of runs.
        endings: ends runs.
    """

    def __init__(
        self,
        limits: SessionLimits,
        effects: deque[Effect],
        book: Book,
        settings: Settings,
        runs: Runs,
        endings: Endings,
    ) -> None:
        self._limits = limits
        self._effects = effects
        self._book = book
        self._settings = settings
        self._runs = runs
        self._endings = endings
        endings.begin_next = self.begin_next

    def objection(self, session: Session, text: str, params: dict[str, Any]) -> str:
        """Say why no further message may wait, or nothing."""
        run, queue = session.run, session.record.queue
        count = len(queue) + (len(run.held) if run is not None else 0)
        if count >= self._limits.queued_messages_max:
            return f"{count} messages wait already: wait for their ends, or cancel some"
        size = size_of(text, params) + sum(size_of(each.text, each.params) for each in queue)
        if size > self._limits.queued_bytes_max:
            most = self._limits.queued_bytes_max
            return f"messages that wait have at most {most} bytes together: wait for the run's end"
        return ""

    def put(self, session: Session, ticket: Any, message: QueuedMessage, now: float) -> None:
        """Let a message wait; whoever sent it hears of it when it is durable."""
        record = session.record
        session.record = replace(
            record, queue=(*record.queue, message), messages=record.messages + 1
        )
        log_and_feed(session, EventKind.MESSAGE, said(message), now)
        result = taken(session, message.run, message.first, waits=True)
        session.then.append(Done(ticket, result))
        self._book.save(session, now)

    def cancel(self, session: Session, ticket: Any, run: str, now: float) -> bool:
        """Take the message out whose run that would be; return whether it waits."""
        record = session.record
        found = [message for message in record.queue if message.run == run]
        for message in found:
            kept = tuple(each for each in record.queue if each is not message)
            session.record = replace(record, queue=kept)
            self._end(session, message, NOT_BEGUN, now)
            session.then.append(Done(ticket, RunCancelled(status="cancelled", run=run)))
            self._book.save(session, now)
        return bool(found)

    def clear(self, session: Session, reason: str, now: float) -> None:
        """None of those that wait begins any more."""
        queue = session.record.queue
        session.record = replace(session.record, queue=())
        for message in queue:
            self._end(session, message, reason, now)

    def begin_next(self, session: Session, now: float) -> None:
        """A run has ended: the next begins, if one waits, with the same write."""
        record = session.record
        if not record.queue:
            return
        message = record.queue[0]
        model = self._settings.info_of(message.model)
        session.history.say(message.run, message.first, message.at, message.text)
        for kind, data in events_before(session.history, message.run, None):
            log_and_feed(session, kind, data, now)
        stored = open_run(message, session.log.next, now)
        run = Run(stored, model, max_tokens=message.max_tokens, params=message.params)
        run.phase = Phase.STARTING
        session.run = run
        session.record = replace(record, run=stored, queue=record.queue[1:])
        log_and_feed(session, EventKind.RUN_STARTED, started(message), now)
        if objection := self._settings.objection_to(message.model):
            self._endings.end(session, RunStatus.FAILED, objection, now)
            return
        session.then.append(partial(self._begin, session, run))
        self._book.save(session, now)

    def _begin(self, session: Session, run: Run, now: float) -> None:
        """Its beginning is durable."""
        if session.run is run and run.phase is Phase.STARTING:
            self._runs.begin(session, run, now)

    def _end(self, session: Session, message: QueuedMessage, reason: str, now: float) -> None:
        data = {
            "run": message.run,
            "status": RunStatus.CANCELLED.value,
            "reason": reason,
            "iterations": 0,
            "still_running": [],
            "usage": Usage(),
            "cost_micros": 0,
        }
        log_and_feed(session, EventKind.RUN_ENDED, data, now)


def taken(
    session: Session,
    run: str,
    offset: int,
    *,
    joined: bool = False,
    ended: bool = False,
    waits: bool = False,
) -> MessageTaken:
    """Say where a message stands."""
    epoch = session.record.epoch
    return MessageTaken(
        run=run, epoch=epoch, offset=offset, joined=joined, ended=ended, waits=waits
    )


def open_run(message: QueuedMessage, first: int, now: float) -> OpenRun:
    """Return what is stored of the run of a message, which begins at an offset."""
    return OpenRun(
        id=message.run,
        message_id=message.message_id,
        first=message.first,
        model=message.model,
        max_iterations=message.max_iterations,
        started_at=now,
        started=first,
    )


def said(message: QueuedMessage) -> dict[str, Any]:
    """Return the data of a message's event."""
    words = {"run": message.run, "message_id": message.message_id, "text": message.text}
    return {**words, **who_said(message)}


def started(message: QueuedMessage) -> dict[str, Any]:
    """Return the data of the event with which its run begins."""
    return {
        "run": message.run,
        "message_id": message.message_id,
        "model": message.model,
        "max_iterations": message.max_iterations,
        **who_said(message),
    }


def who_said(message: QueuedMessage) -> dict[str, Any]:
    """Return what both events have of who said it."""
    who: dict[str, Any] = {"by": message.by} if message.by else {}
    if message.behalf:
        who["on_behalf_of"] = {"principal": message.behalf, "hops": message.hops}
    return who


def size_of(text: str, params: dict[str, Any]) -> int:
    """How many bytes a message is that waits, about."""
    return bytes_of(text) + (len(msgspec.json.encode(params)) if params else 0)
