"""One session: polls, the upgrade beside them, the heartbeat, one queue, and every end."""

from __future__ import annotations

import json

import pytest
from tests.proto.faces.engine_bench import Bench

from agentgate_proto.faces.engineio.events import (
    Accept,
    AwaitRoom,
    Ended,
    Ending,
    HangUp,
    Opened,
    Respond,
    RoomMade,
    SendMessage,
)
from agentgate_proto.faces.engineio.session import ROOM_BYTES

SHORT = {"ping_interval_s": 0.3, "ping_timeout_s": 0.2}

BAD = (400, '{"code":3,"message":"Bad request"}')
UNKNOWN = (400, '{"code":1,"message":"Session ID unknown"}')


# Beginnings


def test_a_poll_begins_a_session_that_can_be_upgraded() -> None:
    at = Bench(**SHORT)
    connection = at.get()
    (answer,) = at.effects()
    assert isinstance(answer, Respond)
    assert (answer.connection, answer.status) == (connection, 200)
    assert answer.content_type == "text/plain; charset=UTF-8"
    assert answer.body[:1] == b"0"
    assert json.loads(answer.body[1:]) == {
        "sid": "sid1",
        "upgrades": ["websocket"],
        "pingInterval": 300,
        "pingTimeout": 200,
        "maxPayload": 1_000_000,
    }
    assert at.events() == [Opened(1)]


def test_a_websocket_begins_a_session_that_has_nothing_to_upgrade_to() -> None:
    at = Bench()
    connection = at.websocket()
    accept, opening = at.effects()
    assert accept == Accept(connection)
    assert isinstance(opening, SendMessage)
    assert isinstance(opening.data, str)
    assert json.loads(opening.data[1:])["upgrades"] == []
    assert at.events() == [Opened(1)]


# Long polling


def test_a_poll_waits_until_there_is_something() -> None:
    at = Bench()
    sid = at.polling()
    connection = at.get(sid)
    assert at.effects() == []
    at.send(1, "a", b"\x01\x02\x03\x04")
    assert at.answers() == {connection: (200, "4a\x1ebAQIDBA==")}


def test_a_poll_gets_at_once_what_waits_for_it() -> None:
    at = Bench()
    sid = at.polling()
    at.send(1, "a")
    at.send(1, "b")
    assert at.effects() == []
    connection = at.get(sid)
    assert at.answers() == {connection: (200, "4a\x1e4b")}


def test_a_poll_gets_no_more_packets_than_clients_take() -> None:
    at = Bench()
    sid = at.polling()
    at.send(1, *map(str, range(40)))
    sizes = []
    for _ in range(3):
        ((_, body),) = at.answers_to(at.get(sid))
        sizes.append(len(body.split("\x1e")))
    assert sizes == [16, 16, 8]


def test_a_poll_gets_no_more_bytes_than_a_slow_line_can_take_unless_it_is_one_packet() -> None:
    at = Bench()
    sid = at.polling()
    at.send(1, "x" * 1_500_000, "y" * 600_000, "z" * 600_000, "end")
    lengths = [len(body) for _ in range(3) for _, body in at.answers_to(at.get(sid))]
    assert lengths == [1_500_001, 2 * 600_001 + 1, 4]


def test_posts_are_answered_and_heard_in_their_order() -> None:
    at = Bench()
    sid = at.polling()
    connection = at.post(sid, "4a\x1ebAQI=\x1e6\x1e4b")
    (answer,) = at.effects()
    assert answer == Respond(connection, 200, b"ok", "text/html")
    assert at.heard() == ["a", b"\x01\x02", "b"]


@pytest.mark.parametrize("body", ["", "abc", "4a\x1e", "4a\x1ebA", b"4\xff"])
def test_a_body_that_is_none_ends_the_session_and_nothing_of_it_counts(body: str | bytes) -> None:
    at = Bench()
    sid = at.polling()
    poll = at.get(sid)
    post = at.post(sid, body)
    assert at.answers() == {poll: (200, "1"), post: BAD}
    assert at.events() == [Ended(1, Ending.BAD_PACKET)]
    assert at.answers_to(at.get(sid)) == [UNKNOWN]


