"""Streams of events: a session that is watched, a run that is followed to its end."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self
from weakref import WeakSet

import anyio
from anyio.lowlevel import checkpoint

from agentgate_client.decoding import view_from
from agentgate_client.driver import Driver, fresh
from agentgate_proto.client.events import ClientState, Settled
from agentgate_proto.client.session_answer import Answer
from agentgate_proto.client.session_feed import Cursor, Event, SessionFeed
from agentgate_proto.client.session_watch import SessionWatch
from agentgate_proto.errors import AgentGateError, ErrorCode, exception_for
from agentgate_proto.rpc.session_methods import (
    Attached,
    AttachSession,
    CancelRun,
    MessageTaken,
    RunCancelled,
    SendMessage,
    SessionEvents,
)


class Follower(Protocol):
    """Reads a session's log.

    Attributes:
        feed: what it reads from.
    """

    feed: SessionFeed

    def wake(self) -> None:
        """There may be something to read."""
        ...


class Watching:
    """A watch of the core in the event loop: makes the calls that it asks for, wakes the readers.

    Args:
        driver: who makes calls.
        session: the session's id.
        forget: is told when nobody reads any more.
    """

    def __init__(self, driver: Driver, session: str, forget: Callable[[Watching], None]) -> None:
        self.watch = SessionWatch(session)
        self._driver = driver
        self._forget = forget
        self._streams: WeakSet[Follower] = WeakSet()

    def add(self, stream: Follower) -> None:
        """Another reader. It is not kept alive from here."""
        self._streams.add(stream)
        self.watch.add(stream.feed)
        self.turn()

    def take(self, events: SessionEvents) -> None:
        """Events came."""
        self.watch.take(events)
        self.turn()

    def reconnected(self) -> None:
        """There is a new connection."""
        self.watch.reconnected()
        self.turn()

    def deleted(self) -> None:
        """The session is gone."""
        self.watch.end(exception_for(ErrorCode.SESSION_NOT_FOUND, "the session was deleted"))
        self.turn()

    def closed(self, error: AgentGateError | None) -> None:
        """The client was closed, or has given up."""
        self.watch.closed(error)
        self.turn()

    def turn(self) -> None:
        """Do what the watch asks for. Must follow everything that changes it."""
        call = self.watch.next_call()
        try:
            if isinstance(call, AttachSession):
                self._driver.submit("attach_session", call, None, self._attached)
            elif call is not None:
                self._driver.submit("detach_session", call, None, ignore)
        except AgentGateError as error:
            if isinstance(call, AttachSession):
                self.watch.refused(error)
        for stream in list(self._streams):
            stream.wake()
        if self.watch.is_over:
            self._forget(self)

    def _attached(self, settled: Settled) -> None:
        if self._driver.machine.state is ClientState.CLOSED:
            return  # ``closed`` follows, and knows why
        if settled.error is not None:
            self.watch.refused(settled.error)
        else:
            try:
                self.watch.attached(view_from(settled.result, Attached))
            except AgentGateError as odd:
                self.watch.refused(odd)
        self.turn()


def ignore(settled: Settled) -> None:
    """Whether we were attached or not: we are no more."""


class EventStream:
    """An asynchronous iterator of a session's events, from a cursor on, for ever.

    It outlives connections: after a reconnect it goes on, without gap or duplicate. What is not to
    be had any more comes as an event of kind "gap". It may be read slowly: what does not fit into
    memory (about a megabyte) stays at the gateway until it is wanted.

    It ends when the client is closed, and raises the reason if the client gave up, if the session
    was deleted, or may not be watched. Closing it, or dropping it, ends nothing but the watching.
    """

    def __init__(self, cursor: Cursor | None, run: str = "") -> None:
        self.feed = SessionFeed(cursor, run)
        self._watching: Watching | None = None
        self._arrived = anyio.Event()

    @property
    def cursor(self) -> Cursor | None:
        """After the last event that was read, to go on from there another time; None: not known
        yet."""
        return self.feed.cursor

    def join(self, watching: Watching) -> None:
        """Begin to follow; once."""
        self._watching = watching
        watching.add(self)

    def wake(self) -> None:
        """There may be something to read."""
        self._arrived.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        await checkpoint()
        feed = self.feed
        while True:
            was_full = feed.full
            event = feed.next_event()
            if event is not None:
                if was_full and not feed.full:
                    self._turn()
                return event
            if feed.error is not None:
                raise fresh(feed.error)
            if feed.ended:
                raise StopAsyncIteration
            if self._arrived.is_set():
                self._arrived = anyio.Event()
            await self._arrived.wait()

    async def aclose(self) -> None:
        """Watch no longer. Not needed if the stream is simply dropped."""
        self.feed.close()
        self._turn()
        await checkpoint()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        # the watch sees it with the next event: nothing may be sent from here
        self.feed.close()

    def _turn(self) -> None:
        if self._watching is not None:
            self._watching.turn()
        self.wake()


class Run:
    """A message and what comes of it: ``async for event in session.send("hi")``.

    The message is sent when the first event is asked for, or by ``started``. The events are those
    of the session's log from the message on, and end with ``run_ended``. See :class:`EventStream`
    for what happens at a reconnect, and to slow readers.

    The run is the gateway's: it goes on if the iterator is left, closed or dropped. ``cancel`` ends
    it.

    Attributes:
        message: what is sent.
    """

    def __init__(
        self, driver: Driver, message: SendMessage, watching: Callable[[str], Watching]
    ) -> None:
        self.message = message
        self._driver = driver
        self._watching = watching
        self._taken: MessageTaken | None = None
        self._stream: EventStream | None = None
        self._answer = Answer()
        self._sending = anyio.Lock()

    @property
    def id(self) -> str:
        """The run's id; "" before it has started."""
        return self._taken.run if self._taken is not None else ""

    @property
    def message_id(self) -> str:
        """The message's own id: sending it again under this id joins the run."""
        return self.message.message_id

    @property
    def cursor(self) -> Cursor | None:
        """After the last event that was read; None before it has started."""
        return self._stream.cursor if self._stream is not None else None

    @property
    def joined(self) -> bool:
        """The gateway had this message before: this is the run that began then."""
        return self._taken is not None and self._taken.joined

    @property
    def status(self) -> str:
        """How the run ended, once that was read: "completed", "cancelled" …; else ""."""
        return self._answer.status

    @property
    def ended(self) -> dict[str, Any]:
        """What the end of the run says, once that was read: reason, iterations, usage, cost."""
        return self._answer.ended

    async def started(self) -> Run:
        """Send the message, unless that is done; return when the gateway has it, durably.

        After a reconnect it is sent again by itself: its id sees to it that it runs once.

        Raises:
            SessionNotFound: there is no such session (-32013).
            RunInProgress: another run is under way (-32014).
            ModelFailed: there is no such model (-32016).
            AgentGateConnectionError: the client is not connected, was closed, or has given up.
            AgentGateError: the call failed.
        """
        async with self._sending:
            if self._taken is None:
                result = await self._driver.call("send_message", self.message, None)
                taken = view_from(result, MessageTaken)
                stream = EventStream(Cursor(taken.epoch, taken.offset), taken.run)
                self._taken, self._stream = taken, stream
                stream.join(self._watching(self.message.session))
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        if self._stream is None:
            await self.started()
        assert self._stream is not None, "it has started"
        event = await self._stream.__anext__()
        self._answer.take(event)
        return event

    async def text(self) -> str:
        """Read the run to its end, and return what the model answered last.

        Raises:
            ModelFailed: the run failed, was interrupted, or its end is not to be had (-32016).
                ``data["text"]`` is what there is of the answer, here and below.
            OverBudget: the money was not there (-32015).
            AgentGateTimeout: the run was cancelled (-32008).
            AgentGateError: as ``started``.
        """
        async for _ in self:
            pass
        error = self._answer.error()
        if error is not None:
            raise error
        return self._answer.text

    async def cancel(self) -> RunCancelled:
        """End the run; say which tools may still run. Without effect if it is over.

        Raises:
            AgentGateError: the call failed.
        """
        await self.started()
        params = CancelRun(session=self.message.session, run=self.id)
        return view_from(await self._driver.call("cancel_run", params, None), RunCancelled)

    async def aclose(self) -> None:
        """Watch no longer; the run goes on."""
        if self._stream is not None:
            await self._stream.aclose()
        else:
            await checkpoint()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
