"""What a gateway knows of what was sent before, and what that means for each call.

After a reconnect it is asked for its rows and for the ids that it works on, page by page; then each
call that was sent and is not settled is judged. A gateway that does not say what is pending leaves
all of them to finish: nothing may be sent again that may be under way.
"""

from __future__ import annotations

from enum import Enum, auto

from msgspec import UNSET, UnsetType

from agentgate_proto.client.calls import WITHDRAWN, Call, unknown_outcome
from agentgate_proto.errors import AgentGateError, ErrorCode
from agentgate_proto.limits import COLLECT_S

NOT_OFFERED = (ErrorCode.METHOD_NOT_FOUND, ErrorCode.FORBIDDEN)
"""Answers to ``get_pending_results`` that say: there is nothing to collect here, ever."""


class Verdict(Enum):
    """What is to be done about a call that is not to be ended."""

    WAIT = auto()
    """Its answer comes, or may come."""
    WITHDRAW = auto()
    """The gateway has it, and nobody wants it any more."""
    SEND = auto()
    """It never arrived: again, under its id."""


class Reconciliation:
    """See the module. Times are monotonic seconds.

    Attributes:
        due_at: until when the gateway may take to reply; None: it was not asked.
    """

    def __init__(self) -> None:
        self.due_at: float | None = None
        self._partial_bytes = 0
        self._retention_s: float | UnsetType = UNSET
        self._pending: frozenset[int | str] | None = frozenset()

    def begin(self, retention_s: float | UnsetType) -> None:
        """A connection is authenticated, whose gateway keeps outcomes so long; UNSET: for ever."""
        self._retention_s = retention_s
        self._pending = frozenset()

    def asked(self, now: float) -> None:
        """The gateway was asked for a page."""
        self.due_at = now + COLLECT_S
        self._partial_bytes = 0

    def answered(self, pending: list[int | str] | None) -> None:
        """A page came; what is on any of them is known. None: one does not say."""
        self.due_at = None
        if pending is None or self._pending is None:
            self._pending = None
        else:
            self._pending |= frozenset(pending)

    def refused(self) -> None:
        """The gateway offers no such thing: nothing is known of what it knows."""
        self.due_at = self._pending = None

    def is_overdue(self, now: float, partial_bytes: int = 0) -> bool:
        """Whether the reply has not come in time; says so once.

        Args:
            now: when that is asked.
            partial_bytes: of a message that is not whole yet, how much has come. While it grows
                it is waited for: a large reply takes its time on a slow line, and would take no
                less on the next connection.
        """
        if self.due_at is None or self.due_at > now:
            return False
        grows = partial_bytes not in (0, self._partial_bytes)
        self._partial_bytes = partial_bytes
        self.due_at = now + COLLECT_S if grows else None
        return not grows

    def verdict(self, call: Call, now: float) -> Verdict | AgentGateError:
        """Judge a call that was sent: what to do, or how it has ended."""
        if self._pending is None:
            # nobody waits for it, and nobody will ever say: get_pending_results can't keep silent
            silent = unknown_outcome("the gateway does not say what it has")
            return silent if call.abandoned else Verdict.WAIT
        if call.request_id in self._pending:
            return Verdict.WITHDRAW if call.withdrawn else Verdict.WAIT
        if self._retention_s is not UNSET and call.sent_at <= now - self._retention_s:
            return unknown_outcome("the gateway does not keep requests so long")
        return call.given_up(WITHDRAWN) if call.withdrawn else Verdict.SEND
