"""The driver of one talk with a server: events out, messages to a link, and time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import anyio

from agentgate_proto.faces.mcp_backend.events import Event, Over
from agentgate_proto.faces.mcp_backend.talk import ServerTalk
from agentgate_server.tools.mcp.turns import Turns


class Driver:
    """See the module. After each verb of the talk, call ``act``.

    Args:
        talk: what is driven.
        heard: hears each event, at once; it must not use the talk.

    Attributes:
        talk: see there.
        over: set when the talk has ended.
        reason: why it has, or "".
        turns: what links read in.
    """

    def __init__(self, talk: ServerTalk, heard: Callable[[Event], None]) -> None:
        self.talk = talk
        self.over = anyio.Event()
        self.reason = ""
        self.turns = Turns()
        self._heard = heard
        self._outgoing = anyio.Event()
        self._rearm = anyio.Event()
        self._acted = anyio.Event()
        self._deadline: float | None = None

    @property
    def now(self) -> float:
        """The time of the event loop, in monotonic seconds."""
        return anyio.current_time()

    def open(self) -> None:
        """Begin the talk."""
        self.talk.open(self.now)
        self.act()

    def close(self, reason: str) -> None:
        """End the talk; without effect if it is over."""
        self.talk.close(reason)
        self.act()

    def act(self) -> None:
        """Hand out what has happened, and let what is to be sent be sent."""
        while (event := self.talk.next_event()) is not None:
            if isinstance(event, Over):
                self.reason = event.reason
                self.over.set()
            self._heard(event)
        if self.talk.has_messages:
            self._outgoing.set()
        self._acted.set()
        deadline = self.talk.next_deadline()
        if deadline != self._deadline:
            self._deadline = deadline
            self._rearm.set()

    async def wait_outgoing(self) -> None:
        """Wait until something is to be sent. Only one may."""
        while not self.talk.has_messages:
            self._outgoing = anyio.Event()
            await self._outgoing.wait()

    async def wait_changed(self) -> None:
        """Wait until something has happened. Only one may."""
        self._acted = anyio.Event()
        await self._acted.wait()

    async def keep_time(self) -> None:
        """Call the talk's timer when it is due, until cancelled."""
        while True:
            self._rearm = anyio.Event()
            due = self._deadline
            left_s = float("inf") if due is None else max(due - self.now, 0.0)
            with anyio.move_on_after(left_s):
                await self._rearm.wait()
                continue
            assert due is not None, "what never comes is not waited for in vain"
            self.talk.handle_timer(max(due, self.now))
            self.act()


class Link(Protocol):
    """What carries the messages of a talk."""

    async def run(self, driver: Driver) -> None:
        """Open the way to the server and the talk, and carry what is said until the talk is over,
        which this brings about if the way breaks. Cancelled, it closes everything first.

        Raises:
            OSError: there is no way to the server; the text says why.
        """
        ...
