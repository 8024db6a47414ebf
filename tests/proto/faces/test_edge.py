"""The edge face: prompts, answers that wait, receipts, and stale sockets."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.proto.faces.edge_house import AT, NOW, House, Socket

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.conversing import CALLS_MAX
from agentgate_proto.faces.edge import (
    BUSY,
    DELETED,
    LOOKS_MAX,
    NOT_KEPT,
    PING_S,
    PINGS_MAX,
    PONG_S,
    SNAPSHOTS_MAX,
    STALE,
    USER,
    Device,
)
from agentgate_proto.faces.edge_messages import Snapped
from agentgate_proto.records.session_views import SessionEvent
from agentgate_proto.rpc.session_methods import (
    AttachSession,
    CreateSession,
    ListSessions,
    SendMessage,
    SetMetadata,
)


def connected(house: House, now: float = NOW) -> Socket:
    return Socket(house, now).work()


def test_a_prompt_is_answered_in_one_session_for_ever() -> None:
    house = House()
    one = connected(house).ask("1-a", "Is it raining?")
    house.finish()
    one.work()
    two = connected(house).ask("1-b", "And now?")
    house.finish()
    two.work()
    assert len(house.kept) == 1
    assert one.frames[0] == {
        "type": "agent_response",
        "payload": {
            "requestId": "1-a",
            "result": {
                "response": "answer to Is it raining?",
                "tool_calls_made": 0,
                "audit_entries": [],
            },
        },
        "timestamp": AT,
    }
    assert two.answers()[-1] == ("1-b", "answer to And now?")


def test_the_session_is_found_by_its_user() -> None:
    device = Device(NOW)
    effect: Any = device.next_effect()
    assert effect.params == ListSessions(user_id=USER)
    device.failed(effect, ErrorCode.INTERNAL_ERROR, "no disk", None, NOW)
    closing: Any = device.next_effect()
    assert (closing.code, closing.reason) == (1013, "no disk")


def test_prompts_that_come_before_the_session_is_found_wait_in_order() -> None:
    house = House()
    one = Socket(house)
    one.slow = True
    one.work().ask("a", "1").ask("b", "2")
    assert not house.kept
    one.slow = False
    one.settle().work()
    assert [house.finish(), house.finish()] == ["answer to 1", "answer to 2"]
    assert [id_ for id_, _ in one.work().answers()] == ["a", "b"]


def test_what_a_connection_could_bring_to_no_session_is_for_the_next() -> None:
    house = House()
    one = Socket(house)
    one.slow = True
    one.work().ask("a", "1").ask("b", "2").ask("a", "1")
    two = Socket(house, NOW, one.device.unsent).work()
    assert [prompt.request_id for prompt in one.device.unsent] == ["a", "b"]
    assert two.device.unsent == []
    assert [house.finish(), house.finish()] == ["answer to 1", "answer to 2"]
    assert [id_ for id_, _ in two.work().answers()] == ["a", "b"]


def test_a_prompt_that_comes_twice_runs_once() -> None:
    house = House()
    one = connected(house).ask("a", "1").ask("a", "1")
    house.finish()
    assert one.work().answers() == [("a", "answer to 1")]
    assert len(house.session.runs) == 1
    one.ask("a", "1")  # sent, and not receipted yet: it is on its way
    assert one.answers() == []
    one.pong().ask("a", "1")
    assert one.answers() == [("a", "answer to 1")], "whoever asks again is told again"
    assert len(house.session.runs) == 1


def test_what_came_while_the_device_was_away_is_delivered_once() -> None:
    house = House()
    connected(house).ask("a").ask("b")
    house.finish()
    house.finish()
    two = connected(house)
    assert [id_ for id_, _ in two.answers()] == ["a", "b"]
    two.pong()
    assert connected(house).answers() == []


def test_an_answer_without_a_receipt_is_delivered_again() -> None:
    house = House()
    one = connected(house).ask("a").ask("b")
    house.finish()
    one.work().wait(0)
    house.finish()
    one.work()
    one.say("pong")  # to the ping after the first answer; there is none after the second
    assert [id_ for id_, _ in connected(house).answers()] == ["b"]


def test_a_run_that_is_under_way_is_followed_by_the_next_connection() -> None:
    house = House()
    connected(house).ask("a", "1").ask("b", "2")
    two = connected(house)
    assert two.answers() == []
    house.finish()
    assert two.work().answers() == [("a", "answer to 1")]
    house.finish()
    assert two.work().answers() == [("b", "answer to 2")]


def test_a_gateway_that_could_not_keep_the_mark_delivers_again() -> None:
    house = House()
    house.refusals = {SetMetadata: ErrorCode.INTERNAL_ERROR}
    one = connected(house).ask("a")
    house.finish()
    one.work().pong()
    house.refusals = {}
    two = connected(house)
    assert [id_ for id_, _ in two.answers()] == ["a"]
    two.pong()
    assert connected(house).answers() == []


def test_receipts_that_come_while_the_mark_is_written_are_kept_as_well() -> None:
    house = House()
    one = connected(house).ask("a").ask("b")
    house.finish()
    one.work()
    one.slow = True
    one.pong()
    house.finish()
    one.slow = False
    one.held, held = [], one.held  # the first mark is on its way
    one.work()
    one.pong()
    one.held = held
    one.settle().work()
    assert connected(house).answers() == []


def test_a_withdrawn_prompt_behind_one_that_waits_is_not_told_twice() -> None:
    house = House()
    one = connected(house).ask("a").ask("b")
    kept = house.session
    kept.waiting.pop()
    kept.add("run_ended", run="s1r2", status="cancelled", reason="by a person")
    assert one.work().answers() == [("b", "Error: the run is cancelled: by a person")]
    one.pong()
    two = connected(house)
    assert two.answers() == []
    house.finish()
    assert two.work().answers() == [("a", "answer to hi")]


def test_an_answer_that_is_kept_no_more_is_said_to_be_so() -> None:
    house = House()
    one = connected(house).ask("a")
    house.finish()
    one.work().pong()
    one.answers()
    house.session.oldest = len(house.session.log)
    assert one.ask("a").answers() == [("a", NOT_KEPT)]
    one.ask("b")
    one.ask("a")
    assert one.answers() == [("a", NOT_KEPT)]
    house.finish()
    assert one.work().answers() == [("b", "answer to hi")]


def test_an_old_answer_that_is_asked_for_does_not_repeat_those_after_it() -> None:
    house = House()
    one = connected(house)
    for name in "abc":
        one.ask(name, name)
        house.finish()
        one.work().pong()
    one.ask("d", "d")
    one.answers()
    assert one.ask("a").ask("b").answers() == [("a", "answer to a"), ("b", "answer to b")]
    house.finish()
    assert one.work().answers() == [("d", "answer to d")]
    one.pong()
    assert connected(house).answers() == []


def test_two_old_answers_that_are_asked_for_at_once_both_come() -> None:
    house = House()
    one = connected(house)
    for name in "ab":
        one.ask(name, name)
        house.finish()
        one.work().pong()
    one.answers()
    one.slow = True
    one.ask("b").ask("a")
    one.slow = False
    one.settle().work()
    assert sorted(one.answers()) == [("a", "answer to a"), ("b", "answer to b")]


def test_a_prompt_that_comes_again_before_the_log_is_read_is_answered_once() -> None:
    house = House()
    connected(house).ask("a")
    house.finish()
    one = Socket(house).ask("a")
    assert [id_ for id_, _ in one.answers()] == ["a"]


# What goes wrong


def test_what_goes_wrong_is_said_where_the_answer_would_stand() -> None:
    house = House()
    one = connected(house)
    house.refusals = {SendMessage: ErrorCode.LIMIT_EXCEEDED}
    assert one.ask("a").answers() == [("a", "Error: no")]


@pytest.mark.parametrize(
    "payload",
    [{"requestId": "a"}, {"requestId": "a", "prompt": ""}, {"requestId": "a", "prompt": 5}],
)
def test_a_broken_prompt_that_has_an_id_is_refused(payload: dict[str, Any]) -> None:
    one = connected(House()).say("agent_request", **payload)
    ((name, text),) = one.answers()
    assert name == "a"
    assert text.startswith("Error: ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"type":"x"}',
        '{"type":"agent_request"}',
        '{"type":"pong"}',
        "\ud800",
        "[" * 9999,
        '{"type":"pong","payload":{"requestId":"a"}}',
        '{"type":5,"payload":{"requestId":"a"}}',
    ],
)
def test_what_a_device_would_ignore_is_ignored(text: str) -> None:
    house = House()
    one = connected(house)
    one.device.receive(text, NOW)
    one.work()
    assert one.frames == []
    assert one.closed is None


def test_a_prompt_that_comes_again_while_it_is_on_its_way_is_not_one_too_many() -> None:
    house = House()
    one = connected(house)
    one.slow = True
    for _ in range(3):
        for number in range(CALLS_MAX - 1):
            one.ask(str(number))
    assert one.answers() == []
    one.slow = False
    one.settle().work()
    assert len(house.session.runs) == CALLS_MAX - 1


def test_too_many_prompts_at_once_are_refused() -> None:
    one = Socket(House())
    one.slow = True
    one.work()
    for number in range(CALLS_MAX + 1):
        one.ask(str(number))
    assert one.answers() == [(str(CALLS_MAX), BUSY)]


def test_a_session_that_was_deleted_is_replaced_and_what_it_owed_is_refused() -> None:
    house = House()
    one = connected(house).ask("a")
    del house.kept[0]
    one.work()
    assert one.answers() == [("a", DELETED)]
    one.ask("b")
    house.finish()
    assert one.work().answers() == [("b", "answer to hi")]


def test_what_was_answered_in_a_session_that_was_deleted_is_not_answered_again() -> None:
    house = House()
    one = connected(house).ask("a")
    house.finish()
    one.work().ask("b")
    del house.kept[0]
    one.work()
    assert one.answers() == [("a", "answer to hi"), ("b", DELETED)]


def test_a_prompt_for_a_session_that_is_gone_goes_to_the_next() -> None:
    house = House()
    one = connected(house)
    house.kept.clear()
    one.slow = True
    one.ask("a").ask("b")
    one.slow = False
    one.settle().work()
    while one.held:
        one.settle().work()
    assert len(house.session.runs) == 2
    house.finish()
    assert one.work().answers() == [("a", "answer to hi")]


def test_a_session_that_goes_before_it_is_watched_is_looked_for_again() -> None:
    house = House()
    one = Socket(house)
    one.device.gone(NOW)
    one.work().ask("a")
    assert len(house.kept[0].runs) == 1
    connected(house)
    assert len(house.kept[0].runs) == 1


def test_a_session_that_is_never_there_ends_the_connection() -> None:
    house = House()
    one = connected(house)
    house.refusals = {SendMessage: ErrorCode.SESSION_NOT_FOUND}
    one.ask("a")
    assert one.closed == 1013
    assert LOOKS_MAX > 1


def test_a_session_that_can_not_be_watched_ends_the_connection() -> None:
    house = House()
    house.refusals = {AttachSession: ErrorCode.INTERNAL_ERROR}
    assert connected(house).closed == 1013


def test_a_log_of_another_life_begins_anew() -> None:
    house = House()
    connected(house).ask("a")
    house.finish()
    one = Socket(house)
    effect: Any = one.device.next_effect()
    one.device.succeeded(effect, house.call(effect.params), NOW)
    house.session.epoch = "other"
    one.work()
    assert [id_ for id_, _ in one.answers()] == ["a"]
    one.pong()
    assert connected(house).answers() == []


@pytest.mark.parametrize(
    "metadata",
    [b"{}", b'{"edge":5}', b'{"edge":{"epoch":"x","offset":900}}', b'{"edge":{"epoch":"e1"}}'],
)
def test_metadata_of_others_are_no_mark(metadata: bytes) -> None:
    house = House()
    connected(house).ask("a")
    house.finish()
    house.session.metadata = msgspec.Raw(metadata)
    assert [id_ for id_, _ in connected(house).answers()] == ["a"]


def test_what_others_say_in_the_session_is_not_the_devices() -> None:
    house = House()
    one = connected(house)
    house.session.add("message", run="x", message_id="m", text="hello")
    house.session.add("reply", run="x", text="hi")
    house.session.add("run_ended", run="x", status="completed")
    house.session.log.append(
        SessionEvent(offset=3, count=2, kind="gap", at=AT, data=msgspec.Raw(b"{}"))
    )
    one.work()
    one.device.take([SessionEvent(offset=0, kind="behind", at=AT, data=msgspec.Raw(b"{}"))])
    assert one.work().answers() == []


# Pings


def test_pings_are_answered_and_a_device_is_pinged() -> None:
    one = connected(House()).say("ping")
    assert [frame["type"] for frame in one.frames] == ["pong"]
    one.frames.clear()
    one.wait(PING_S - 1)
    assert one.frames == []
    one.wait(1)
    assert [frame["type"] for frame in one.frames] == ["ping"]


def test_a_device_that_does_not_answer_is_let_go() -> None:
    one = connected(House()).wait(PING_S).wait(PONG_S - 1)
    one.say("ping")  # it lives
    one.wait(PONG_S - 1)
    assert one.closed is None
    one.wait(1)
    assert one.closed == STALE


def test_a_clock_that_was_set_back_puts_nothing_off() -> None:
    one = connected(House()).wait(PING_S)
    one.wait(-86_400)
    one.pong()
    one.wait(PING_S)
    assert one.frames[-1]["type"] == "ping"


def test_a_pong_that_nobody_asked_for_is_no_receipt() -> None:
    house = House()
    one = connected(house).ask("a")
    one.say("pong").say("pong")
    house.finish()
    one.work()
    assert [id_ for id_, _ in connected(house).answers()] == ["a"]


def test_a_busy_device_gets_no_more_pings_but_time() -> None:
    house = House()
    one = connected(house)
    for number in range(PINGS_MAX + 2):
        one.ask(str(number))
        house.finish()
        one.work().wait(0)
    pings = [frame for frame in one.frames if frame["type"] == "ping"]
    assert len(pings) == PINGS_MAX
    one.pong().wait(PING_S)
    one.pong()
    assert connected(house).answers() == []


# Data


def test_data_are_asked_for_and_told() -> None:
    one = connected(House())
    assert one.device.snapshot("snap-1", ["weather"], NOW)
    assert one.device.snapshot("snap-2", [], NOW)
    one.work()
    assert [frame["payload"] for frame in one.frames] == [
        {"requestId": "snap-1", "channels": ["weather"]},
        {"requestId": "snap-2"},
    ]
    data = {"weather": {"data": 1}, "other": {"data": 2}}
    one.say("data_snapshot_response", requestId="snap-1", channels=list(data), snapshots=data)
    one.say("data_snapshot_response", requestId="snap-1", channels=list(data), snapshots=data)
    one.say("data_snapshot_response", requestId="snap-2", channels=list(data), snapshots=data)
    assert one.told == [Snapped("snap-1", {"weather": {"data": 1}}), Snapped("snap-2", data)]


def test_data_that_nobody_waits_for_any_more_are_dropped() -> None:
    one = connected(House())
    for number in range(SNAPSHOTS_MAX):
        assert one.device.snapshot(str(number), [], NOW)
    assert not one.device.snapshot("x", [], NOW)
    one.device.forget_snapshot("0")
    one.work().say("data_snapshot_response", requestId="0", snapshots={})
    assert one.told == []
    assert one.device.snapshot("x", [], NOW)


@given(
    st.text(max_size=60) | st.recursive(st.none() | st.text(max_size=5), st.lists).map(json.dumps)
)
def test_no_text_breaks_it(text: str) -> None:
    one = connected(House())
    one.device.receive(text, NOW)
    one.work()


def test_no_session_is_made_where_there_is_one_and_all_take_the_oldest() -> None:
    house = House()
    house.call(CreateSession())
    connected(house).ask("a")
    assert len(house.kept) == 1
    house.call(CreateSession())  # of a connection that broke while it was made
    connected(house).ask("b")
    assert len(house.kept[0].runs) == 2


class Devices(RuleBasedStateMachine):
    """A device whose connections break at any moment, beside a plain count of what it got."""

    def __init__(self) -> None:
        super().__init__()
        self.house = House()
        self.socket = connected(self.house)
        self.asked: dict[str, str] = {}
        self.finished: dict[str, str] = {}
        self.got: dict[str, int] = {}
        self.unsure: dict[str, None] = {}  # sent on a connection that broke before the receipt
        self.fresh: list[str] = []  # sent on this connection, and without a receipt

    def look(self) -> None:
        for name, text in self.socket.work().answers():
            assert text == f"answer to {self.asked[name]}"
            assert name in self.finished
            assert name not in self.got or name in self.unsure
            self.unsure.pop(name, None)
            self.got[name] = self.got.get(name, 0) + 1
            self.fresh.append(name)

    @rule(number=st.integers(0, 30))
    def ask(self, number: int) -> None:
        name = str(number)
        if name in self.got or len(self.house.session.waiting) > 8:
            return
        self.asked[name] = name
        self.socket.ask(name, name)
        self.look()

    @precondition(lambda self: self.house.session.waiting)
    @rule()
    def finish(self) -> None:
        name = self.house.finish().removeprefix("answer to ")
        self.finished[name] = name
        self.look()

    @rule()
    def pong(self) -> None:
        self.look()
        self.socket.pong()
        self.fresh.clear()
        self.look()

    @rule(late=st.booleans())
    def reconnect(self, late: bool) -> None:
        old = self.socket
        self.unsure |= dict.fromkeys(self.fresh)
        self.fresh = []
        self.socket = connected(self.house, old.now)
        self.look()
        if late:  # what a stale socket still hears changes nothing here
            before = self.house.session.metadata
            old.device.receive('{"type":"pong","payload":{}}', old.now)
            assert self.house.session.metadata == before

    @invariant()
    def runs_once(self) -> None:
        assert len(self.house.kept) == 1
        said = [one for one in self.house.session.log if one.kind == "message"]
        assert len(said) == len(self.asked)

    @invariant()
    def everything_that_is_over_has_been_told(self) -> None:
        assert set(self.finished) <= set(self.got)


TestDevices = Devices.TestCase
