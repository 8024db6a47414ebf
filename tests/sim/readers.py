"""Those who read a session's events, and what an agent keeps of where they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentgate_proto.client.session_feed import Cursor, Event, SessionFeed
from agentgate_proto.records.session_views import BEHIND, GAP
from agentgate_proto.rpc.session_methods import SendMessage

if TYPE_CHECKING:
    from tests.sim.talkers import Talker


class Memory:
    """What an agent keeps from one process to the next.

    Attributes:
        sessions: that it was told of, with their epochs.
        messages: that it has sent, by their ids.
        unanswered: those of which it does not know whether they were taken.
        cursors: where it was in each log.
        going: sessions that it wanted to be deleted.
    """

    def __init__(self) -> None:
        self.sessions: dict[str, str] = {}
        self.messages: dict[str, SendMessage] = {}
        self.unanswered: dict[str, SendMessage] = {}
        self.cursors: dict[str, Cursor] = {}
        self.going: set[str] = set()


class Reader:
    """Somebody who reads a session's events, and looks at their order.

    Args:
        talker: whose.
        session: which.
        feed: where they come from.
        lie: why its cursor can't be had, or "".
    """

    def __init__(self, talker: Talker, session: str, feed: SessionFeed, lie: str) -> None:
        self.talker = talker
        self.session = session
        self.feed = feed
        self.lie = lie
        self.next = feed.cursor.offset if feed.cursor is not None and not lie else None

    def read(self) -> None:
        """Read all that has come."""
        while (event := self.feed.next_event()) is not None:
            self.take(event)

    def take(self, event: Event) -> None:
        """The next event."""
        fail, reason = self.talker.world.fail, event.data.get("reason", "")
        name = f"{self.talker.process.name} in {self.session}"
        if self.lie and reason != self.lie:
            fail(f"I11: {name} had a cursor that is {self.lie}, and is told {event.kind}")
        if not self.lie and event.kind == GAP and reason in ("epoch", "ahead"):
            fail(f"I11: {name} had a good cursor, and is told that it is {reason}")
        self.lie = ""
        if self.next is not None and event.offset != self.next:
            fail(f"I11: {name} waits for {self.next}, and gets {event}")
        if event.kind != BEHIND:
            self.next = None if event.kind == GAP and reason else event.offset + event.count
        principal = self.talker.process.agent.plan.principal
        self.talker.world.oracle.sessions.sees(principal, self.session, event)
        if self.feed.cursor is not None:
            self.talker.memory.cursors[self.session] = self.feed.cursor

    @property
    def is_idle(self) -> bool:
        """Whether it does not wait for the end of a run."""
        return not self.feed.run or self.feed.ended
