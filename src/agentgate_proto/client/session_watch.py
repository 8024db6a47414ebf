"""A watch: the feeds of one session, and the one attachment that a connection has for all of them.

Theory of operation. A connection watches a session once; attaching again moves the cursor. So the
log is read from the lowest cursor that a feed wants, and the feeds drop what is below their own.
Whenever a feed wants something that does not come by itself (it is new, it was full, the connection
is another one), ``next_call`` says to attach again. Between that and the answer no feed takes
anything: what comes then is still of the attachment before, which may be beyond a cursor.

A cursor that is not of this log, or ahead of it, is asked for alone: its reader is to hear of the
gap from the gateway, and the others not.

The adapter makes the call that ``next_call`` returns, after everything else that it tells.
"""

from __future__ import annotations

import msgspec

from agentgate_proto.client.session_feed import Cursor, SessionFeed
from agentgate_proto.errors import AgentGateError, ErrorCode, exception_for
from agentgate_proto.records.session_views import GONE
from agentgate_proto.rpc.session_methods import (
    Attached,
    AttachSession,
    DetachSession,
    SessionEvents,
)

Ask = AttachSession | DetachSession


class Member(msgspec.Struct):
    """A feed of the watch.

    Attributes:
        feed: the feed.
        follows: what comes next is what it wants, or comes before it.
        apart: its cursor does not lie in the log, as far as we know.
    """

    feed: SessionFeed
    follows: bool = False
    apart: bool = False

    @property
    def is_due(self) -> bool:
        """It wants something that does not come by itself."""
        return not (self.follows or self.feed.full)


class SessionWatch:
    """See the module.

    Args:
        session: the session's id.
    """

    def __init__(self, session: str) -> None:
        self.session = session
        self._members: list[Member] = []
        self._is_attached = False
        self._asked: AttachSession | None = None

    @property
    def is_over(self) -> bool:
        """Nobody reads, and nothing comes: it may be forgotten."""
        return not (self._members or self._is_attached or self._asked)

    # The readers' side

    def add(self, feed: SessionFeed) -> None:
        """Another reader."""
        self._members.append(Member(feed))

    def next_call(self) -> Ask | None:
        """Return what to ask the gateway now, or None. Its answer is to be told."""
        self._prune()
        if self._asked is not None:
            return None
        due = [member for member in self._members if member.is_due]
        if due:
            self._asked = self._attachment(due)
            for member in self._members:
                member.follows = False
            return self._asked
        if self._is_attached and not any(member.follows for member in self._members):
            self._is_attached = False
            return DetachSession(session=self.session)
        return None

    # The gateway's side

    def attached(self, reply: Attached) -> None:
        """The answer to ``AttachSession``: what comes from now on begins where it says."""
        asked, self._asked = self._asked, None
        assert asked is not None, "nothing else is answered so"
        self._is_attached = True
        where = Cursor(asked.epoch, asked.offset) if asked.offset is not None else None
        for member in self._members:
            feed = member.feed
            wanted = feed.wanted
            if feed.full:
                continue
            if wanted == where:
                feed.attached(reply)
                member.apart, member.follows = False, not feed.full
            elif wanted is not None:
                member.apart = wanted.epoch != reply.epoch or wanted.offset > reply.next
                member.follows = not member.apart and wanted.offset >= reply.offset
                if member.follows:
                    feed.look_for_run(reply)
        self._prune()

    def refused(self, error: AgentGateError) -> None:
        """The answer to ``AttachSession`` is an error: those who wanted it are told."""
        self._asked = None
        self._is_attached = False
        for member in self._members:
            if not member.feed.full:
                member.feed.end(error)
        self._prune()

    def take(self, events: SessionEvents) -> None:
        """Hand on what came."""
        for event in events.events:
            if event.kind == GONE:
                self.end(exception_for(ErrorCode.SESSION_NOT_FOUND, "The session was deleted"))
                return
            for member in self._members:
                if member.follows:
                    member.feed.take(event)
                    member.follows = not (member.feed.full or member.feed.in_doubt)
        self._prune()

    def reconnected(self) -> None:
        """There is a new connection, which watches nothing. A call that has no answer yet is made
        again on it by the call book."""
        self._is_attached = False
        for member in self._members:
            member.follows = False

    def closed(self, error: AgentGateError | None) -> None:
        """The client was closed (None) or has given up: no call is answered any more."""
        self._asked = None
        self.end(error)

    def end(self, error: AgentGateError | None) -> None:
        """Nothing more comes, for anybody who reads now."""
        for member in self._members:
            member.feed.end(error)
        self._is_attached = False
        self._prune()

    def _prune(self) -> None:
        self._members = [member for member in self._members if not member.feed.ended]

    def _attachment(self, due: list[Member]) -> AttachSession:
        """Say from where to read, so that a feed that is due gets what it wants."""
        if any(member.feed.wanted is None for member in due):
            return AttachSession(session=self.session)
        wanted = [member.feed.wanted for member in due if member.apart] or [
            member.feed.wanted for member in self._members if not member.feed.full
        ]
        epochs = [cursor.epoch for cursor in wanted if cursor is not None]
        cursors = [cursor for cursor in wanted if cursor is not None and cursor.epoch == epochs[0]]
        first = min(cursors, key=lambda cursor: cursor.offset)
        return AttachSession(session=self.session, epoch=first.epoch, offset=first.offset)
