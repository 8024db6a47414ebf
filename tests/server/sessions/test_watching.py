"""Watchers read a session's log at their own pace; nothing is queued for them, and nothing lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.embedded import AGENT, serving, until

from agent_gate import AgentGateClient
from agentgate_cli.standins.models import ModelServer, Reply, Say
from agentgate_client import Cursor
from agentgate_client.sessions import Session
from agentgate_proto.errors import ErrorCode
from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.session import EventKind, LogRow, ReadLog, as_many_rows_as
from agentgate_proto.records.session_views import SessionEvent
from agentgate_proto.rpc.session_methods import Attached, AttachSession
from agentgate_proto.sessions.limits import SessionLimits
from agentgate_server.gateway import Gateway
from agentgate_server.sessions.watching import AGAIN_S, PLACES_AT_ONCE, READ_BYTES, Watching

pytestmark = pytest.mark.anyio

WHO = Principal(name="agent", role=Role.AGENT)
PIECE = "x" * 1_000
PIECES = 1_500
"""More together than is kept in memory of a log."""


class Answer:
    def __init__(self) -> None:
        self.found: Any = None

    def result(self, result: Any) -> None:
        self.found = result

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        self.found = code


class Reader:
    """A watcher that takes as much as it has room for."""

    def __init__(self, room: float = float("inf")) -> None:
        self.room = room
        self.events: list[SessionEvent] = []
        self.is_gone = False

    @property
    def has_room(self) -> bool:
        return self.room > 0

    def take(self, events: Sequence[SessionEvent]) -> None:
        self.room -= 1
        self.events += events

    def gone(self) -> None:
        self.is_gone = True

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    @property
    def end(self) -> int:
        return max((event.offset + event.count for event in self.events), default=0)

    def check(self) -> None:
        """What it was told is in order, each event once."""
        at = self.events[0].offset
        for event in self.events:
            assert event.offset == at
            at += event.count


@asynccontextmanager
async def conversing(folder: Path) -> AsyncIterator[tuple[ModelServer, Gateway, Session]]:
    async with ModelServer() as server:
        model = {"backend": "openai", "model": "m", "base_url": server.openai_url}
        async with (
            serving(folder, sessions={"models": {"m": model}}) as gateway,
            AgentGateClient(gateway.url, AGENT) as client,
        ):
            yield server, gateway, await client.sessions.create()


def attach(gateway: Gateway, session: str, reader: Reader, **cursor: Any) -> tuple[Any, Answer]:
    assert gateway.gate.sessions is not None
    answer = Answer()
    params = AttachSession(session=session, **cursor)
    return gateway.gate.sessions.attach(WHO, params, reader, answer), answer


async def test_a_watcher_that_does_not_read_is_told_that_it_is_behind_and_misses_nothing(
    tmp_path: Path,
) -> None:
    async with conversing(tmp_path) as (server, gateway, session):
        server.replies.append(Reply(*(Say(PIECE) for _ in range(PIECES))))
        slow, fast = Reader(room=0), Reader()
        cursor = {"epoch": session.view.epoch, "offset": 0}
        place, _ = attach(gateway, session.id, slow, **cursor)
        attach(gateway, session.id, fast, **cursor)
        await until(lambda: place.offset == 0, "the attachment")
        slow.room = 1
        place.has_room()
        await session.send("go").started()
        await until(lambda: "run_ended" in fast.kinds, "the end of the run")
        assert len(slow.events) <= 2
        slow.room = 10_000
        place.has_room()
        await until(lambda: "run_ended" in slow.kinds, "the slow one")
        assert slow.kinds.count("behind") == 1
        slow.events = [event for event in slow.events if event.kind != "behind"]
        slow.check()
        fast.check()
        assert slow.end == fast.end
        texts = ["".join(decoded(e) for e in r.events if e.kind == "text") for r in (slow, fast)]
        assert texts[0] == texts[1] == PIECE * PIECES
        place.end()
        place.end()


def decoded(event: SessionEvent) -> str:
    import msgspec

    return str(msgspec.json.decode(event.data)["text"])


async def test_whoever_comes_later_reads_the_whole_log_in_pages(tmp_path: Path) -> None:
    async with conversing(tmp_path) as (server, gateway, session):
        server.replies.append(Reply(*(Say(PIECE) for _ in range(PIECES))))
        async for _ in session.send("go"):
            pass
        reader = Reader()
        _, answer = attach(gateway, session.id, reader, epoch=session.view.epoch, offset=0)
        await until(lambda: "run_ended" in reader.kinds, "the end of the log")
        assert isinstance(answer.found, Attached)
        reader.check()
        assert reader.events[0].offset == 0
        assert "behind" not in reader.kinds


@pytest.mark.parametrize(
    ("cursor", "gap"),
    [
        ({"epoch": "another", "offset": 3}, "epoch"),
        ({"offset": 10_000_000}, "ahead"),
    ],
)
async def test_a_cursor_that_can_not_be_had_is_told_where_the_log_begins(
    tmp_path: Path, cursor: dict[str, Any], gap: str
) -> None:
    async with conversing(tmp_path) as (_, gateway, session):
        async for _event in session.send("go"):
            pass
        reader = Reader()
        asked = {"epoch": session.view.epoch, **cursor}
        _, answer = attach(gateway, session.id, reader, **asked)
        await until(lambda: answer.found, "an answer")
        assert (answer.found.gap, answer.found.oldest, answer.found.offset) == (gap, 0, 0)
        await until(lambda: "run_ended" in reader.kinds, "the log")


async def ends_of(reader: Reader, count: int) -> None:
    """Wait until it was told that so many runs have ended."""
    await until(lambda: reader.kinds.count("run_ended") == count, "the end of a run")


async def test_who_watches_a_session_that_is_not_in_memory_misses_nothing(tmp_path: Path) -> None:
    async with conversing(tmp_path) as (_, gateway, session):
        desk = gateway.gate.sessions
        assert desk is not None
        desk.sessions._book._limits = SessionLimits(loaded_max=0)
        reader = Reader()
        cursor = {"epoch": session.view.epoch, "offset": 0}
        place, _ = attach(gateway, session.id, reader, **cursor)
        for turn in range(1, 4):
            async for _event in session.send("go"):
                pass
            await ends_of(reader, turn)
            await until(lambda: not place.reading and place.has_caught_up, "the end of the log")
            await until(lambda: desk.loaded == 0, "the session to go")
            place.has_room()
            late = Reader()
            other, _ = attach(gateway, session.id, late, **cursor)
            await ends_of(late, turn)
            late.check()
            other.end()
        reader.events = [event for event in reader.events if event.kind != "behind"]
        reader.check()


async def test_a_session_that_is_not_there_can_not_be_watched(tmp_path: Path) -> None:
    async with conversing(tmp_path) as (_, gateway, _session):
        place, answer = attach(gateway, "nonexistent", Reader())
        await until(lambda: answer.found, "an answer")
        assert answer.found is ErrorCode.SESSION_NOT_FOUND
        assert place.ended


async def test_who_watches_a_session_that_is_deleted_is_told(tmp_path: Path) -> None:
    async with conversing(tmp_path) as (_, gateway, session):
        reader = Reader()
        place, _ = attach(gateway, session.id, reader)
        await until(lambda: place.offset >= 0, "the attachment")
        await session.delete()
        await until(lambda: reader.is_gone, "the news")
        assert place.ended


async def test_who_leaves_before_being_attached_leaves_nothing_behind(tmp_path: Path) -> None:
    async with conversing(tmp_path) as (_, gateway, session):
        sessions = gateway.gate.sessions
        assert sessions is not None
        reader = Reader()
        params = AttachSession(session=session.id)
        place = sessions.watching.begin(session.id, reader)
        place.end()
        sessions.sessions.attach(TicketOf(sessions, place), "agent", params, 0.0)
        sessions.drain()
        assert sessions.watching._places == {}
        assert reader.events == []


class TicketOf:
    """What the desk calls a call of somebody who wants to watch."""

    def __init__(self, desk: Any, place: Any) -> None:
        self.reply = Answer()
        self.place = place


async def test_a_client_that_reconnects_goes_on_from_its_cursor(tmp_path: Path) -> None:
    async with conversing(tmp_path) as (_, gateway, session):
        async for _event in session.send("go"):
            pass
        view = await session.refresh()
        async with AgentGateClient(gateway.url, AGENT) as other:
            again = await other.sessions.get(session.id)
            async with again.attach(Cursor(view.epoch, view.next - 1)) as stream:
                assert (await anext(stream)).kind == "run_ended"


class Store:
    """What a watcher's pages are asked of."""

    def __init__(self, rows: Sequence[LogRow]) -> None:
        self.rows = rows
        self.problem = ""
        self.asked: list[tuple[ReadLog, Any]] = []

    def ask(self, query: ReadLog, token: Any, owner: str) -> None:
        assert owner == "ann", "whose session it is"
        self.asked.append((query, token))

    def answer(self) -> None:
        asked, self.asked = self.asked, []
        for query, token in asked:
            rows = [row for row in self.rows if row.end > query.after][: query.limit]
            answer = None if self.problem else as_many_rows_as(rows, query.bytes_max)
            token(answer, self.problem)


