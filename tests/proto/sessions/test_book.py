"""The book: which sessions are in memory, and how what is new of them gets onto the disk."""

from __future__ import annotations

import msgspec
import pytest
from tests.proto.session_checker import check_rest
from tests.proto.session_models import call, model, said, wanted
from tests.proto.session_world import NOON, World
from tests.proto.sessions.phases import calling, claiming, idle, speaking, tools, world_in

from agentgate_proto.errors import ErrorCode
from agentgate_proto.models.events import TextDelta
from agentgate_proto.records.session import EventKind, FindSession, LogRow, PutSession, ReadLog
from agentgate_proto.rpc.session_methods import GetSession
from agentgate_proto.sessions.book import is_due
from agentgate_proto.sessions.effects import Question, Write
from agentgate_proto.sessions.limits import SessionLimits


def questions(world: World) -> list[str]:
    """What the store is asked and has not answered."""
    return [type(each.query).__name__ for each in world.queue if isinstance(each, Question)]


def writes(world: World) -> list[Write]:
    """What the store was told and has not written."""
    return [each for each in world.queue if isinstance(each, Write)]


# In memory


def test_a_session_is_loaded_once_for_all_who_want_it() -> None:
    world = world_in(idle)
    world.kill()
    tickets = [world.request(GetSession(session="s")) for _ in range(3)]
    assert questions(world) == ["FindSession"]
    world.sync()
    assert questions(world) == ["ReadLog"]
    world.settle()
    assert {world.result(ticket).id for ticket in tickets} == {"s"}
    world.request(GetSession(session="s"))
    assert questions(world) == []


def test_whose_a_session_is_is_known_as_soon_as_it_was_found() -> None:
    world = world_in(idle)
    principal = world.sessions.owner_of("s")
    assert principal
    world.kill()
    assert world.sessions.owner_of("s") == ""
    world.request(GetSession(session="s"))
    assert world.sessions.owner_of("s") == ""
    world.sync()
    assert world.sessions.owner_of("s") == principal


def test_its_history_is_read_in_pages_and_without_what_only_watchers_want() -> None:
    world = world_in(idle)
    world.scripts.append(wanted(*(call(f"c{n}") for n in range(30)), text="look"))
    world.send("s")
    world.settle()
    world.kill()
    world.send("s", "and?")
    world.sync()
    (question,) = [each for each in world.queue if isinstance(each, Question)]
    assert isinstance(question.query, ReadLog)
    assert (question.query.after, question.query.history_only) == (0, True)
    world.settle()
    assert b"look" in world.called[-1].request.body
    check_rest(world)


def test_a_session_that_is_not_there_is_said_not_to_be() -> None:
    world = World()
    ticket = world.request(GetSession(session="s"))
    world.sync()
    assert world.refusal(ticket) == (ErrorCode.SESSION_NOT_FOUND, "Session not found")
    assert world.sessions.is_settled


@pytest.mark.parametrize("steps", [0, 1])
def test_a_session_that_can_not_be_read_is_said_so_and_tried_again_by_the_next(steps: int) -> None:
    world = world_in(idle)
    world.kill()
    ticket = world.request(GetSession(session="s"))
    for _ in range(steps):
        world.sync()
    world.fail("no such disk")
    assert world.refusal(ticket) == (
        ErrorCode.INTERNAL_ERROR,
        "the gateway cannot read its store: no such disk",
    )
    assert world.sessions.next_deadline() is None
    ticket = world.request(GetSession(session="s"))
    world.settle()
    assert world.result(ticket).id == "s"


def test_of_too_many_in_memory_those_go_that_were_not_used_for_longest() -> None:
    world = World(SessionLimits(loaded_max=2))
    names = [world.create(named=name) for name in ("a", "b")]
    world.request(GetSession(session="a"))
    world.create(named="c")
    for name in ("c", "a"):
        world.request(GetSession(session=name))
        assert questions(world) == []
    world.request(GetSession(session=names[1]))
    assert questions(world) == ["FindSession"]
    world.settle()


def test_of_sessions_that_take_too_much_those_go_that_were_not_used_for_longest() -> None:
    world = World(SessionLimits(loaded_bytes_max=120_000))
    names = [world.create(named=name) for name in ("a", "b", "c")]
    for name in ("a", "b", "a", "c"):
        world.send(name, "x" * 10_000)
        world.settle()
    found = [world.sessions._book.get(name) for name in names]
    kept = [session.memory for session in found if session is not None]
    assert [session is None for session in found] == [False, True, False]
    assert world.sessions.loaded == 2
    assert min(kept) > 20_000
    assert 90_000 < sum(kept) <= 120_000
    world.send("b", "and?")
    world.settle()
    assert world.last_end("b")["status"] == "completed"
    assert b"xxx" in world.called[-1].request.body