@pytest.mark.parametrize("packet", ["2", "2probe", "0{}", "5"])
def test_a_packet_that_is_not_a_client_s_ends_the_session(packet: str) -> None:
    at = Bench()
    sid = at.polling()
    post = at.post(sid, f"4before\x1e{packet}\x1e4after")
    assert at.answers() == {post: BAD}
    assert at.heard() == ["before"]
    assert at.answers_to(at.get(sid)) == [UNKNOWN]


def test_too_many_packets_end_the_session_loudly() -> None:
    """Elsewhere they were dropped, and the client was told that all is well."""
    at = Bench(packets_in_max=3)
    sid = at.polling()
    assert at.answers_to(at.post(sid, "4a\x1e4b\x1e4c")) == [(200, "ok")]
    assert at.answers_to(at.post(sid, "4a\x1e4b\x1e4c\x1e4d")) == [BAD]
    assert at.ended() == ["BAD_PACKET"]


def test_a_second_poll_is_one_too_many_and_ends_the_session() -> None:
    at = Bench()
    sid = at.polling()
    one, two = at.get(sid), at.get(sid)
    assert at.answers() == {one: (200, "1"), two: BAD}
    assert at.ended() == ["BAD_POLL"]
    assert at.answers_to(at.get(sid)) == [UNKNOWN]


def test_a_poll_that_breaks_ends_the_session() -> None:
    at = Bench()
    sid = at.polling()
    at.lose(at.get(sid))
    assert at.ended() == ["LOST"]
    assert at.answers_to(at.get(sid)) == [UNKNOWN]


def test_a_connection_that_broke_after_its_answer_ends_nothing() -> None:
    at = Bench()
    sid = at.polling()
    poll = at.get(sid)
    at.send(1, "a")
    at.lose(poll)
    at.lose(at.post(sid, "4b"))
    assert at.ended() == []
    at.send(1, "c")
    assert at.answers_to(at.get(sid)) == [(200, "4c")]


def test_the_client_closes_the_session_and_its_poll_ends_quietly() -> None:
    at = Bench()
    sid = at.polling()
    poll = at.get(sid)
    post = at.post(sid, "4last\x1e1\x1e4never")
    assert at.answers() == {poll: (200, "6"), post: (200, "ok")}
    assert at.heard() == ["last"]
    assert at.answers_to(at.get(sid)) == [UNKNOWN]


# The upgrade


def test_an_upgrade_ends_the_waiting_poll_and_moves_the_queue() -> None:
    at = Bench()
    sid = at.polling()
    poll = at.get(sid)
    websocket = at.websocket(sid)
    assert at.effects() == [Accept(websocket)]
    at.say(websocket, "2probe")
    assert at.effects() == [
        SendMessage(websocket, "3probe"),
        Respond(poll, 200, b"6", "text/plain; charset=UTF-8"),
    ]
    at.send(1, "held", b"\x01")
    assert at.effects() == []
    at.say(websocket, "5")
    assert at.effects() == [SendMessage(websocket, "4held"), SendMessage(websocket, b"\x01")]
    at.say(websocket, "4x", b"\x02")
    assert at.heard() == ["x", b"\x02"]
    at.send(1, "y")
    assert at.effects() == [SendMessage(websocket, "4y")]


def test_every_poll_during_the_probe_is_answered_at_once() -> None:
    """Elsewhere a further poll waited until the next ping, and the client with it."""
    at = Bench()
    sid = at.polling()
    websocket = at.websocket(sid)
    at.say(websocket, "2probe")
    at.send(1, "held")
    at.effects()
    for _ in range(3):
        assert at.answers_to(at.get(sid)) == [(200, "6")]
    at.say(websocket, "5")
    assert at.effects() == [SendMessage(websocket, "4held")]


