"""The oracle of sessions: I11 to I13, and of the others what is about sessions.

It sees what is committed (``session_books``, ``session_money``), each effect of the desk, what
models say, and what agents are told and see.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
from tests.sim.session_books import SessionBooks, Speech, contents_of
from tests.sim.session_money import Money
from tests.sim.timeline import NOON

from agentgate_proto.client.session_feed import Event
from agentgate_proto.models.events import ModelEvent
from agentgate_proto.records.request import Record
from agentgate_proto.records.session import DropSession, PutSession
from agentgate_proto.records.session_views import BEHIND, GAP, SessionView
from agentgate_proto.records.usage import UsageStatus
from agentgate_proto.rpc.session_methods import MessageTaken, RunCancelled
from agentgate_proto.sessions.effects import AckTool, AskTool, CallModel, CancelTool, Done, Effect
from agentgate_proto.sessions.history import History
from agentgate_proto.sessions.log import SHOWN_AT_ONCE
from agentgate_proto.sessions.run import Phase
from agentgate_proto.sessions.runs import EXCEED_BUDGET
from agentgate_server.sessions.tool_desk import CLIENT

if TYPE_CHECKING:
    from tests.sim.session_desk import WatchedDesk
    from tests.sim.world import World

PAUSE_MAX_S = 30.0 + 1.0
"""The longest pause before a write is made again, and a moment."""

LATE_S = 0.5
"""How much later than they want the sessions may be woken."""


class SessionOracle:
    """See the module.

    Attributes:
        books, money: what was committed.
        asked, withdrawn: tools that were asked for, and that were not wanted any more: (session,
            call).
        called: attempts that were made.
        expired: sessions that may have gone because they were old.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.fail = world.fail
        self.books = SessionBooks(world)
        self.money = Money(world)
        self.asked: set[tuple[str, str]] = set()
        self.withdrawn: set[tuple[str, str]] = set()
        self.called: set[str] = set()
        self.expired: set[str] = set()

    # The disk

    def committed(self, change: PutSession | DropSession) -> None:
        """A change is committed."""
        if isinstance(change, DropSession):
            self.books.drop(change)
            return
        for row in change.usage:
            self.money.put(row)
        self.books.put(change)

    # Models and tools

    def says(self, call: CallModel, event: ModelEvent) -> None:
        """A model says something."""
        self.books.speeches[call.call].take(event)

    def started(self, record: Record) -> None:
        """A tool has started that a session asked for."""
        session, call = record.client_id.removeprefix(CLIENT), str(record.request_id)
        one = self.books.all[session]
        if one.record.principal != record.principal:
            self.fail(f"I8: {session} asks for a tool in the name of {record.principal}")
        self.books.started.add((session, call))
        if record.tool == EXCEED_BUDGET:
            self.money.allowed.add(call.removeprefix(f"{EXCEED_BUDGET}-").rpartition("-")[0])
            return
        self._look_at_withdrawal(session, call)
        closed = one.calls[call].closed
        if closed and not one.calls[call].still:
            self.fail(f"I12: {call} of {session} was closed as {closed}, and starts")

    def _look_at_withdrawal(self, session: str, call: str) -> None:
        """I12: who ends a run withdraws its calls, as soon as it is known which there are."""
        life = self.world.life
        desk = life.gate.sessions if life is not None else None
        found = desk.sessions._book.get(session) if desk is not None else None
        run = found.run if found is not None else None
        if run is None or run.phase is not Phase.CLOSING or call not in run.tools:
            return
        link = desk.tools._links.get(session) if desk is not None else None
        if link is None or not link.ready:
            return  # after a restart it still asks for what is pending, and a person was faster
        if (session, call) not in self.withdrawn:
            self.fail(f"I12: {call} of {session} starts after the end of its run was wanted")

    def effect(self, desk: WatchedDesk, effect: Effect) -> None:
        """The desk is about to do something."""
        match effect:
            case CallModel():
                self._calls_model(effect)
            case AskTool():
                self._asks(effect)
            case CancelTool(session=session, call=call):
                self.withdrawn.add((session, call))
            case AckTool(session=session, call=call):
                self._acknowledges(session, call)
            case Done(ticket=_, result=result):
                self._answers(desk, result)
            case _:
                pass

    def _asks(self, effect: AskTool) -> None:
        session, call = effect.session, effect.call
        if (session, call) in self.asked:
            self.fail(f"I12: {session} asks twice for {call}")
        self.asked.add((session, call))
        one = self.books.all[session]
        is_open = call in one.open or call.startswith(EXCEED_BUDGET)
        if not is_open or one.run == "":
            self.fail(f"I12: {session} asks for {call}, which is not open on disk")
        content = msgspec.json.decode(effect.args).get("n", 0)
        if content:
            one.calls[call].request = self.world.oracle.session_asks(
                one.record.principal, effect.tool, content
            )

    def _calls_model(self, effect: CallModel) -> None:
        self.world.count("models asked")
        row = self.money.rows.get(effect.call)
        if row is None or row.status is not UsageStatus.RESERVED:
            self.fail(f"I13: {effect.call} is sent, and nothing is reserved for it on disk")
        if effect.call in self.called:
            self.fail(f"I12: {effect.call} is sent twice")
        self.called.add(effect.call)
        one = self.books.all[effect.session]
        if not one.run or not effect.call.startswith(f"{one.run}."):
            self.fail(f"I12: {effect.call} is sent while {one.run!r} runs")
        self.books.speeches[effect.call] = Speech()
        if self.world.plan.setting.backend == "openai":
            self._look_at_messages(msgspec.json.decode(effect.request.body)["messages"])

    def _look_at_messages(self, messages: list[dict[str, Any]]) -> None:
        """I12: each call has its result right after it; vendors refuse anything else for good."""
        open_calls: list[str] = []
        for message in messages:
            if message["role"] == "tool":
                if message["tool_call_id"] not in open_calls:
                    self.fail(f"I12: a model is told of a result without its call: {message}")
                open_calls.remove(message["tool_call_id"])
                continue
            if open_calls:
                self.fail(f"I12: a model is not told what became of {open_calls}")
            open_calls = [call["id"] for call in message.get("tool_calls") or ()]
        if open_calls or messages[-1]["role"] == "assistant":
            self.fail(f"I12: a model is asked with {messages[-1]} at the end")

    def _acknowledges(self, session: str, call: str) -> None:
        one = self.books.all[session]
        made = one.calls.get(call)
        if call.startswith(EXCEED_BUDGET) or made is None:
            return
        if not made.closed or (made.still and not made.late):
            self.fail(f"I12: what became of {call} of {session} is forgotten, and is not on disk")

    def _answers(self, desk: WatchedDesk, result: Any) -> None:
        match result:
            case MessageTaken(run=run, offset=offset):
                name = self.books.runs.get(run)
                if name is None:
                    self.fail(f"I12: a message is said to be taken, and {run} is not on disk")
                    return
                one = self.books.all[name]
                kind, data = one.contents.get(offset, ("", {}))
                found = desk.sessions._book.get(name)
                oldest = found.log.oldest if found is not None else one.record.oldest
                # What it forgets by a write that is under way is forgotten as well.
                is_forgotten = result.ended and offset in (oldest, one.record.oldest)
                if not is_forgotten and (kind != "message" or data["run"] != run):
                    self.fail(f"I11: {run} is said to begin at {offset}, where {kind} is")
            case RunCancelled(status="cancelled", run=run):
                one = self.books.all[self.books.runs[run]]
                if run not in one.ended:
                    self.fail(f"I12: {run} is said to be cancelled, and has not ended")
            case SessionView(id=name):
                if name not in self.books.all:
                    self.fail(f"I11: {name} is said to be there, and is not on disk")
            case _:
                pass

    # Watchers

    def sees(self, principal: str, session: str, event: Event) -> None:
        """A watcher sees an event of a session."""
        one = self.books.all.get(session)
        if one is None or one.record.principal != principal:
            self.fail(f"I8: {principal} sees an event of {session}")
            return
        end = event.offset + event.count
        if event.kind == GAP:
            self.world.count("gaps")
            if event.data.get("reason") is None:
                self._look_at_gap(session, event.offset, end)
            return
        if event.kind == BEHIND:
            self.world.count("behind")
            return
        contents = contents_of(event.kind, event.data, event.count)
        for offset, content in enumerate(contents, event.offset):
            before, _ = one.seen.setdefault(offset, (content, self.world.lives))
            stored = one.contents.get(offset, content)
            if before != content or stored != content:
                self.fail(f"I11: offset {offset} of {session} is {content}; it was {before}")
            if offset not in one.contents and event.kind not in SHOWN_AT_ONCE:
                self.fail(f"I11: {event.kind} of {session} is shown before it is on disk")

    def _look_at_gap(self, session: str, first: int, end: int) -> None:
        one = self.books.all[session]
        lost = [at for at in one.contents if max(first, one.record.oldest) <= at < end]
        if lost:
            self.fail(f"I11: {lost} of {session} are told as lost, and are on disk")
        if end > one.record.oldest:
            one.gaps.append((max(first, one.record.oldest), end))

    # Time

    def wakes(self, desk: WatchedDesk) -> None:
        """I10: the timer fires on time, unless the clock was set or the process stood still."""
        deadline = desk._armed
        if deadline is None or desk.armed_by != self.world.utc_offset:
            return
        earliest = NOON + max(desk.armed_at, desk.life.frozen_until) + self.world.utc_offset
        late = self.world.utc() - max(deadline, earliest)
        if late > LATE_S:
            self.fail(f"I10: the sessions are woken {late:.1f} s late")

    def woken(self, desk: WatchedDesk) -> None:
        """I10: a timer that has fired does not want to fire at once, nor when a clock that was set
        back has caught up."""
        deadline = desk._next_deadline()
        if deadline is not None and deadline <= self.world.utc():
            self.fail("I10: the timer of the sessions spins")
        if deadline is not None and deadline > self.world.utc() + PAUSE_MAX_S:
            self.fail("I10: the sessions wait for a clock")

    # The end

    def rest(self, desk: WatchedDesk) -> None:
        """Everything has come to rest."""
        stored = self.world.disk.sessions
        for name, one in self.books.all.items():
            if one.dropped is (name in stored.sessions):
                self.fail(f"I11: {name} is {'there' if one.dropped else 'not there'} any more")
            if one.run or one.waiting:
                self.fail(f"I10: {one.run or one.waiting} has no end")
            if one.record.next != one.record.reserved and not one.dropped:
                self.fail(f"I11: {name} ends at {one.record.next}, and has reserved more")
            for offset, (content, life) in one.seen.items():
                if offset in one.contents or one.dropped:
                    continue
                if content[0] not in SHOWN_AT_ONCE or life == self.world.lives:
                    self.fail(f"I11: offset {offset} of {name} was {content}, and is not on disk")
            self._look_for_late(name)
        self._look_for_undelivered()
        budgets = desk.sessions._budgets
        self.money.rest(budgets._spent)
        self._look_for_leftovers(desk)
        for session in desk.sessions._book._loaded.values():
            self._compare_history(session)

    def _look_for_late(self, name: str) -> None:
        """What tools of closed calls came to is told, unless a process has died since."""
        one = self.books.all[name]
        gone = {(row.client_id, str(row.request_id)) for row in self.world.disk.gone.values()}
        for call, made in one.calls.items():
            is_missing = made.still and not (made.late or made.excused or one.dropped)
            if is_missing and (f"{CLIENT}{name}", call) not in gone:
                self.fail(f"I12: what became of {call} of {name} is never told")

    def _look_for_undelivered(self) -> None:
        """I6: what is in a log is known to be had, unless that could not be written down."""
        for row in self.world.disk.kept.values():
            one = self.books.all.get(row.client_id.removeprefix(CLIENT))
            if row.delivered or one is None or one.dropped:
                continue
            call = one.calls.get(str(row.request_id))
            if call is None or (call.still and not call.late):
                continue
            was_lost = self.world.disk.failed_at >= call.told_at
            if call.told_life == self.world.lives and not was_lost:
                self.fail(f"I6: {row.client_id} never got the outcome of {row.request_id}")

    def _look_for_leftovers(self, desk: WatchedDesk) -> None:
        """I9: no table keeps anything."""
        book, watching = desk.sessions._book, desk.watching
        recoveries = desk.sessions._recoveries
        tables = {
            "effects": desk.sessions._effects,
            "flights": book._flights,
            "dirty": book._dirty,
            "loading": book._loading,
            "running": book.running,
            "recovering": recoveries._recovering,
            "unread": recoveries._unread,
            "reserved": recoveries._reserved,
            "models": desk.models.now,
            "links": desk.tools._links,
            "numbers": desk.tools._by_number,
            "ready": watching._ready,
            "failed": watching._failed,
            "retries": [] if book._retry_at is None else [book._retry_at],
            "flushes": [] if book._flush_at is None else [book._flush_at],
            "tasks": desk.life.tasks.open,
        }
        for name, table in tables.items():
            if table:
                self.fail(f"I9: {name} of the sessions is left behind: {table}")
        pinned = {name: one.pins for name, one in book._loaded.items() if one.pins}
        if pinned:
            self.fail(f"I9: {pinned} are said to wait for contexts")
        for name, session in book._loaded.items():
            left = (*session.then, *session._waiting, *session.late, *session.deferred)
            if left or session.tools_open or session.is_going or session.has_news:
                self.fail(f"I9: {name} keeps {left or vars(session)}")

    def _compare_history(self, session: Any) -> None:
        """What a model would be shown is what another process would show it."""
        rows = self.world.disk.sessions.logs[session.id]
        limits = self.world.plan.setting.limits
        again = History(limits.history_bytes_max, limits.result_chars_max)
        again.oldest = session.record.oldest
        for _, row in sorted(rows.items()):
            again.feed(row)
        if session.record.oldest == 0 and shown(session.history) != shown(again):
            self.fail(f"I11: {session.id} shows its model what is not in its log")

    def why_unsettled(self, desk: WatchedDesk) -> str:
        """Say what is under way, or nothing."""
        if not desk.sessions.is_settled:
            running = {one.id: one.run.phase for one in desk.sessions._book.running if one.run}
            return f"sessions have no rest: {running}"
        if desk.sessions._recoveries._unread or desk.tools._links:
            return f"sessions wait for {desk.sessions._recoveries._unread or desk.tools._links}"
        if desk.models.now or desk.life.tasks.open:
            return "a model, or a task of a session, goes on"
        return ""


def shown(history: History) -> Iterable[Any]:
    """What a model is shown of a history."""
    return [group.turns for group in history.groups], history.worded("x"), history.open