def test_one_that_takes_too_much_by_itself_is_in_memory_while_it_is_used() -> None:
    world = World(SessionLimits(loaded_bytes_max=0))
    world.create(named="s")
    world.ask("s")
    assert world.sessions._book.get("s") is not None
    world.settle()
    assert world.sessions._book.get("s") is None
    check_rest(world)


def test_a_session_that_can_not_be_deleted_may_go_from_memory_again() -> None:
    world = World(SessionLimits(loaded_max=1))
    world.create(named="s")
    world.delete("s")
    world.fail()
    world.create(named="t")
    assert world.sessions._book.get("s") is None


@pytest.mark.parametrize(
    ("tokens", "bytes_max"),
    [(0, 1_000_000), (10, 262_144), (50_000, 400_000), (1_000_000, 1_000_000)],
)
def test_of_a_history_no_more_is_kept_than_some_model_reads(tokens: int, bytes_max: int) -> None:
    models = [model(context_tokens=tokens), model("small", context_tokens=0)]
    world = World(SessionLimits(history_bytes_max=1_000_000), models=models)
    history = world.sessions._book.new_history()
    for number in range(30):
        data = {"run": "r", "message_id": f"m{number}", "text": "x" * 99_800}
        raw = msgspec.Raw(msgspec.json.encode(data))
        for kind in (EventKind.MESSAGE, EventKind.RUN_STARTED):
            history.feed(LogRow(first=number, count=1, kind=kind, at=NOON, data=raw))
    assert history.memory == bytes_max // 100_000 * 100_000


def test_what_is_under_way_stays_in_memory_and_what_is_watched_need_not() -> None:
    world = World(SessionLimits(loaded_max=1))
    for name in ("a", "b", "c"):
        world.create(named=name)
        world.attach(name)
    world.settle()
    world.ask("b")
    world.create(named="d")
    assert [world.sessions._book.get(name) is not None for name in "abc"] == [False, True, False]
    assert world.sessions.active == 1
    world.settle()
    assert world.sessions.read("a", 7, 100) == (None, 7)
    world.send("a")
    world.settle()
    assert [event.kind for event in world.watch("a")][-1] == "run_ended"


# Onto the disk


def test_one_write_of_a_session_is_under_way_and_what_comes_meanwhile_goes_with_the_next() -> None:
    world = world_in(tools)
    world.finish("s", "c1")
    world.finish("s", "c2")
    assert len(writes(world)) == 1
    world.sync()
    (write,) = writes(world)
    assert isinstance(write.change, PutSession)
    assert len(write.change.rows) == 1


def test_text_waits_a_moment_for_more_and_is_not_urgent() -> None:
    world = world_in(speaking)
    assert writes(world) == []
    due = world.sessions.next_deadline()
    assert due == pytest.approx(world.now + 0.1)
    world.say(TextDelta("more"))
    assert world.sessions.next_deadline() == due
    world.wait(0.05)
    assert writes(world) == []
    world.wait(0.06)
    (write,) = writes(world)
    assert not write.urgent
    assert world.sessions.next_deadline() is None


def test_what_somebody_waits_for_takes_text_along_at_once() -> None:
    world = world_in(speaking)
    world.say(*said("the end"))
    (write,) = writes(world)
    assert write.urgent


def test_urgent_news_during_a_write_follow_it_at_once_and_text_after_a_moment() -> None:
    world = world_in(calling)
    world.say(TextDelta("a"))
    world.wait(0.2)
    world.say(TextDelta("b"))
    world.sync()
    assert writes(world) == []
    world.wait(0.2)
    world.say(*said("c"))
    world.sync()
    assert [each.urgent for each in writes(world)] == [True]
    world.settle()
    check_rest(world)


def test_text_that_came_during_a_long_write_is_written_after_it() -> None:
    world = world_in(speaking)
    world.wait(0.2)
    world.say(TextDelta("more"))
    world.wait(0.2)
    assert len(writes(world)) == 1, "the first is still under way"
    world.sync()
    world.wait(0.2)
    assert len(writes(world)) == 1
    world.settle(answer=False)
    assert b"more" in bytes(world.rows("s")[-1].data)