def test_whoever_sends_without_pause_does_not_starve_the_upgrade() -> None:
    at = Bench()
    sid = at.polling()
    poll = at.get(sid)
    websocket = at.websocket(sid)
    for number in range(50):
        at.send(1, str(number))
        if number == 20:
            at.say(websocket, "2probe")
        if number == 30:
            at.say(websocket, "5")
    done = at.effects()
    polled = [each for each in done if isinstance(each, Respond)]
    assert [(each.connection, each.body) for each in polled] == [(poll, b"40")]
    sent = [each.data for each in done if isinstance(each, SendMessage)]
    assert sent == ["3probe", *(f"4{number}" for number in range(1, 50))]


def test_until_the_probe_polling_goes_on_beside_its_websocket() -> None:
    at = Bench()
    sid = at.polling()
    at.websocket(sid)
    at.effects()
    at.send(1, "a")
    assert at.answers_to(at.get(sid)) == [(200, "4a")]


@pytest.mark.parametrize(
    "script", [["5"], ["2"], ["4x"], [b"2probe"], ["2probe", "4x"], ["2probe", "2probe"]]
)
def test_a_websocket_that_does_not_probe_is_dropped_and_polling_goes_on(
    script: list[str | bytes],
) -> None:
    at = Bench()
    sid = at.polling()
    websocket = at.websocket(sid)
    at.effects()
    at.say(websocket, *script, "4ignored")
    assert at.effects()[-1] == HangUp(websocket, 1002, "no probe")
    at.lose(websocket)
    at.send(1, "a")
    assert at.answers_to(at.get(sid)) == [(200, "4a")]
    assert at.events() == []


@pytest.mark.parametrize("probed", [False, True])
def test_a_probe_that_breaks_leaves_polling_as_it_was(probed: bool) -> None:
    at = Bench()
    sid = at.polling()
    websocket = at.websocket(sid)
    if probed:
        at.say(websocket, "2probe")
    at.send(1, "a")
    at.lose(websocket)
    at.effects()
    assert at.answers_to(at.get(sid)) == [(200, "4a")]
    again = at.websocket(sid)
    at.say(again, "2probe", "5", "4b")
    assert at.heard() == ["b"]


def test_an_upgrade_that_does_not_come_is_given_up_in_time() -> None:
    at = Bench()
    sid = at.polling()
    websocket = at.websocket(sid)
    at.say(websocket, "2probe")
    at.send(1, "a")
    at.effects()
    at.wait(9.999)
    assert at.effects() == []
    at.wait(0.001)
    assert at.effects() == [HangUp(websocket, 1000, "no upgrade in time")]
    assert at.answers_to(at.get(sid)) == [(200, "4a")]


def test_a_ping_that_is_held_for_an_upgrade_costs_nothing() -> None:
    at = Bench(ping_interval_s=25.0, ping_timeout_s=4.0)
    sid = at.polling()
    at.wait(24.9)
    at.say(at.websocket(sid), "2probe")
    at.wait(4.0)  # the upgrade is given up after it, not after ten seconds
    at.effects()
    assert at.answers_to(at.get(sid)) == [(200, "2")]
    at.post(sid, "3")
    at.wait(20.0)
    assert at.events() == []


@pytest.mark.parametrize("begun", ["upgraded", "probing", "on a websocket"])
def test_a_websocket_that_is_not_needed_is_accepted_and_closed(begun: str) -> None:
    at = Bench()
    if begun == "upgraded":
        sid, websocket = at.upgraded()
    else:
        sid = at.polling() if begun == "probing" else "sid1"
        websocket = at.websocket(sid if begun == "probing" else "")
    at.effects()
    late = at.websocket(sid)
    assert at.effects() == [
        Accept(late),
        HangUp(late, 1000, "the session has a WebSocket"),
    ]
    at.say(late, "2probe")
    at.lose(late)
    if begun == "probing":
        at.say(websocket, "2probe", "5")
    at.effects()
    at.say(websocket, "4x")
    assert "x" in at.heard()


