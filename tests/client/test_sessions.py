"""Sessions through the SDK: calls with their types, and streams that survive."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import anyio
import msgspec
import pytest
from tests.chance import seeds
from tests.client.gateway import Gateway, gateway
from tests.client.helpers import BOUND_S, Impatient, Outcome
from tests.client.session_gateway import AT, FakeLog, FakeSessions

from agentgate_client import (
    AgentGateClient,
    AgentGateConnectionError,
    AgentGateError,
    AgentGateTimeout,
    Cursor,
    Event,
    EventStream,
    ModelFailed,
    OverBudget,
    Run,
    RunInProgress,
    Session,
    SessionNotFound,
)
from agentgate_proto.limits import FEED_BYTES_MAX

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def talking(
    fake: FakeSessions, log: FakeLog
) -> AsyncIterator[tuple[Session, AgentGateClient]]:
    """Connect to a gateway with this session."""
    with anyio.fail_after(BOUND_S):
        async with gateway(fake.script) as gate, client_of(gate) as gw:
            yield await gw.sessions.get(log.session), gw


def client_of(gate: Gateway) -> AgentGateClient:
    return AgentGateClient(gate.url, "t", backoff=Impatient())


async def read(stream: Run | EventStream, count: int) -> list[Event]:
    return [await anext(stream) for _ in range(count)]


def text_of(events: list[Event]) -> str:
    return "".join(event.data["text"] for event in events if event.kind == "text")


def finish(log: FakeLog, text: str = "", status: str = "completed", **data: Any) -> None:
    """Let the run end."""
    log.append("reply", text=text, stop="end")
    run, log.run = log.run, ""
    log.append("run_ended", run=run, status=status, **data)


# Calls


async def test_a_session_is_created_with_what_was_asked_for_and_shown() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    fake.answers["create_session"] = log.view()
    async with talking(fake, log) as (_, gw):
        session = await gw.sessions.create("big", "/work", "kim", {"room": "kitchen"})
    assert fake.called("create_session") == [
        {"model": "big", "workspace": "/work", "user_id": "kim", "metadata": {"room": "kitchen"}}
    ]
    assert (session.id, session.view.key) == ("s1", "agent:robot:s1")
    assert msgspec.json.decode(session.view.metadata) == {"room": "kitchen"}


async def test_a_session_with_all_defaults_is_asked_for_by_nothing() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    fake.answers["create_session"] = log.view()
    async with talking(fake, log) as (_, gw):
        await gw.sessions.create()
    assert fake.called("create_session") == [{}]


async def test_a_session_is_asked_for_as_it_stands_now() -> None:
    log = FakeLog("s1")
    async with talking(FakeSessions(log), log) as (session, _):
        log.append("note", text="hm")
        assert (await session.refresh()).next == 1
        assert session.view.next == 1


async def test_a_session_that_is_not_there_raises_not_found() -> None:
    log = FakeLog("s1")
    async with talking(FakeSessions(log), log) as (_, gw):
        with pytest.raises(SessionNotFound):
            await gw.sessions.get("another")


async def test_a_long_list_takes_several_calls() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    fake.answers["list_sessions"] = {"sessions": [log.view()], "more": True}
    async with talking(fake, log) as (_, gw):
        views = await gw.sessions.list("kim", limit=3)
    assert [view.id for view in views] == ["s1", "s1", "s1"]
    assert [call.get("before", "") for call in fake.called("list_sessions")] == ["", "s1", "s1"]
    assert [call.get("limit", 100) for call in fake.called("list_sessions")] == [3, 2, 1]


async def test_models_usage_and_the_context_come_as_types() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    line = {"key": "m", "usage": {"input": 3}, "cost_micros": 5, "requests": 1}
    section = {"name": "history", "content": "", "bytes": 0, "tokens": 0, "cost_micros": None}
    fake.answers["list_models"] = {
        "models": [{"name": "m", "model_id": "m-1", "backend": "rehearsal", "is_default": True}]
    }
    fake.answers["report_usage"] = {"rows": [line], "total": line}
    fake.answers["inspect_session"] = {
        "model": "m",
        "model_id": "m-1",
        "backend": "rehearsal",
        "sections": [section],
        "envelope_bytes": 2,
        "bytes": 2,
        "tokens": 1,
        "body": "{}",
    }
    async with talking(fake, log) as (session, gw):
        [model] = await gw.sessions.models()
        report = await session.usage("day")
        inspection = await session.inspect("hi", "m")
    assert (model.name, model.is_default, model.input_micros) == ("m", True, None)
    assert report.rows[0].usage.input == report.total.usage.input == 3
    assert fake.called("report_usage") == [{"by": "day", "session": "s1"}]
    assert inspection.sections[0].cost_micros is None
    assert fake.called("inspect_session") == [{"session": "s1", "text": "hi", "model": "m"}]


async def test_usage_is_about_something_that_there_is() -> None:
    with pytest.raises(ValueError, match="weather"):
        await AgentGateClient("wss://hub", "t").sessions.usage("weather")


async def test_an_answer_that_is_no_session_is_an_error() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    fake.answers["create_session"] = {"id": 7}
    async with talking(fake, log) as (_, gw):
        with pytest.raises(AgentGateError, match="odd answer"):
            await gw.sessions.create()


# A run


async def test_a_run_is_sent_at_its_first_event_and_ends_by_itself() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    async with talking(fake, log) as (session, _):
        run = session.send("hi", model="big", max_iterations=3, max_tokens=9, params={"seed": 1})
        assert (run.id, run.cursor, run.status) == ("", None, "")
        assert fake.called("send_message") == []
        first = await anext(run)
        assert (first.kind, first.data["text"], first.offset) == ("message", "hi", 0)
        assert (run.id, run.cursor, run.joined) == ("r1", Cursor("e1", 1), False)
        log.append("text", text="Hel")
        log.append("text", text="lo")
        finish(log, "Hello")
        await fake.push()
        rest = [event async for event in run]
        assert text_of(rest) == "Hello"
        assert rest[-1].kind == "run_ended"
        assert (run.status, run.cursor) == ("completed", Cursor("e1", 5))
        await fake.until_called("detach_session")
    [sent] = fake.called("send_message")
    assert sent == {
        "session": "s1",
        "text": "hi",
        "message_id": run.message_id,
        "model": "big",
        "max_iterations": 3,
        "max_tokens": 9,
        "params": {"seed": 1},
    }


async def test_the_text_of_a_run_is_its_last_reply() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    async with talking(fake, log) as (session, _):
        run = await session.send("hi").started()
        log.append("model_started", iteration=1)
        log.append("text", text="Let me look.")
        log.append("reply", text="Let me look.", stop="tools")
        log.append("model_started", iteration=2)
        log.append("text", text="42")
        finish(log, "42")
        await fake.push()
        assert await run.text() == "42"
        assert await run.text() == "42"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("failed", ModelFailed),
        ("truncated", ModelFailed),
        ("interrupted", ModelFailed),
        ("budget", OverBudget),
        ("cancelled", AgentGateTimeout),
    ],
)
async def test_a_run_without_a_whole_answer_raises_when_asked_for_its_text(
    status: str, kind: type[AgentGateError]
) -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    async with talking(fake, log) as (session, _):
        run = await session.send("hi").started()
        finish(log, "as far as", status, reason="the model broke off")
        await fake.push()
        with pytest.raises(kind, match="the model broke off") as caught:
            await run.text()
    assert caught.value.data["text"] == "as far as"


async def test_a_message_to_a_busy_session_names_the_run_and_what_it_waits_for() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    fake.answers["send_message"] = (-32014, "busy", {"run": "r0", "approvals": ["a1"]})
    async with talking(fake, log) as (session, _):
        with pytest.raises(RunInProgress) as caught:
            await anext(session.send("hi"))
    assert (caught.value.run, caught.value.approvals) == ("r0", ["a1"])


async def test_a_message_under_the_same_id_joins_its_run() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    async with talking(fake, log) as (session, _):
        one = await session.send("hi", message_id="m1").started()
        other = await session.send("hi", message_id="m1").started()
        assert (other.id, other.joined) == (one.id, True)
        log.append("text", text="Hello")
        finish(log, "Hello")
        await fake.push()
        assert await one.text() == await other.text() == "Hello"
    assert [event["kind"] for event in log.events if event].count("message") == 1


async def test_a_run_is_sent_once_however_many_wait_for_it() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    async with talking(fake, log) as (session, _):
        run = session.send("hi")
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(run.started)
    assert len(fake.called("send_message")) == 1


async def test_cancel_ends_the_run_and_is_of_this_run_only() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    async with talking(fake, log) as (session, _):
        run = await session.send("hi").started()
        assert (await run.cancel()).status == "cancelled"
        assert [event.kind async for event in run] == ["message", "run_ended"]
        await session.cancel()
    assert fake.called("cancel_run") == [{"session": "s1", "run": "r1"}, {"session": "s1"}]


@pytest.mark.parametrize("how", ["closed", "left", "dropped", "never read"])
async def test_leaving_a_run_detaches_and_cancels_nothing(how: str) -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    async with talking(fake, log) as (session, _):
        run = session.send("hi")
        if how == "never read":
            await run.aclose()
            assert fake.called("send_message") == []
            return
        await anext(run)
        if how == "closed":
            await run.aclose()
            assert [event async for event in run] == []
        elif how == "left":
            async with run:
                pass
        else:
            del run
            gc.collect()
            log.append("text", text="nobody reads this")
            await fake.push()
        await fake.until_called("detach_session")
        assert log.run == "r1"
        assert fake.called("cancel_run") == []


# Broken connections


@pytest.mark.parametrize("seed", seeds(5))
async def test_a_stream_that_is_cut_at_random_moments_misses_nothing_and_repeats_nothing(
    seed: int,
) -> None:
    rng = Random(seed)
    log = FakeLog("s1")
    fake = FakeSessions(log, merged=rng.randint(1, 9), at_once=rng.randint(1, 5))
    text = "".join(rng.choice("abcäöü€😀 \n") for _ in range(600))
    async with talking(fake, log) as (session, _):
        run = await session.send("hi").started()
        seen: list[Event] = []
        place = 0
        while place < len(text):
            step = rng.randint(1, 9)
            log.append("text", text=text[place : place + step])
            place += step
            await fake.push()
            if rng.random() < 0.2:
                seen += await read(run, 1)
            if rng.random() < 0.1:
                connections = len(fake.peers)
                fake.cut()
                await fake.until_connected(connections + 1)
        finish(log, text)
        await fake.push()
        seen += [event async for event in run]
    assert text_of(seen) == text
    offset = 0
    for event in seen:
        assert event.offset == offset
        offset += event.count
    assert "gap" not in {event.kind for event in seen}


async def test_a_message_whose_answer_was_lost_runs_once() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    asked = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate, anyio.create_task_group() as tasks:
            gw = client_of(gate)
            tasks.start_soon(gw.connect)
            peer = await gate.accept_authenticated()
            view = log.view()
            tasks.start_soon(asked.run, lambda: gw.sessions.get("s1"))
            await peer.answer(await peer.receive(), view)
            await asked.over.wait()
            assert isinstance(asked.value, Session)
            run = asked.value.send("hi")
            started = Outcome()
            tasks.start_soon(started.run, run.started)
            first = await peer.receive()
            peer.cut()
            peer = await gate.accept_authenticated()
            await peer.reconcile([])
            again = await peer.receive()
            assert again["params"] == first["params"]
            taken = {"run": "r1", "epoch": "e1", "offset": 0, "joined": True}
            await peer.answer(again, taken)
            await started.over.wait()
            assert (run.id, run.joined) == ("r1", True)
            attach = await peer.receive()
            assert attach["params"] == {"session": "s1", "epoch": "e1", "offset": 0}
            await gw.close()
            with pytest.raises(AgentGateConnectionError):
                await anext(run)
    assert fake.calls == []


@pytest.mark.parametrize("cut", [True, False])
async def test_a_deletion_whose_answer_was_lost_has_succeeded_if_it_is_gone(cut: bool) -> None:
    deleted = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate, anyio.create_task_group() as tasks:
            gw = client_of(gate)
            async with anyio.create_task_group() as opening:
                opening.start_soon(gw.connect)
                peer = await gate.accept_authenticated()
            tasks.start_soon(deleted.run, lambda: gw.sessions.delete("s1"))
            request = await peer.receive()
            if cut:
                peer.cut()
                peer = await gate.accept_authenticated()
                await peer.reconcile([])
                request = await peer.receive()
            await peer.fail(request, -32013, "no such session")
            await deleted.over.wait()
            await gw.close()
    assert isinstance(deleted.error, SessionNotFound) is not cut


# Watching


async def test_a_watcher_gets_what_there_is_from_its_cursor_on_and_then_what_comes() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log, merged=10)
    for word in ("a", "b", "c", "d"):
        log.append("text", text=word)
    async with talking(fake, log) as (session, _):
        async with session.attach(Cursor("e1", 2)) as stream:
            [event] = await read(stream, 1)
            assert (event.offset, event.count, event.data["text"]) == (2, 2, "cd")
            log.append("note", text="more")
            await fake.push()
            assert (await anext(stream)).kind == "note"
            assert stream.cursor == Cursor("e1", 5)
        assert [event async for event in stream] == []
        await fake.until_called("detach_session")


async def test_without_a_cursor_a_watcher_begins_with_the_run_that_is_under_way() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    log.append("note", text="old")
    async with talking(fake, log) as (session, _):
        await session.send("hi").started()
        stream = session.attach()
        assert stream.cursor is None
        event = await anext(stream)
        assert (event.kind, event.offset) == ("message", 1)


async def test_two_readers_share_one_attachment_and_each_gets_its_own() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log, merged=4)
    for word in "abcdef":
        log.append("text", text=word)
    async with talking(fake, log) as (session, gw):
        late = session.attach(Cursor("e1", 5))
        assert text_of(await read(late, 1)) == "f"
        twin = await gw.sessions.get("s1")
        early = twin.attach(Cursor("e1", 0))
        middle = twin.attach(Cursor("e1", 2))
        assert text_of(await read(early, 2)) == "abcdef"
        assert text_of(await read(middle, 2)) == "cdef"
        log.append("text", text="g")
        await fake.push()
        for stream in (late, early, middle):
            assert text_of(await read(stream, 1)) == "g"


@pytest.mark.parametrize(
    ("cursor", "reason"),
    [(Cursor("e0", 1), "epoch"), (Cursor("e1", 9), "ahead"), (Cursor("e1", 1), "retention")],
)
async def test_a_cursor_that_is_not_to_be_had_is_told_as_a_gap(cursor: Cursor, reason: str) -> None:
    log = FakeLog("s1")
    for word in "abcd":
        log.append("text", text=word)
    log.oldest = 3
    fake = FakeSessions(log)
    async with talking(fake, log) as (session, _):
        stream = session.attach(cursor)
        event = await anext(stream)
        assert (event.kind, event.data) == ("gap", {"reason": reason, "oldest": 3})
        log.append("text", text="e")
        await fake.push()
        assert (await read(stream, 1 if reason == "ahead" else 2))[-1].data["text"] == "e"


async def test_what_a_crash_took_along_is_told_as_a_gap() -> None:
    log = FakeLog("s1")
    log.append("text", text="a")
    log.events += [None, None]
    log.append("text", text="b")
    async with talking(FakeSessions(log), log) as (session, _):
        events = await read(session.attach(Cursor("e1", 0)), 3)
    assert [(event.kind, event.offset, event.count) for event in events] == [
        ("text", 0, 1),
        ("gap", 1, 2),
        ("text", 3, 1),
    ]


async def test_to_be_behind_is_told_and_moves_no_cursor() -> None:
    log = FakeLog("s1")
    log.append("text", text="a")
    fake = FakeSessions(log)
    async with talking(fake, log) as (session, _):
        stream = session.attach(Cursor("e1", 0))
        await read(stream, 1)
        await fake.notify("s1", kind="behind", offset=1)
        assert (await anext(stream)).kind == "behind"
        assert stream.cursor == Cursor("e1", 1)


@pytest.mark.parametrize("by", ["us", "another"])
async def test_a_stream_of_a_session_that_is_deleted_says_so(by: str) -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    async with talking(fake, log) as (session, _):
        stream = session.attach()
        await fake.until_called("attach_session")
        if by == "us":
            await session.delete()
        else:
            await fake.notify("s1", kind="gone")
        with pytest.raises(SessionNotFound):
            await anext(stream)


async def test_a_stream_of_a_session_that_is_not_there_says_so() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    async with talking(fake, log) as (session, _):
        fake.logs.clear()
        with pytest.raises(SessionNotFound):
            await anext(session.attach())


async def test_an_odd_answer_to_attaching_ends_the_stream() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    fake.answers["attach_session"] = {"epoch": 7}
    async with talking(fake, log) as (session, _):
        with pytest.raises(AgentGateError, match="odd answer"):
            await anext(session.attach())


async def test_a_stream_ends_with_its_client_and_a_run_that_has_not_ended_says_so() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    async with talking(fake, log) as (session, gw):
        stream = session.attach()
        run = await session.send("hi").started()
        await gw.close()
        assert [event.kind async for event in stream] == []
        with pytest.raises(AgentGateConnectionError, match="closed"):
            await run.text()
        with pytest.raises(AgentGateConnectionError, match=r"not connected|closed"):
            await anext(session.attach())


async def test_a_slow_reader_costs_bounded_memory_and_loses_nothing() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log, at_once=1)
    words = 60
    for place in range(words):
        log.append("text", text=chr(97 + place % 26) * 40_000)
    async with talking(fake, log) as (session, _):
        stream = session.attach(Cursor("e1", 0))
        await fake.until_called("detach_session")  # it is full, and nobody else reads
        assert stream.feed.full
        assert stream.feed.waiting_bytes < FEED_BYTES_MAX + 50_000
        seen = await read(stream, words)
    assert [event.offset for event in seen] == list(range(words))
    assert len(fake.called("attach_session")) > 1


async def test_events_of_sessions_that_nobody_watches_are_dropped() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    async with talking(fake, log) as (session, gw):
        await fake.notify("s1", kind="note", at=AT)
        await fake.notify("s2", kind="note", at=AT)
        assert (await session.refresh()).id == "s1"
        assert gw.sessions is gw.sessions