def test_a_write_that_failed_is_made_again_after_pauses_that_double() -> None:
    world = World(SessionLimits(write_retry_s=1.0))
    world.create(named="s")
    calling(world)
    world.say(*said("the end"))
    pauses = []
    for _ in range(7):
        world.fail("disk full")
        assert world.sessions.problem == "disk full"
        due = world.sessions.next_deadline()
        assert due is not None
        pauses.append(due - world.now)
        world.wait(until=due)
        assert len(writes(world)) == 1
    assert pauses == pytest.approx([1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0])
    world.settle()
    assert world.sessions.problem == ""
    check_rest(world)


def test_after_a_success_the_pauses_begin_anew_and_others_write_at_once() -> None:
    world = world_in(idle)
    world.create(named="other")
    calling(world)
    world.say(*said("the end"))
    world.fail()
    assert writes(world) == []
    world.create(named="third")
    assert len(writes(world)) == 1, "the disk works again"
    world.fail()
    assert world.sessions.next_deadline() == pytest.approx(world.now + 1.0)
    world.settle()
    check_rest(world)


def test_while_writes_fail_text_is_shown_and_waits() -> None:
    world = world_in(speaking)
    world.wait(0.2)
    world.fail()
    world.say(TextDelta(", more"))
    assert b"more" in bytes(world.watch("s")[-1].data)
    world.wait(0.5)
    assert writes(world) == []
    world.settle()
    check_rest(world)


def test_a_clock_that_is_set_back_puts_nothing_off_for_long() -> None:
    world = world_in(speaking)
    world.wait(-3_600.0)
    assert len(writes(world)) == 1
    world.fail()
    world.wait(-3_600.0)
    assert len(writes(world)) == 1
    world.settle()
    check_rest(world)


def test_a_moment_is_due_from_then_on_or_if_it_is_further_off_than_it_can_be() -> None:
    assert not is_due(None, 10.0, 1.0)
    assert not is_due(10.5, 10.0, 1.0)
    assert is_due(10.0, 10.0, 1.0)
    assert is_due(11.5, 10.0, 1.0)


def test_before_the_process_ends_all_text_is_written_at_once() -> None:
    world = world_in(speaking)
    world.sessions.save_all(world.now)
    world.drain()
    assert len(writes(world)) == 1
    world.sessions.save_all(world.now)
    world.drain()
    world.say(TextDelta("more"))
    world.sessions.save_all(world.now)
    world.drain()
    assert len(writes(world)) == 1, "one write of a session at a time"
    world.settle()
    check_rest(world)


def test_the_text_of_many_sessions_is_written_at_one_moment() -> None:
    world = World()
    for name in ("a", "b"):
        world.create(named=name)
        world.ask(name)
    for effect in list(world.calls.values()):
        world.say(TextDelta("x"), which=effect.call)
        world.now += 0.05
    world.wait(0.01)
    assert len(writes(world)) == 2
    assert world.sessions.next_deadline() is None
    world.fail()
    assert world.sessions.next_deadline() == world.now + 1.0
    world.settle()
    check_rest(world)


@pytest.mark.parametrize("failing", range(12))
def test_a_disk_that_fails_at_any_one_write_delays_a_run_and_changes_nothing(failing: int) -> None:
    world = world_in(idle)
    world.scripts.extend([wanted(call("c1"), call("c2", "write"), text="look"), said("do", "ne")])
    ticket, name = "", "one"
    for step in range(200):
        if not ticket:
            ticket = world.send("s", message_id=name)
        if step == failing:
            world.fail()
            if ticket in world.told and not world.store.logs.get("s"):
                ticket, name = "", "once more"
                continue
        elif world.queue:
            world.sync()
        elif world.preparing:
            world.prepare()
        elif world.calls:
            world.say(*world.scripts.popleft())
        elif world.gate.running:
            world.finish(*next(iter(world.gate.running)))
        elif (due := world.sessions.next_deadline()) is not None:
            world.wait(until=due)
        else:
            break
    assert world.last_end("s")["status"] == "completed"
    assert [data["text"] for data in world.data("s", "reply")] == ["look", "done"]
    check_rest(world)


def test_what_is_settled_has_nothing_under_way() -> None:
    world = world_in(idle)
    assert world.sessions.is_settled
    claiming(world)
    assert not world.sessions.is_settled
    world.settle()
    assert world.sessions.is_settled
    world.kill()
    world.request(GetSession(session="s"))
    assert not world.sessions.is_settled
    assert isinstance(world.queue[0], Question)
    assert isinstance(world.queue[0].query, FindSession)