def test_after_the_upgrade_plain_requests_are_refused_and_the_session_goes_on() -> None:
    at = Bench()
    sid, websocket = at.upgraded()
    assert at.answers_to(at.get(sid)) == [BAD]
    assert at.answers_to(at.post(sid, "4x")) == [BAD]
    at.say(websocket, "4y")
    assert at.heard() == ["y"]


# On a WebSocket


@pytest.mark.parametrize("frame", ["abc", "", "2", "5", "0"])
def test_a_frame_that_is_no_packet_ends_the_session(frame: str) -> None:
    at = Bench()
    websocket = at.on_websocket()
    at.say(websocket, frame, "4never")
    assert at.effects() == [HangUp(websocket, 1002, "a packet that is none")]
    assert at.events() == [Ended(1, Ending.BAD_PACKET)]


def test_the_client_closes_by_a_packet_or_by_the_socket() -> None:
    at = Bench()
    websocket = at.on_websocket()
    at.say(websocket, "4a", "1", "4never")
    assert at.effects() == [HangUp(websocket, 1000, "the client closed the session")]
    assert [type(event).__name__ for event in at.events()] == ["Received", "Ended"]
    at.lose(websocket)
    other = at.on_websocket()
    at.lose(other)
    assert at.effects() == []
    assert at.ended() == ["LOST"]


# The heartbeat


def test_pings_come_an_interval_after_the_last_pong() -> None:
    at = Bench()
    websocket = at.on_websocket()
    at.wait(24.999)
    assert at.effects() == []
    at.wait(0.001)
    assert at.effects() == [SendMessage(websocket, "2")]
    at.wait(7.0)
    at.say(websocket, "3")
    at.wait(24.999)
    assert at.effects() == []
    at.wait(0.001)
    assert at.effects() == [SendMessage(websocket, "2")]


def test_a_pong_that_was_not_asked_for_changes_nothing() -> None:
    at = Bench()
    websocket = at.on_websocket()
    at.wait(20.0)
    at.say(websocket, "3")
    at.wait(5.0)
    assert at.effects() == [SendMessage(websocket, "2")]


@pytest.mark.parametrize("polls", [True, False])
def test_a_polling_session_ends_without_a_pong_whether_it_polls_or_not(polls: bool) -> None:
    """Elsewhere sessions that nobody polled were never freed."""
    at = Bench()
    sid = at.polling()
    connection = at.get(sid) if polls else 0
    at.wait(25.0)
    assert at.answers() == ({connection: (200, "2")} if polls else {})
    at.wait(19.999)
    assert at.ended() == []
    at.wait(0.001)
    assert at.ended() == ["SILENT"]
    assert at.engine.count == 0
    assert at.answers_to(at.get(sid)) == [UNKNOWN]


def test_a_websocket_ends_without_a_sign_of_life() -> None:
    at = Bench()
    websocket = at.on_websocket()
    at.wait(45.0)
    assert at.effects()[-1] == HangUp(websocket, 1008, "no pong in time")
    assert at.ended() == ["SILENT"]


def test_any_sign_of_life_counts_for_a_pong() -> None:
    """A long frame, or a page in the background, may hold up the pong."""
    at = Bench()
    websocket = at.on_websocket()
    at.wait(30.0)
    at.say(websocket, "4busy")
    at.wait(15.0)  # the pong is due
    assert at.ended() == []
    pings = [each for each in at.effects() if each == SendMessage(websocket, "2")]
    assert len(pings) == 2  # soon enough that the client does not give us up
    at.wait(20.0)
    assert at.ended() == ["SILENT"]


# The queue


