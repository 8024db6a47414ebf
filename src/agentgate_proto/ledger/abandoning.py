"""Abandoning: what ends before its tool has started, for all who wait for it.

Because its principal is none any more; or because the tool is not the one that was asked for: its
definition changed, or it is gone. What people answered was about the tool as it was, so neither a
question that is open nor a yes that was given counts for another one. What has started goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.live import CANCELLED, Live
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import Phase, Record


def void(text: str) -> Outcome:
    """The end of what was asked of a tool that is not there any more, as it was.

    It is ``expired``: nobody's answer to it counts any more, nothing ran, nobody has said no, and
    who still wants it asks again.
    """
    return Outcome(status=Status.EXPIRED, code=ErrorCode.APPROVAL_EXPIRED, message=text)


CHANGED = void("The tool changed since it was asked for; nothing was run")
GONE = void("The tool is gone since it was asked for; nothing was run")


class Abandoning:
    """What is abandoned, and as what it ends.

    Args:
        live: the requests under way, by rid; shared with the ledger.
        withdraw: ends the waiting for people of a request that is withdrawn.
    """

    def __init__(self, live: dict[str, Live], withdraw: Callable[[Live], None]) -> None:
        self._live = live
        self._withdraw = withdraw
        self._banished: dict[str, float] = {}
        self._current: dict[str, tuple[str, float]] = {}

    def banish(self, known: Collection[str], now: float) -> None:
        """Withdraw what these are not the principals of any more.

        An end that is being written stands if it can be written.
        """
        self._banished = {
            record.principal: now
            for record in (live.record for live in self._live.values())
            if record.principal not in known
        }
        self._look()

    def void(self, current: Mapping[str, str], now: float) -> None:
        """End what was asked of these tools under another definition than they have now.

        Args:
            current: definitions by the tool's name; "": there is no such tool any more.
            now: UTC seconds.
        """
        asked = {live.record.tool for live in self._live.values()}
        fresh = {tool: (definition, now) for tool, definition in current.items()}
        self._current = {
            tool: found for tool, found in (self._current | fresh).items() if tool in asked
        }
        self._look()

    def changed(self, live: Live, now: float) -> None:
        """Abandon a request of a former process: its tool would get something else by now than
        what was asked about. A write that may have begun is none to abandon."""
        live.withdrawn_at, live.withdrawn_as, live.abandoned = now, CHANGED, True

    def catches(self, live: Live) -> bool:
        """Abandon a request if that is what it has come to; if it waits for people, it ends."""
        record = live.record
        if live.started or record.phase is Phase.DONE:
            return False
        end, at = CANCELLED, self._banished.get(record.principal)
        if at is None and self.is_void(record):
            definition, at = self._current[record.tool]
            end = CHANGED if definition else GONE
        if at is None:
            return False
        if not live.withdrawn_at:
            live.withdrawn_as = end
        live.withdrawn_at = at
        live.abandoned = True
        if record.phase is Phase.WAITING:
            self._withdraw(live)
        return True

    def is_void(self, record: Record) -> bool:
        """Whether the tool is not, or not any more, the one that a request was made for.

        A tool that is part of the gateway has no definition: it changes with the gateway.
        """
        current = self._current.get(record.tool)
        return bool(record.definition) and current is not None and current[0] != record.definition

    def _look(self) -> None:
        for live in list(self._live.values()):
            self.catches(live)
