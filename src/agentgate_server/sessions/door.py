"""The door to the sessions: what a face, or the native protocol, may do with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.session_views import SessionEvent
from agentgate_proto.rpc.session_methods import AttachSession
from agentgate_server.sockets.replies import Reply


class Watcher(Protocol):
    """Takes the events of a session that it has attached to."""

    @property
    def has_room(self) -> bool:
        """Whether more may be handed over now. If not, ``SessionDoor.has_room`` is to be called
        when it has room again, or the watcher hears nothing more."""
        ...

    def take(self, events: Sequence[SessionEvent]) -> None:
        """Take the next events, in order; must not raise. May end the attachment."""
        ...

    def gone(self) -> None:
        """The session was deleted: nothing follows."""
        ...


class Attachment(Protocol):
    """That somebody watches a session."""

    @property
    def ended(self) -> bool:
        """Nothing more is handed over: it was ended, was refused, or the session is gone."""
        ...

    def has_room(self) -> None:
        """The watcher has room again: go on."""
        ...

    def end(self) -> None:
        """Hand over nothing more. Ending twice is harmless."""
        ...


class SessionDoor(Protocol):
    """All that can be done with sessions."""

    def call(
        self, principal: Principal, params: msgspec.Struct, reply: Reply, by: str = ""
    ) -> None:
        """Do what a method of ``session_methods`` says, but for attaching; roles are checked by the
        caller. The reply may come later; results are of the method's type.

        Args:
            principal: whose sessions are meant.
            params: of the method.
            reply: takes the answer.
            by: who calls, if that is somebody else: a console that is logged in to an agent.
        """
        ...

    def attach(
        self, principal: Principal, params: AttachSession, watcher: Watcher, reply: Reply
    ) -> Attachment:
        """Let a watcher have a session's events. The reply gets ``Attached`` before the watcher
        gets the first event, or an error: then the attachment is over.
        """
        ...

    @property
    def active(self) -> int:
        """How many sessions have a run under way."""
        ...


def whose(principal: Principal) -> str | None:
    """Whose sessions somebody may see: their own; an operator everybody's."""
    return None if principal.role is Role.OPERATOR else principal.name


def as_owner(principal: Principal) -> Principal:
    """Return as whom somebody is to be taken who converses themselves: the same, who has only
    their own sessions and may change these, whatever their role lets them see elsewhere."""
    return Principal(name=principal.name, role=Role.AGENT)
