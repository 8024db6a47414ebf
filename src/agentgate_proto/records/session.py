"""A session: a conversation with a model, as it is stored, and its log.

The log is one order of *events*. An event has one offset for ever; what was seen under an offset
never becomes something else (I11). Deltas of a text are merged into one row that keeps where each
of them ended, so that a cursor between two of them stays good. Offsets below ``reserved`` may have
been seen by somebody although no row has them: a process that died has taken them along, and nobody
uses them again, so what was lost shows as a gap.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec

from agentgate_proto.records.usage import Usage, UsageRow

EMPTY_OBJECT = msgspec.Raw(b"{}")

LASTING = "agent:"
"""What the id of a named agent's session begins with, which lasts for ever. No other's does: those
are made of chance."""


class EventKind(StrEnum):
    """What an event of the log says. Its ``data`` is an object with the members named here."""

    MESSAGE = "message"
    """Somebody said something, and may have to wait for their turn: ``run``, ``message_id``,
    ``text``; ``by``: the principal who said it, if that is not whose session it is;
    ``on_behalf_of``: for whom, if a relay said it."""
    RUN_STARTED = "run_started"
    """``run``, ``message_id``, ``model`` (its name), ``max_iterations``; ``by`` and
    ``on_behalf_of`` as in its message."""
    MODEL_STARTED = "model_started"
    """The model is asked: ``run``, ``iteration``, ``attempt``, ``model_id``."""
    TEXT = "text"
    """The model says something: ``run``, ``text``; in a row also ``cuts``, see :class:`LogRow`."""
    THINKING = "thinking"
    """The model thinks: as ``text``."""
    RETRYING = "retrying"
    """``run``, ``attempt`` (the next one's), ``wait_s``, ``reason``."""
    RESET = "reset"
    """What the log has from offset ``first`` to before this event is withdrawn: the attempt that
    said it failed, and another one follows. ``run``, ``attempt`` (the failed one's), ``first``,
    ``reason``."""
    REPLY = "reply"
    """The model has finished: ``run``, ``iteration``, ``text`` (whole), ``stop``, ``backend``."""
    HISTORY = "history"
    """A client that keeps the conversation itself tells it otherwise: ``run``, ``drop`` (how many
    of the newest messages before this one count no more), ``turns`` (what takes their place)."""
    TOOL_CALL = "tool_call"
    """The model wants a tool: ``run``, ``call``, ``tool``, ``args``; ``client``: it is one of the
    client's own, which the client runs: the result comes with its next message."""
    APPROVAL = "approval"
    """A person is asked about a tool call: ``run``, ``call``, ``approval`` (its id), ``rule``,
    ``signature``, ``expires_at``."""
    TOOL_RESULT = "tool_result"
    """``run``, ``call``, ``tool``, ``status``, and ``result`` or ``error``; ``word`` and
    ``edited``: what people said to the agent, and the arguments that it ran with, if a person had
    changed them; ``late``: the call was closed before, and this is what became of it;
    ``still_running``: its tool is not, and what becomes of it follows as ``late``."""
    USAGE = "usage"
    """``run``, ``model``, ``usage``, ``cost_micros``, ``status`` of the run's sum so far."""
    NOTE = "note"
    """Something to know: ``run``, ``text``."""
    RUN_ENDED = "run_ended"
    """``run``, ``status`` (:class:`RunStatus`), ``reason``, ``iterations``, ``still_running`` (the
    calls whose tools may still run), ``usage``, ``cost_micros`` of the whole run."""


MERGED = (EventKind.TEXT, EventKind.THINKING)
"""Kinds of which a row may hold several events."""

WATCHED_ONLY = (EventKind.TEXT, EventKind.THINKING, EventKind.RETRYING, EventKind.NOTE)
"""Kinds that only a watcher wants: the history of a conversation does without them."""


class RunStatus(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    MAX_TOKENS = "max_tokens"
    """The model reached its limit in the midst of an answer."""
    REFUSAL = "refusal"
    """The model, or its vendor's filter, would not."""
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """The gateway died, or was stopped."""
    TRUNCATED = "truncated"
    """The model's stream broke off; what there is of the answer is kept."""
    FAILED = "failed"
    """The model could not be asked, or answered nonsense."""
    BUDGET = "budget"
    """The money was not there, or a person would not give more."""
    MAX_ITERATIONS = "max_iterations"


class LogRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a log: one event, or several deltas of one text.

    Attributes:
        first: offset of its first event.
        count: how many events it holds; more than 1 only of ``MERGED`` kinds.
        kind: what it says.
        at: when, UTC seconds.
        data: an object. Of a merged row it has ``text``, all deltas joined, and, where there are
            several, ``cuts``: where each but the last ends, in code points.
        blocks: of a ``reply``, the content as the vendor sent it, byte for byte, in the vendor's
            form (JSON); b"": none. Never shown.
    """

    first: int
    count: int
    kind: EventKind
    at: float
    data: msgspec.Raw
    blocks: bytes = b""

    @property
    def end(self) -> int:
        """The offset after its last event."""
        return self.first + self.count


def log_row_bytes(row: LogRow) -> int:
    """How much memory a row takes, about: its parts that can be large."""
    return 300 + len(bytes(row.data)) + len(row.blocks)


def as_many_rows_as(rows: Iterable[LogRow], bytes_max: int) -> list[LogRow]:
    """The first rows, up to the one with which they have more than ``bytes_max`` bytes."""
    found: list[LogRow] = []
    size = 0
    for row in rows:
        found.append(row)
        size += log_row_bytes(row)
        if size > bytes_max:
            break
    return found


class RunSoFar(msgspec.Struct, frozen=True, kw_only=True):
    """How far a run has come. The log may have forgotten what it had of that.

    Attributes:
        iteration: which asking of the model this is, retries left out.
        tries: how often it was asked in this iteration.
        usage: the sum of its requests that are settled.
        cost_micros: what those cost of which that is known.
        unknown: how many there are whose cost nobody knows.
    """

    iteration: int = 0
    tries: int = 0
    usage: Usage = Usage()
    cost_micros: int = 0
    unknown: int = 0


class OpenRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is under way, as it is stored with its session.

    Attributes:
        id: unique.
        message_id: what the client calls the message that it answers; a repeat joins it.
        first: offset of its message.
        started: offset of its ``run_started``; what was before it was another run's. 0: who stored
            it did not say, and it is right after the message.
        model: the model's name in the configuration.
        max_iterations: how often the model may be asked.
        started_at: UTC seconds.
        so_far: how far it has come, with each change of its session; None: who stored it did not
            say, and its log must do.
    """

    id: str
    message_id: str
    first: int
    model: str
    max_iterations: int
    started_at: float
    so_far: RunSoFar | None = None
    started: int = 0


class QueuedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is in the log and waits for its run to begin.

    Attributes:
        run: id that its run will have.
        message_id: what the client calls it; a repeat joins it.
        first: offset of its event.
        text: what was said: its event may be forgotten before its run begins.
        at: when, UTC seconds.
        model, max_iterations, max_tokens, params: of its run.
        by: the principal who said it, if that is not whose session it is.
        behalf, hops: for whom a relay said it, and the gateways between.
    """

    run: str
    message_id: str
    first: int
    text: str
    at: float
    model: str
    max_iterations: int
    max_tokens: int = 0
    params: dict[str, Any] = {}
    by: str = ""
    behalf: str = ""
    hops: tuple[str, ...] = ()


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One session, as it is stored. Times are UTC seconds.

    Attributes:
        id: unguessable.
        principal: whose it is.
        epoch: made when it was created; cursors name it.
        model: name of its model in the configuration.
        workspace: its folder, absolute; "" if there is none.
        user_id: what the client calls its user; means nothing here.
        metadata: the client's own object.
        created_at, updated_at: when it was made, and when something last happened.
        messages: how many messages it has, of either side.
        oldest: the lowest offset that is kept.
        next: the next offset.
        reserved: offsets below may have been seen; at least ``next``.
        run: the run that is under way, if one is.
        last_message_id, last_run: of the run before: a message that comes again finds it.
        queue: messages that wait for that run to end, in their order. Without a run there is none.
        log_bytes: what its log and its metadata take in the store, about (:func:`log_row_bytes`).
    """

    id: str
    principal: str
    epoch: str
    model: str
    workspace: str = ""
    user_id: str = ""
    metadata: msgspec.Raw = EMPTY_OBJECT
    created_at: float
    updated_at: float
    messages: int = 0
    oldest: int = 0
    next: int = 0
    reserved: int = 0
    run: OpenRun | None = None
    last_message_id: str = ""
    last_run: str = ""
    queue: tuple[QueuedMessage, ...] = ()
    log_bytes: int = 0


class PutSession(msgspec.Struct, frozen=True):
    """Insert the session, or replace the one with the same ``id``; with it, all or nothing:

    Rows of its log all of whose events are below ``session.oldest`` are deleted.

    Attributes:
        session: the session.
        rows: appended to its log; a row with the same ``first`` is replaced. Rows never overlap.
        usage: inserted, or replaced where there is one with the same ``id``.
        is_new: the session begins with this. Only the audit asks.
    """

    session: SessionRecord
    rows: tuple[LogRow, ...] = ()
    usage: tuple[UsageRow, ...] = ()
    is_new: bool = False


class DropSession(msgspec.Struct, frozen=True):
    """Delete the principal's session and its log. What it has cost is kept.

    One that is not stored, or is somebody else's, is ignored.

    Attributes:
        id, principal: which, and whose.
        is_old: nobody deletes it, it was kept for long enough. Like all that goes for its age it is
            not in the audit: a disk that is full has room for no more entries.
        by: who deletes it, if that is not its principal.
    """

    id: str
    principal: str
    is_old: bool = False
    by: str = ""


class FindSession(msgspec.Struct, frozen=True):
    """The session with this id. Answer: ``SessionRecord | None``."""

    id: str


class ListSessions(msgspec.Struct, frozen=True):
    """The principal's sessions, newest first; None: everybody's. Answer: ``list[SessionRecord]``.

    Newer is what was first put later: no clock is asked, because clocks jump.

    Attributes:
        principal: whose.
        limit: at most so many.
        before: the id of a session: only older ones. None is the answer if it is not stored, or
            is not the principal's.
        user_id: only of this user; "": of all.
    """

    principal: str | None
    limit: int
    before: str = ""
    user_id: str = ""


class ReadLog(msgspec.Struct, frozen=True):
    """Rows of a session's log, in order. Answer: ``list[LogRow]``; [] if it is not stored.

    Attributes:
        session: its id.
        after: rows that have an event at this offset or later.
        limit: at most so many rows.
        bytes_max: the last is the one with which they have more than so many bytes
            (:func:`log_row_bytes`).
        history_only: leave out what only a watcher wants (``WATCHED_ONLY``). (Of ``reply`` rows,
            ``blocks`` comes along only then.)
    """

    session: str
    after: int
    limit: int
    bytes_max: int
    history_only: bool = False


class UsageBy(StrEnum):
    """What sums of usage are about."""

    MODEL = "model"
    DAY = "day"
    PRINCIPAL = "principal"
    SESSION = "session"
    TOTAL = "total"


class SumUsage(msgspec.Struct, frozen=True):
    """Sums of usage, the dearest first, days the newest first. Answer: ``list[UsageSum]``.

    Equally dear ones go by their keys. Of nothing there is no sum but the total, which is 0.

    Attributes:
        by: what they are about; the ``key`` of each sum.
        principal: only of this one; None: of all.
        session: only of this one; "": of all.
        since: only from this day on, ``2026-11-29``; "": from the first.
        limit: at most so many sums.
    """

    by: UsageBy
    principal: str | None
    session: str = ""
    since: str = ""
    limit: int = 1_000


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What one principal has spent on one model on one day, reserved money included."""

    principal: str
    model: str
    day: str
    micros: int = 0


class RestoredSessions(msgspec.Struct, frozen=True, kw_only=True):
    """What the sessions need after a restart.

    Attributes:
        running: sessions with a run that was under way, oldest first.
        reserved: usage that was reserved and not settled, by when it was begun.
        spent: what was spent from the first day of the current month (UTC) on; nothing where
            nothing is known.
        counts: how many sessions each principal has.
        log_bytes: what the logs of each principal's sessions take, about, and their metadata.
    """

    running: list[SessionRecord] = []
    reserved: list[UsageRow] = []
    spent: list[Spent] = []
    counts: dict[str, int] = {}
    log_bytes: dict[str, int] = {}


def lasting_id(agent: str) -> str:
    """Return the id of the session that a named agent has."""
    return f"{LASTING}{agent}"


def is_lasting(session: str) -> bool:
    """Whether an id is that of a named agent's session."""
    return session.startswith(LASTING)