def test_a_queue_over_its_cap_ends_the_session() -> None:
    at = Bench(queued_bytes_max=1_000)
    sid = at.polling()
    at.send(1, "x" * 600)
    at.send(1, "y" * 395)
    assert at.ended() == []
    at.send(1, "zzzz")
    assert at.ended() == ["SLOW"]
    assert at.answers_to(at.get(sid)) == [UNKNOWN]
    at.send(1, "to nobody")


def test_a_queue_over_its_cap_ends_a_session_that_is_being_upgraded() -> None:
    at = Bench(queued_bytes_max=1_000)
    sid = at.polling()
    websocket = at.websocket(sid)
    at.say(websocket, "2probe")
    at.effects()
    at.send(1, "x" * 1_000)
    assert at.effects() == [HangUp(websocket, 1013, "slow consumer")]


def test_room_is_told_of_when_polls_have_taken_most() -> None:
    at = Bench()
    sid = at.polling()
    part = "x" * (ROOM_BYTES // 20)
    at.send(1, *[part] * 18)
    assert at.engine.has_room(1)
    at.send(1, *[part] * 12)
    assert not at.engine.has_room(1)
    at.get(sid)
    assert at.events() == [RoomMade(1)]
    assert at.engine.has_room(1)
    at.get(sid)
    assert at.events() == []


def test_room_on_a_websocket_is_told_of_when_its_connection_says_so() -> None:
    at = Bench()
    websocket = at.on_websocket()
    at.send(1, "x" * ROOM_BYTES)
    assert at.effects()[-1] == AwaitRoom(websocket, ROOM_BYTES)
    at.send(1, "y" * ROOM_BYTES)
    assert not any(isinstance(each, AwaitRoom) for each in at.effects())
    assert not at.engine.has_room(1)
    at.engine.made_room(websocket)
    at.drain()
    assert at.events() == [RoomMade(1)]
    assert at.engine.has_room(1)
    at.engine.made_room(websocket)
    at.engine.made_room(999)
    at.drain()
    assert at.events() == []
    at.send(1, "z" * (ROOM_BYTES + 1))
    assert at.effects()[-1] == AwaitRoom(websocket, ROOM_BYTES)


def test_an_upgrade_with_a_long_queue_waits_for_room_on_the_websocket() -> None:
    at = Bench()
    sid = at.polling()
    at.send(1, "x" * (ROOM_BYTES + 1))
    websocket = at.websocket(sid)
    at.say(websocket, "2probe", "5")
    assert at.effects()[-1] == AwaitRoom(websocket, ROOM_BYTES)
    at.engine.made_room(websocket)
    at.drain()
    assert RoomMade(1) in at.events()


# The end


def test_when_it_is_ended_a_poll_gets_what_waits_and_is_told() -> None:
    at = Bench()
    sid = at.polling()
    poll = at.get(sid)
    at.engine.send(1, ["last"])
    at.engine.end(1, Ending.RESTART)
    at.drain()
    assert at.answers() == {poll: (200, "4last")}
    assert at.ended() == ["RESTART"]
    sid = at.polling().replace("sid1", "sid2")
    poll = at.get(sid)
    at.engine.end(2, Ending.RESTART)
    at.drain()
    assert at.answers() == {poll: (200, "1")}


@pytest.mark.parametrize("ending", [ending for ending in Ending if ending is not Ending.CLIENT])
def test_however_it_is_ended_its_websockets_are_closed_once(ending: Ending) -> None:
    at = Bench()
    sid = at.polling()
    probe = at.websocket(sid)
    at.effects()
    at.engine.end(1, ending)
    at.engine.end(1, ending)
    at.drain()
    (hang_up,) = at.effects()
    assert isinstance(hang_up, HangUp)
    assert (hang_up.connection, hang_up.reason) == (probe, ending.value)
    assert at.ended() == [ending.name]
    at.wait(100.0)
    assert at.effects() == []
