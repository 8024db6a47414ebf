"""A session in memory, and how what is new of it gets onto the disk.

One write of a session is under way at a time; what comes meanwhile goes with the next. Effects that
depend on a write wait with it (``then``). A write that fails is made again, until it holds: nothing
that was not durable was shown, but for text, which stays in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from agentgate_proto.records.outcome import Outcome
from agentgate_proto.records.session import PutSession, SessionRecord, is_lasting, log_row_bytes
from agentgate_proto.records.usage import UsageRow
from agentgate_proto.sessions.effects import AskTool, CallModel, Effect, Prepare
from agentgate_proto.sessions.history import History
from agentgate_proto.sessions.limits import SessionLimits
from agentgate_proto.sessions.log import Log
from agentgate_proto.sessions.run import Phase, Run

Then = Effect | Callable[[float], None]
"""What waits for a write: an effect, or a step that leads to some, and is told the time."""

RECORD_BYTES = 4_000
"""What a session takes in memory besides its log and history, about."""

NAME_BYTES = 250
"""What it takes to know the id of a message or a call, about."""

KEPT_OF_FULL_LOG = 0.75
"""Of a log that has too many events, how much is kept."""


class Session:
    """See the module.

    Args:
        record: as it is stored.
        history: what was said.
        limits: caps.

    Attributes:
        id: its name.
        record: may be ahead of the disk.
        log, history: what was said.
        run: what is under way.
        late: closed calls whose tools may still run, and of which we shall hear.
        tools_open: it may ask for tools.
        then: what waits for the next write.
        urgent: somebody waits for that write.
        written: the change that is being written; None: none is.
        pins: how many wait to see its context.
        is_going: it is to be deleted.
        is_dropped: that is being written; nothing else of it is.
        going: the ticket of who deletes it; None: nobody, it was kept for long enough.
        going_by: who that is, if not its principal.
        deferred: outcomes of closed calls that came while nothing could be appended.
        last_body: the last request that its model was sent; b"": none is remembered.
        log_bytes: of what is durable of its log, about, and of its metadata.
        counted: of those, and of what is being written, what its principal was charged.
        last_tokens: of that, as estimated, and as counted; 0: nobody has.
    """

    def __init__(self, record: SessionRecord, history: History, limits: SessionLimits) -> None:
        next_offset = max(record.next, record.reserved)
        self.id = record.id
        self.record = record
        self.history = history
        self.log = Log(record.oldest, next_offset, max(next_offset, record.reserved))
        self.run: Run | None = None
        self.late: set[str] = set()
        self.tools_open = False
        self.then: list[Then] = []
        self.urgent = False
        self.written: PutSession | None = None
        self.pins = 0
        self.is_going = False
        self.is_dropped = False
        self.going: Any = None
        self.going_by = ""
        self.deferred: list[tuple[str, Outcome]] = []
        self.last_body = b""
        self.log_bytes = self.counted = record.log_bytes
        self.last_tokens = (0, 0)
        self._limits = limits
        self._new_bytes = 0  # of the log, that are being written
        self._usage: dict[str, UsageRow] = {}
        self._waiting: list[Then] = []

    @property
    def has_news(self) -> bool:
        """Whether there is something to be written."""
        return self.log.has_new or bool(self._usage) or bool(self.then)

    @property
    def memory(self) -> int:
        """Bytes that it takes, about."""
        names = len(self.history.messages) + len(self.history.call_ids)
        known = RECORD_BYTES + NAME_BYTES * names + len(bytes(self.record.metadata))
        return known + len(self.last_body) + self.log.memory + self.history.memory

    @property
    def is_quiet(self) -> bool:
        """Whether nothing happens in it, and nothing of it waits to be written."""
        return not (self.run or self.written or self.is_going or self.has_news)

    @property
    def is_idle(self) -> bool:
        """Whether nothing of it is under way, and nobody waits for it."""
        return self.is_quiet and not self.late and not self.pins

    def account(self, row: UsageRow) -> None:
        """Let usage be written with the next change."""
        self._usage[row.id] = row

    def preparing(self, model: str, token: Any) -> Prepare:
        """Return the effect that has its context prepared, for a model."""
        record = self.record
        return Prepare(record.id, record.principal, record.workspace, model, token)

    def change(self, now: float) -> PutSession:
        """Return what is new, to be written; ``stored`` or ``not_stored`` follows."""
        assert self.written is None, "one write at a time"
        log, limits = self.log, self._limits
        self._forget_oldest()
        reserved = log.next
        if self.record.run is not None:
            reserved = self.record.reserved
            if reserved - log.next < limits.ahead // 2:
                reserved = log.next + limits.ahead
        rows = log.take()
        self._new_bytes = sum(log_row_bytes(row) for row in rows if row.end > log.oldest)
        self.record = replace(
            self.record,
            oldest=log.oldest,
            next=log.next,
            reserved=reserved,
            run=self.run.to_store if self.run is not None else self.record.run,
            updated_at=now,
            log_bytes=self.log_bytes + self._new_bytes,
        )
        usage = tuple(self._usage.values())
        self.written = PutSession(self.record, rows, usage)
        self._usage = {}
        self._waiting, self.then = self.then, []
        self.urgent = False
        return self.written

    def stored(self) -> list[Then]:
        """What ``change`` returned is durable; return what waited for that."""
        assert self.written is not None, "something was written"
        record, self.written = self.written.session, None
        self.log.durable(record.next)
        self.log.reserved = record.reserved
        self.log_bytes += self._new_bytes
        self.log.trim(self._limits.tail_bytes_max)
        waiting, self._waiting = self._waiting, []
        return waiting

    def not_stored(self) -> None:
        """What ``change`` returned was not written; it goes with the next."""
        assert self.written is not None, "something was written"
        self._usage = {row.id: row for row in self.written.usage} | self._usage
        self.written = None
        self.log.put_back()
        self.then = self._waiting + self.then
        self._waiting = []
        self.urgent = True

    def _forget_oldest(self) -> None:
        """Of a log that has too many events the oldest go, but for those from which a restart would
        learn what the run under way has asked for last, and what that has led to: they are as many
        as one answer has. What is left takes its part of the bytes, as far as anybody knows."""
        log, limits = self.log, self._limits
        events = log.next - log.oldest
        is_large = self.log_bytes > limits.log_bytes_max and is_lasting(self.id)
        if events <= limits.log_events_max and not is_large:
            return
        oldest = log.next - int(min(events, limits.log_events_max) * KEPT_OF_FULL_LOG)
        if self.run is not None:
            oldest = min(oldest, self.run.step)
        if oldest > log.oldest:
            durable, own = log.durable_upto, len(bytes(self.record.metadata))
            part = max(durable - oldest, 0) / max(durable - log.oldest, 1)
            self.log_bytes = own + int((self.log_bytes - own) * part)
            log.oldest = oldest
            self.history.forget(oldest)

    def run_preparing(self, token: Any) -> Run | None:
        """Return the run for which something was prepared, if it still waits for that."""
        run = self.run
        name = token[0] if isinstance(token, tuple) else token
        is_it = run is not None and run.id == name and run.phase is Phase.PREPARING
        return run if is_it else None

    def take_back(self, kind: type[AskTool | CallModel], call: str) -> bool:
        """Do not ask for a tool, or a model, after all; return whether that was still possible."""
        for waiting in (self.then, self._waiting):
            for effect in waiting:
                if isinstance(effect, kind) and effect.call == call:
                    waiting.remove(effect)
                    return True
        return False


def much_memory_of(session: Session, running: Iterable[Session], limits: SessionLimits) -> str:
    """Say why a session's run can't go on, or begin, for want of memory, in words; "": it can.

    All runs of its principal together take too much, and it takes more than its part. Alone it may.

    Args:
        session: which.
        running: all sessions with a run under way.
        limits: caps.
    """
    most, size = limits.runs_bytes_of_principal_max, session.memory
    principal = session.record.principal
    if size <= most // limits.runs_of_principal_max:
        return ""  # nobody need look at the others
    sizes = [
        other.memory
        for other in running
        if other.record.principal == principal and other is not session
    ]
    total = sum(sizes, size)
    if not sizes or total <= most or size <= most // (len(sizes) + 1):
        return ""
    return (
        f"sessions of {principal} with runs under way take {total:,} bytes in memory, and may "
        f"{most:,}: wait for some to end, or go on in a session with a shorter history"
    )