class Logs:
    """Sessions of which nothing is in memory but where that begins."""

    def __init__(self, end: int) -> None:
        self.end = end

    def read(self, session: str, offset: int, bytes_max: int) -> tuple[Any, int]:
        return (None if offset < self.end else []), self.end

    def owner_of(self, session: str) -> str:
        return "ann"


def row(offset: int) -> LogRow:
    return LogRow(first=offset, count=1, kind=EventKind.NOTE, at=0.0, data=msgspec.Raw(b"{}"))


def stored(count: int) -> tuple[Store, Watching, Reader, list[float], list[None]]:
    """A watcher at the beginning of a log that is in the store; the clock, and the wakes."""
    store, now = Store([row(offset) for offset in range(count)]), [1_000.0]
    wakes: list[None] = []
    logs: Any = Logs(count)
    writer: Any = store
    watching = Watching(logs, writer, lambda: now[0], lambda: wakes.append(None))
    reader = Reader()
    place = watching.begin("s", reader)
    watching.attached(place, Attached(epoch="e", offset=0, next=count))
    return store, watching, reader, now, wakes


async def test_many_small_rows_are_read_in_pages_and_none_is_taken_for_lost() -> None:
    count = READ_BYTES // 300 + 100
    store, watching, reader, _, _ = stored(count)
    for _ in range(5):
        watching.work()
        store.answer()
    reader.check()
    assert reader.kinds == ["note"] * count


