"""What the edge face owes a device: prompts whose answers it has not got for sure.

All that is kept of that beyond a connection is a *mark* in the metadata of the session: an offset
of its log, before which every prompt of the device is settled, and the runs behind it that are
settled as well. The answers themselves are in the log.
"""

from __future__ import annotations

from collections import deque
from typing import Annotated

import msgspec

from agentgate_proto.faces.conversing import BROKEN, Said, words_of
from agentgate_proto.faces.edge_messages import (
    AUDIT_BYTES_MAX,
    AUDIT_ENTRIES_MAX,
    AuditEntry,
    response,
)
from agentgate_proto.limits import NAME_CHARS_MAX
from agentgate_proto.records.session import EventKind, RunStatus
from agentgate_proto.records.session_views import SessionEvent

SETTLED_MAX = 64
"""Runs behind the mark that are settled: one run goes on at a time, so there are some that were
withdrawn while they waited. Beyond it the oldest are forgotten, and delivered again."""

LEFT_OUT = msgspec.Raw(b'"(left out: too large)"')

Name = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """See the module.

    Attributes:
        epoch: of the log.
        offset: what the device has asked before it is settled.
        settled: runs from there on that are settled too.
    """

    epoch: Name
    offset: Annotated[int, msgspec.Meta(ge=0)] = 0
    settled: Annotated[list[Name], msgspec.Meta(max_length=SETTLED_MAX)] = []


class Marked(msgspec.Struct, frozen=True, kw_only=True):
    """The metadata of a device's session."""

    edge: Mark


def mark_in(metadata: msgspec.Raw, epoch: str) -> Mark:
    """Return the mark of a session; where there is none of this log, all of it is before us."""
    try:
        mark = msgspec.json.decode(metadata, type=Marked).edge
    except msgspec.DecodeError:
        return Mark(epoch=epoch)
    return mark if mark.epoch == epoch else Mark(epoch=epoch)


class Owed(msgspec.Struct, kw_only=True):
    """An answer that is being made, or that the device has not got for sure.

    Attributes:
        request_id: the device's.
        first: offset of the prompt.
        text: what the model said last.
        tool_calls: how many.
        entries: what is told of them.
        calls: their places in ``entries``, by call.
        bytes: of arguments and results that are told.
    """

    request_id: str
    first: int
    text: str = ""
    tool_calls: int = 0
    entries: list[AuditEntry] = []
    calls: dict[str, int] = {}
    bytes: int = 0

    def take(self, event: SessionEvent, said: Said) -> str | None:
        """Take an event of the run; return the message that answers the prompt, if it is over."""
        match event.kind:
            case EventKind.MODEL_STARTED | EventKind.RESET:
                self.text = ""
            case EventKind.TEXT:
                self.text += said.text
            case EventKind.REPLY:
                self.text = said.text
            case EventKind.TOOL_CALL:
                self._call(event, said)
            case EventKind.TOOL_RESULT if said.call in self.calls:
                result = said.result
                if said.has_error:
                    result = msgspec.Raw(msgspec.json.encode(words_of(said.error)))
                self.entries[self.calls[said.call]].result = self._fitting(result)
            case EventKind.RUN_ENDED:
                text = self._ended(said)
                return response(self.request_id, text, self.tool_calls, self.entries, event.at)
            case _:
                pass
        return None

    def release(self) -> None:
        """The answer was sent: what it was made of is not needed any more."""
        self.text, self.entries, self.calls = "", [], {}

    def _call(self, event: SessionEvent, said: Said) -> None:
        self.tool_calls += 1
        if len(self.entries) < AUDIT_ENTRIES_MAX:
            self.calls[said.call] = len(self.entries)
            params = self._fitting(said.args)
            nothing = msgspec.Raw(b"null")
            entry = AuditEntry(timestamp=event.at, tool=said.tool, params=params, result=nothing)
            self.entries.append(entry)

    def _fitting(self, raw: msgspec.Raw) -> msgspec.Raw:
        size = len(bytes(raw))
        if self.bytes + size > AUDIT_BYTES_MAX:
            return LEFT_OUT
        self.bytes += size
        return raw

    def _ended(self, said: Said) -> str:
        if said.status not in (*BROKEN, RunStatus.CANCELLED):
            return self.text
        trouble = f"Error: the run is {said.status}"
        trouble += f": {said.reason}" if said.reason else ""
        return f"{self.text}\n\n{trouble}" if self.text else trouble


class Owing:
    """What is owed on one connection, and what was sent and is not receipted yet.

    Args:
        mark: as it was kept.

    Attributes:
        owed: by run, in the order of the log.
        next: the log was read to here at least once.
    """

    def __init__(self, mark: Mark) -> None:
        self.owed: dict[str, Owed] = {}
        self.next = mark.offset
        self._epoch = mark.epoch
        self._settled = dict.fromkeys(mark.settled)
        self._kept = mark
        self._sent: deque[tuple[int, str]] = deque()  # ping, run

    def is_settled(self, run: str, offset: int) -> bool:
        """Whether the answer of this run, whose prompt stands there, is no longer owed."""
        return run in self._settled or offset < self._kept.offset

    def sent(self, run: str, ping: int) -> None:
        """The answer of a run was sent; the answer to this ping is its receipt."""
        self._sent.append((ping, run))

    def is_sent(self, run: str) -> bool:
        """Whether the answer was sent on this connection and waits for its receipt."""
        return any(run == one for _, one in self._sent)

    def received(self, ping: int) -> bool:
        """The device has all that was sent before this ping; return whether that was news."""
        news = False
        while self._sent and self._sent[0][0] <= ping:
            run = self._sent.popleft()[1]
            del self.owed[run]
            self._settled[run] = None
            news = True
        return news

    @property
    def first(self) -> int:
        """The offset from which the log is needed: of the first prompt that is owed an answer."""
        return min((one.first for one in self.owed.values()), default=self.next)

    def mark(self) -> Mark:
        """Return what is to be kept."""
        settled = list(self._settled) if self.owed else []
        self._settled = dict.fromkeys(settled[-SETTLED_MAX:])
        self._kept = Mark(
            epoch=self._epoch,
            offset=max(self.first, self._kept.offset),
            settled=list(self._settled),
        )
        return self._kept
