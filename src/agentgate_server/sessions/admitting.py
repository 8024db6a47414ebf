"""Admitting: which calls about sessions are taken, before they make work.

What makes, changes or lists something counts against the rates of whoever calls, as requests for
tools do: each is written, syncs the disk, or reads much, and leaves entries in the audit. What only
looks at one session, watches it or stops a run does not.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.rpc.session_methods import (
    CreateSession,
    DeleteSession,
    InspectSession,
    ListSessions,
    SendMessage,
    SetMetadata,
)
from agentgate_proto.rpc.usage_methods import ReportUsage
from agentgate_server.sessions.inspections import Inspections
from agentgate_server.sockets.replies import Reply

COUNTED = (
    CreateSession,
    DeleteSession,
    InspectSession,
    ListSessions,
    ReportUsage,
    SendMessage,
    SetMetadata,
)
"""Parameters of what counts."""

encode = msgspec.json.Encoder().encode

Objection = Callable[[str, float, int], "tuple[str, float] | None"]
"""Counts so many bytes of a principal at a time, or says why not, and for how many seconds."""


class Admitting:
    """See the module.

    Args:
        objection: see there.
        capped: hears of whom there was too much, and of what.
    """

    def __init__(self, objection: Objection, capped: Callable[[str, str], None]) -> None:
        self._objection = objection
        self._capped = capped
        self._inspections = Inspections()

    def admit(
        self, principal: str, by: str, params: msgspec.Struct, reply: Reply, now: float
    ) -> Reply | None:
        """Let a call in.

        Args:
            principal: whose session it is about.
            by: who calls, and pays.
            params: of the call.
            reply: takes the answer, or is told here why there is none.
            now: UTC seconds.

        Returns:
            What the answer is to be given to; None: it was refused.
        """
        if not isinstance(params, COUNTED):
            return reply
        objection = self._objection(by, now, size_of(params))
        if objection is not None:
            text, pause = objection
            self._capped(by, "requests")
            reply.error(ErrorCode.LIMIT_EXCEEDED, text, {"retry_after_s": round(pause, 3)})
            return None
        if isinstance(params, InspectSession):
            return self._inspections.admit(principal, reply)
        return reply


def size_of(params: msgspec.Struct) -> int:
    """How many bytes a call brings, about; of those that bring nothing to keep: 0."""
    return len(encode(params)) if isinstance(params, SendMessage | CreateSession) else 0