async def test_what_the_store_could_not_read_is_asked_for_again_after_a_pause() -> None:
    store, watching, reader, now, wakes = stored(3)
    store.problem = "the disk failed"
    watching.work()
    wakes.clear()
    store.answer()
    assert wakes, "somebody has to be woken in time"
    assert watching.next_deadline() == now[0] + AGAIN_S
    watching.work()
    assert not store.asked, "not at once"
    store.problem = ""
    now[0] += AGAIN_S
    watching.work()
    store.answer()
    assert reader.kinds == ["note"] * 3
    assert watching.next_deadline() is None


async def test_who_leaves_while_the_store_can_not_be_read_is_forgotten() -> None:
    store, watching, reader, now, _ = stored(3)
    logs: Any = watching._sessions
    logs.detach = lambda session: None
    store.problem = "the disk failed"
    watching.work()
    (place,) = watching._places["s"]
    store.answer()
    place.end()
    now[0] += AGAIN_S
    watching.work()
    assert not store.asked
    assert reader.events == []


async def test_many_watchers_have_their_turn_one_after_the_other() -> None:
    count = 2 * PLACES_AT_ONCE + 3
    store, watching, first, _, wakes = stored(1)
    readers = [first, *(Reader() for _ in range(count - 1))]
    for reader in readers[1:]:
        place = watching.begin("s", reader)
        watching.attached(place, Attached(epoch="e", offset=0, next=1))
    asked = []
    for _ in range(3):
        wakes.clear()
        watching.work()
        asked.append((len(store.asked), bool(wakes)))
        store.asked, former = [], store.asked
        for query, token in former:  # who is told something wants more, after the others
            token(store.rows if query.after == 0 else [], "")
    assert asked[:2] == [(PLACES_AT_ONCE, True), (PLACES_AT_ONCE, True)]
    assert [len(reader.events) for reader in readers[:count]] == [1] * count
