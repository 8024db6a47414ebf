"""Inspections: how many contexts a principal looks at at once.

A context is made anew for each look, of a whole history, and its vendor may be asked to count it.
That takes time that all share, and connections that the answers of its model need.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from agentgate_proto.errors import ErrorCode
from agentgate_server.sockets.replies import Reply

INSPECTIONS_MAX: Final = 4
"""Of one principal at once: a few people who look."""

TOO_MANY: Final = f"{INSPECTIONS_MAX} contexts are being looked at already: wait for them"


class Inspections:
    """See the module."""

    def __init__(self) -> None:
        self._under_way: Counter[str] = Counter()

    def admit(self, principal: str, reply: Reply) -> Reply | None:
        """Let somebody look.

        Args:
            principal: who.
            reply: takes the answer, or is told here why there is none.

        Returns:
            What the answer is to be given to; None: it was refused.
        """
        if self._under_way[principal] >= INSPECTIONS_MAX:
            reply.error(ErrorCode.LIMIT_EXCEEDED, TOO_MANY, None)
            return None
        self._under_way[principal] += 1
        return Counted(reply, self, principal)

    def over(self, principal: str) -> None:
        """One of theirs was answered."""
        self._under_way[principal] -= 1
        if not self._under_way[principal]:
            del self._under_way[principal]


class Counted:
    """A reply that says when it was given."""

    def __init__(self, reply: Reply, inspections: Inspections, principal: str) -> None:
        self._reply = reply
        self._inspections = inspections
        self._principal = principal

    def result(self, result: Any) -> None:
        """See :class:`Reply`."""
        self._inspections.over(self._principal)
        self._reply.result(result)

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        """See :class:`Reply`."""
        self._inspections.over(self._principal)
        self._reply.error(code, message, data)
