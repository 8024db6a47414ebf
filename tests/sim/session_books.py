"""What was committed of sessions, over all lives: their logs by the rules of I11 and I12.

Each change is looked at as it is committed, row by row; nothing of it is ever forgotten, so that
what comes later can be compared with what was.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
from tests.sim.tools import WRITES

from agentgate_proto.models.events import (
    Ended,
    ModelEvent,
    Restarted,
    TextDelta,
    UsageSeen,
)
from agentgate_proto.records.outcome import Status
from agentgate_proto.records.session import (
    MERGED,
    DropSession,
    EventKind,
    LogRow,
    PutSession,
    RunStatus,
    SessionRecord,
)
from agentgate_proto.records.usage import Usage
from agentgate_proto.sessions.history import NOT_RUN
from agentgate_proto.sessions.recording import CUT

if TYPE_CHECKING:
    from tests.sim.world import World

decode = msgspec.json.decode
Content = tuple[str, Any]
"""A kind, and what an event of it says: of a text its delta, else the data."""

ENDS_UNRUN = (NOT_RUN, Status.DENIED, Status.EXPIRED, Status.CANCELLED)
"""How a call ends whose tool has not started."""


class Call:
    """A tool call in a log.

    Attributes:
        tool: as the model was told it.
        content: what it asks for; 0: nothing that a tool takes.
        closed: how it was closed, or "".
        told_life, told_at: when its outcome, or that it has none, came into the log last.
        still: its tool may have run on; what becomes of it follows.
        late: it has.
        excused: a process has died since: it may follow with the next run.
        request: number of the request that it led to; 0: none.
    """

    def __init__(self, tool: str, content: int) -> None:
        self.tool = tool
        self.content = content
        self.closed = ""
        self.told_life = 0
        self.told_at = 0.0
        self.still = False
        self.late = False
        self.excused = False
        self.request = 0


class Speech:
    """What a model has said in one attempt.

    Attributes:
        versions: its texts: the last counts, those before were withdrawn by itself.
        ended: it has come to its end.
        usage: what it has counted.
    """

    def __init__(self) -> None:
        self.versions: list[str] = [""]
        self.ended = False
        self.usage: Usage | None = None

    def take(self, event: ModelEvent) -> None:
        """It says something."""
        match event:
            case TextDelta(text=text):
                self.versions[-1] += text
            case Restarted():
                self.versions.append("")
            case UsageSeen(usage=usage):
                self.usage = usage
            case Ended():
                self.ended = True
            case _:
                pass


class SessionBook:
    """One session, over all lives.

    Attributes:
        record: as it was committed last.
        contents: what each offset holds.
        seen: what watchers have seen under each offset, and in which life.
        gaps: what they were told is not to be had: from one offset to before another.
        end: after the last row.
        run, run_life: what is under way, and since which life.
        open: calls without a result.
        calls: all, by their ids.
        messages: the run of each, by its id.
        messages_at: where they stand.
        ended: how runs have ended.
        attempt: the name of the newest attempt.
        text: what the log has of its text.
        stop: how the last reply ended.
        waiting: runs whose messages are in the log, and which have not begun, in their order.
        dropped: it was deleted.
    """

    def __init__(self, record: SessionRecord) -> None:
        self.record = record
        self.contents: dict[int, Content] = {}
        self.seen: dict[int, tuple[Content, int]] = {}
        self.gaps: list[tuple[int, int]] = []
        self.end = 0
        self.run = ""
        self.run_life = 0
        self.open: set[str] = set()
        self.calls: dict[str, Call] = {}
        self.messages: dict[str, str] = {}
        self.messages_at: dict[str, int] = {}
        self.ended: dict[str, dict[str, Any]] = {}
        self.attempt = ""
        self.text = ""
        self.stop = ""
        self.waiting: list[str] = []
        self.dropped = False


class SessionBooks:
    """See the module.

    Attributes:
        all: every session that ever was, by its id.
        runs: of which session each run is.
        speeches: what models have said, by the names of the attempts.
        started: calls whose tools have started: (session, call).
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.fail = world.fail
        self.all: dict[str, SessionBook] = {}
        self.runs: dict[str, str] = {}
        self.speeches: dict[str, Speech] = {}
        self.started: set[tuple[str, str]] = set()

    def put(self, change: PutSession) -> None:
        """A change of a session is committed."""
        record = change.session
        one = self.all.get(record.id)
        if one is None:
            if not change.is_new:
                self.fail(f"I11: {record.id} was never begun and is written")
            one = self.all[record.id] = SessionBook(record)
        if one.dropped:
            self.fail(f"I11: {record.id} was deleted and comes back")
        before = one.record
        if (record.principal, record.epoch) != (before.principal, before.epoch):
            self.fail(f"I8: {record.id} becomes another's, or another")
        for row in change.rows:
            self._take(one, row)
        if not one.end <= record.next <= record.reserved or record.oldest < before.oldest:
            self.fail(f"I11: {record.id} says that its log ends at {record.next}, not {one.end}")
        running = record.run.id if record.run is not None else ""
        if running != one.run:
            self.fail(f"I12: {record.id} says that {running!r} runs; in its log {one.run!r} does")
        queue = [message.run for message in record.queue]
        if queue != one.waiting or (queue and not one.run):
            self.fail(f"I12: {record.id} says that {queue} wait; in its log {one.waiting} do")
        one.record = record

    def drop(self, change: DropSession) -> None:
        """The end of a session is committed."""
        one = self.all[change.id]
        if one.run:
            self.fail(f"I12: {change.id} is deleted, and {one.run} is under way")
        one.dropped = True

    def died(self) -> None:
        """A process has died: what its tools came to may be heard of with the next run."""
        for one in self.all.values():
            for call in one.calls.values():
                call.excused = call.excused or call.still

    # Rows

    def _take(self, one: SessionBook, row: LogRow) -> None:
        if row.first < one.end:
            self.fail(f"I11: offset {row.first} of {one.record.id} is written twice")
        one.end = row.end
        data = decode(row.data)
        for offset, content in enumerate(contents_of(row.kind, data, row.count), row.first):
            self._keep(one, offset, content)
        if row.kind is EventKind.MESSAGE:
            self._message(one, row.first, data)
        elif row.kind is EventKind.RUN_STARTED:
            self._run_started(one, data)
        elif data.get("late"):
            self._late(one, data)
        elif row.kind is EventKind.RUN_ENDED and data["run"] in one.waiting:
            self._never_begins(one, data)
        elif data["run"] != one.run or not one.run:
            self.fail(f"I12: {row.kind} of {data['run']!r} while {one.run!r} runs")
        else:
            self._step(one, row.kind, data)

    def _keep(self, one: SessionBook, offset: int, content: Content) -> None:
        one.contents[offset] = content
        seen = one.seen.get(offset)
        if seen is not None and seen[0] != content:
            self.fail(f"I11: offset {offset} of {one.record.id} was {seen[0]}, and is {content}")
        if any(first <= offset < end for first, end in one.gaps):
            self.fail(f"I11: offset {offset} of {one.record.id} was told as lost, and is written")

    def _message(self, one: SessionBook, offset: int, data: dict[str, Any]) -> None:
        began = one.messages_at.get(data["message_id"], -1)
        if began >= one.record.oldest:  # of what the log has forgotten nobody knows
            self.fail(f"I12: message {data['message_id']} of {one.record.id} is taken twice")
        if data["run"] in self.runs:
            self.fail(f"I12: {data['run']} of {one.record.id} is the id of two runs")
        self.runs[data["run"]] = one.record.id
        one.waiting.append(data["run"])
        one.messages[data["message_id"]] = data["run"]
        one.messages_at[data["message_id"]] = offset

    def _run_started(self, one: SessionBook, data: dict[str, Any]) -> None:
        if one.run:
            self.fail(f"I12: {data['run']} begins in {one.record.id} while {one.run!r} runs")
        if not one.waiting or one.waiting.pop(0) != data["run"]:
            self.fail(f"I12: {data['run']} begins in {one.record.id} before its turn, or again")
        one.run, one.run_life = data["run"], self.world.lives
        one.attempt = one.text = one.stop = ""

    def _never_begins(self, one: SessionBook, data: dict[str, Any]) -> None:
        self.world.count("run taken out")
        if data["status"] != RunStatus.CANCELLED:
            self.fail(f"I12: {data['run']} has not begun, and ends as {data['status']}")
        one.waiting.remove(data["run"])
        one.ended[data["run"]] = data

    def _step(self, one: SessionBook, kind: EventKind, data: dict[str, Any]) -> None:
        match kind:
            case EventKind.MODEL_STARTED:
                one.attempt = f"{one.run}.{data['iteration']}.{data['attempt']}"
                one.text = ""
            case EventKind.TEXT:
                one.text += data["text"]
            case EventKind.RESET:
                one.text = ""
            case EventKind.REPLY:
                self._reply(one, data)
            case EventKind.TOOL_CALL:
                if data["call"] in one.calls:
                    self.fail(f"I12: {data['call']} of {one.record.id} is the id of two calls")
                args = data["args"]
                one.calls[data["call"]] = Call(data["tool"], args.get("n", 0))
                one.open.add(data["call"])
            case EventKind.TOOL_RESULT:
                self._close(one, data)
            case EventKind.RUN_ENDED:
                self._run_ended(one, data)
            case _:
                pass

    def _reply(self, one: SessionBook, data: dict[str, Any]) -> None:
        """I11: what is told in the end is what the model said in the attempt that counts."""
        said = self.speeches.get(one.attempt, Speech())
        text, one.stop = data["text"], data["stop"]
        if text != one.text:
            self.fail(f"I11: the reply of {one.attempt} is {text!r}; in the log is {one.text!r}")
        if one.stop != CUT and not (said.ended and text == said.versions[-1]):
            self.fail(f"I11: {one.attempt} has said {said.versions}, and told is {text!r}")
        if not any(version.startswith(text) for version in said.versions):
            self.fail(f"I11: {one.attempt} has never said {text!r}")
        one.text = ""

    def _close(self, one: SessionBook, data: dict[str, Any]) -> None:
        call = one.calls.get(data["call"])
        if call is None or call.closed:
            self.fail(f"I12: {data['call']} of {one.record.id} is closed twice, or was never made")
            return
        call.closed, call.still = data["status"], bool(data.get("still_running"))
        one.open.discard(data["call"])
        self._look_at_outcome(one, data, call)

    def _late(self, one: SessionBook, data: dict[str, Any]) -> None:
        call = one.calls.get(data["call"])
        if call is None or not call.still or call.late:
            self.fail(f"I12: {data['call']} of {one.record.id} is told late, and nobody waits")
            return
        call.late = True
        self._look_at_outcome(one, data, call)

    def _look_at_outcome(self, one: SessionBook, data: dict[str, Any], call: Call) -> None:
        status, key = data["status"], (one.record.id, data["call"])
        is_write = call.tool in WRITES  # of what reads nobody keeps before its end that it runs
        self.world.count(f"call {status}")
        call.told_life, call.told_at = self.world.lives, self.world.timeline.now
        if is_write and status in ENDS_UNRUN and key in self.started:
            self.fail(f"I12: {data['call']} of {one.record.id} is told as {status}, and has run")
        if is_write and status in ENDS_UNRUN and call.request:
            self.world.oracle.never_runs(call.request, call.content)
        if status != Status.EXECUTED:
            return
        if data["result"] != {"n": call.content}:
            self.fail(f"I8: {data['call']} asked for {call.content}, and got {data['result']}")
        if not self.world.oracle.starts[call.content]:
            self.fail(f"I3: {data['call']} is told as executed, and has not run")

    def _run_ended(self, one: SessionBook, data: dict[str, Any]) -> None:
        run, status = one.run, data["status"]
        self.world.count(f"run {status}")
        if one.open:
            self.fail(f"I12: {run} ends, and {one.open} are open")
        was_left = one.run_life != self.world.lives
        if (status == RunStatus.INTERRUPTED) is not was_left:
            self.fail(f"I12: {run} of life {one.run_life} ends as {status}")
        if status == RunStatus.COMPLETED and one.stop in ("", CUT):
            self.fail(f"I12: {run} is completed, and has no whole answer")
        if one.text:
            self.fail(f"I11: {run} ends, and {one.text!r} is in no reply")
        self.world.oracle.sessions.money.run_ended(run, data)
        one.ended[run] = data
        one.run = ""


def contents_of(kind: str, data: Any, count: int) -> list[Content]:
    """What a row, or an event, says under each of its offsets."""
    if kind not in MERGED:
        return [(kind, data)]
    edges = [0, *data.get("cuts", []), len(data["text"])]
    if len(edges) != count + 1:
        return [(kind, None)] * count  # no watcher could tell them apart
    return [(str(kind), data["text"][a:b]) for a, b in pairwise(edges)]
