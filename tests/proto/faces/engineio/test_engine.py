"""All sessions: who may begin one, whose a request is, how many there may be, and their alarms."""

from __future__ import annotations

from random import Random

import pytest
from tests.proto.faces.engine_bench import ADDRESS, PATH, Bench

from agentgate_proto.faces.engineio.engine import Engine
from agentgate_proto.faces.engineio.events import (
    Accept,
    Belongs,
    Ended,
    Ending,
    Opened,
    Refuse,
    Respond,
    SendMessage,
)

BUSY = (503, '{"code":4,"message":"Too many sessions; try again later"}')


def fault(code: int, message: str) -> tuple[int, str]:
    return 400, f'{{"code":{code},"message":"{message}"}}'


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        ("/engine.io/", 0, "Transport unknown"),
        ("/engine.io/?EIO=4", 0, "Transport unknown"),
        ("/engine.io/?EIO=4&transport=abc", 0, "Transport unknown"),
        ("/engine.io/?EIO=4&transport=websocket", 3, "Bad request"),
        ("/engine.io/?" + "a=1&" * 65, 3, "Bad request"),
        ("/engine.io/?transport=polling", 5, "Unsupported protocol version"),
        ("/engine.io/?EIO=3&transport=polling", 5, "Unsupported protocol version"),
        ("/engine.io/?EIO=abc&transport=polling", 5, "Unsupported protocol version"),
        ("/engine.io/?EIO=4&transport=polling&sid=none", 1, "Session ID unknown"),
        ("/engine.io/?EIO=4&transport=polling&sid=", 1, "Session ID unknown"),
    ],
)
def test_a_request_that_can_begin_nothing_is_refused_as_the_protocol_says(
    target: str, code: int, message: str
) -> None:
    at = Bench()
    connection = at.get(target=target)
    (answer,) = at.effects()
    assert isinstance(answer, Respond)
    assert answer.connection == connection
    assert (answer.status, answer.body.decode()) == fault(code, message)
    assert answer.content_type == "application/json"
    assert at.events() == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD"])
def test_a_session_begins_by_get_alone(method: str) -> None:
    at = Bench()
    assert at.answers_to(at.request(method)) == [fault(2, "Bad handshake method")]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD"])
def test_a_session_knows_get_and_post_alone(method: str) -> None:
    at = Bench()
    sid = at.polling()
    assert at.answers_to(at.request(method, sid)) == [fault(3, "Bad request")]
    at.send(1, "a")
    assert at.answers_to(at.get(sid)) == [(200, "4a")]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (f"{PATH}polling", "Bad request"),
        (f"{PATH}abc", "Transport unknown"),
        (f"{PATH}websocket&sid=none", "Session ID unknown"),
        ("/engine.io/?transport=websocket", "Unsupported protocol version"),
        ("/engine.io/?EIO=3&transport=websocket", "Unsupported protocol version"),
    ],
)
def test_a_websocket_that_can_begin_nothing_is_refused(target: str, reason: str) -> None:
    at = Bench()
    connection = at.websocket(target=target)
    assert at.effects() == [Refuse(connection, 400, reason)]
    at.say(connection, "2probe")
    at.lose(connection)
    assert at.effects() == at.events() == []


def test_an_upgrade_that_is_refused_eats_nothing_of_the_queue() -> None:
    """Elsewhere a request with the wrong transport took the messages of the next poll."""
    at = Bench()
    sid = at.polling()
    at.send(1, "a")
    assert at.answers_to(at.get(target=f"{PATH}websocket&sid={sid}"))[0][0] == 400
    at.websocket(target=f"{PATH}polling&sid={sid}")
    assert at.answers_to(at.get(sid)) == [(200, "4a")]


def test_the_query_may_have_its_fields_in_any_order_with_others_among_them() -> None:
    at = Bench()
    at.get(target="/engine.io/?t=abc&transport=polling&EIO=4&b64=1")
    assert at.events() == [Opened(1)]


def test_sessions_do_not_mix() -> None:
    at = Bench()
    one, two = at.polling(), at.polling()
    assert one != two
    at.send(1, "for one")
    at.send(2, "for two")
    assert at.answers_to(at.get(two)) == [(200, "4for two")]
    assert at.answers_to(at.get(one)) == [(200, "4for one")]
    at.post(two, "1")
    assert at.events() == [Ended(2, Ending.CLIENT)]
    at.send(1, "still")
    assert at.answers_to(at.get(one)) == [(200, "4still")]


def test_a_connection_may_serve_one_session_after_the_other() -> None:
    at = Bench()
    one, two = at.polling(), at.polling()
    connection = at.post(one, "4a")
    at.get(two, connection=connection)
    at.lose(connection)
    assert at.events()[-1] == Ended(2, Ending.LOST)
    assert at.engine.count == 1


def test_what_comes_on_a_connection_that_nobody_knows_is_nothing() -> None:
    at = Bench()
    at.say(99, "4x")
    at.lose(99)
    at.engine.heard(99, 1.0)
    assert at.effects() == at.events() == []


# Whose it is


def test_connections_of_a_session_that_is_known_are_told_of() -> None:
    at = Bench()
    sid = at.polling()
    at.get(sid)
    assert at.effects() == []
    at.engine.know(1)
    post = at.post(sid, "4a")
    assert at.effects()[0] == Belongs(post, 1)
    websocket = at.websocket(sid)
    assert at.effects() == [Belongs(websocket, 1), Accept(websocket)]
    at.engine.know(1, is_known=False)
    at.post(sid, "4a")
    assert not any(isinstance(each, Belongs) for each in at.effects())


# Caps


def test_sessions_of_everybody_are_bounded() -> None:
    at = Bench(sessions_max=3)
    for number in range(3):
        at.polling()
        at.engine.know(number + 1)
    assert at.answers_to(at.get()) == [BUSY]
    connection = at.websocket()
    assert at.effects() == [Refuse(connection, 503, "Too many sessions; try again later")]
    at.engine.end(2, Ending.APPLICATION)
    at.drain()
    at.polling()


def test_of_too_many_strangers_the_oldest_gives_way_and_nobody_who_is_known() -> None:
    at = Bench(strangers_max=4, strangers_of_address_max=2)
    at.polling()
    at.engine.know(1)
    at.polling(), at.polling()
    at.get()
    assert pushed_out(at) == [2], "the oldest of that address"
    at.get(address="192.0.2.8"), at.get(address="192.0.2.8")
    assert pushed_out(at) == []
    at.get(address="192.0.2.9")
    assert pushed_out(at) == [3], "the oldest of all"
    at.engine.know(4)
    at.engine.know(4)
    at.get(address="192.0.2.9")
    assert pushed_out(at) == []
    at.websocket(address="192.0.2.9")
    assert pushed_out(at) == [7]
    at.engine.know(1, is_known=False)
    at.get()
    assert pushed_out(at) == [5], "who is known no more is the newest of them"


def test_who_says_at_once_who_they_are_is_not_pushed_out_by_a_flood() -> None:
    at = Bench(strangers_max=64, strangers_of_address_max=8)
    for number in range(1, 201):
        at.get()
        if number % 5 == 0:
            at.get(f"sid{number - 4}")  # a whole round later than it has begun
            at.engine.know(number - 4)
    assert at.engine.count == 40 + 7
    assert {each.ending for each in at.events() if isinstance(each, Ended)} == {Ending.BUSY}


def pushed_out(at: Bench) -> list[int]:
    """Which sessions ended because there were too many, since the last look."""
    found = [each for each in at.events() if isinstance(each, Ended)]
    assert all(each.ending is Ending.BUSY for each in found)
    return [each.session for each in found]


def test_a_session_that_ended_counts_as_nobody_s_whether_it_was_known_or_not() -> None:
    at = Bench(strangers_max=1)
    for is_known in (False, True, False):
        at.polling()
        number = at.engine._numbers
        at.engine.know(number, is_known=is_known)
        at.engine.end(number, Ending.CLIENT)
        at.engine.know(number)
        at.drain()
    assert at.engine.count == 0
    assert (at.engine._strangers, at.engine._strangers_of) == ({}, {})
    assert at.engine._by_sid == {}


def test_all_may_be_ended_at_once() -> None:
    at = Bench()
    sid = at.polling()
    poll = at.get(sid)
    at.on_websocket()
    at.engine.end_all(Ending.RESTART)
    at.drain()
    assert at.answers_to(poll) == [(200, "1")]
    assert at.ended() == ["RESTART", "RESTART"]
    assert at.engine.count == 0


# Alarms


def test_without_sessions_there_is_nothing_to_wait_for() -> None:
    at = Bench()
    assert at.engine.next_deadline() is None
    at.engine.handle_timer(1e9)
    at.on_websocket()
    assert at.engine.next_deadline() == at.now + 25.0
    assert at.engine.next_deadline() == at.now + 25.0


def test_a_deadline_that_was_put_off_is_found_when_it_comes() -> None:
    at = Bench()
    websocket = at.on_websocket()
    at.wait(25.0)
    at.say(websocket, "3")  # the pong was due at 45; the ping is at 50
    at.effects()
    at.wait(20.0)
    assert at.effects() == []
    assert at.engine.next_deadline() == 100.0 + 50.0
    at.wait(5.0)
    assert at.effects() == [SendMessage(websocket, "2")]


def test_a_request_finds_what_is_due_though_nobody_woke_the_engine() -> None:
    at = Bench()
    sid = at.polling()
    at.now += 25.0
    assert at.answers_to(at.get(sid)) == [(200, "2")]
    at.now += 20.0
    assert at.answers_to(at.get(sid)) == [fault(1, "Session ID unknown")]
    assert at.ended() == ["SILENT"]


def test_those_who_must_have_shown_life_are_asked_about() -> None:
    at = Bench()
    silent, lively, quiet = at.on_websocket(), at.on_websocket(), at.polling()
    assert at.engine.overdue(at.now + 100.0) == []
    at.wait(25.0)
    assert at.engine.overdue(at.now + 19.9) == []
    due = at.now + 20.0
    assert sorted(at.engine.overdue(due)) == [silent, lively]
    at.engine.heard(lively, at.now + 1.0)
    at.engine.heard(lively, at.now - 1.0)
    at.engine.handle_timer(due)
    at.drain()
    assert [event.session for event in at.events() if isinstance(event, Ended)] == [1, 3]
    assert at.answers_to(at.get(quiet))[0][0] == 400
    assert at.engine.count == 1


def test_alarms_of_many_sessions_come_in_their_order_and_none_is_left_out() -> None:
    at = Bench(sessions_max=500, strangers_of_address_max=500)
    chance = Random(7)
    begun: dict[int, float] = {}
    ended: dict[int, tuple[float, float]] = {}
    cut = set()
    for number in range(1, 401):
        before = at.now
        at.wait(chance.random() if number <= 300 else 1.0)
        ended |= {event.session: (before, at.now) for event in at.events()}
        if number <= 300:
            at.polling()
            begun[number] = at.now
            if number % 3 == 0:
                at.engine.end(number - 1, Ending.APPLICATION)
                at.drain()
                at.events()
                cut.add(number - 1)
    assert ended.keys() == begun.keys() - cut
    for number, (low, high) in ended.items():
        assert low <= begun[number] + 45.0 <= high
    assert at.engine.count == 0
    assert at.engine.next_deadline() is None


def test_an_id_is_asked_for_once_for_each_session_and_not_for_refusals() -> None:
    made: list[str] = []

    def new_sid() -> str:
        made.append(f"s{len(made)}")
        return made[-1]

    engine = Engine(new_sid)
    engine.request(1, "GET", f"{PATH}polling", b"", ADDRESS, 0.0)
    engine.request(2, "GET", f"{PATH}abc", b"", ADDRESS, 0.0)
    engine.ask_websocket(3, f"{PATH}websocket", ADDRESS, 0.0)
    assert made == ["s0", "s1"]


def test_whose_session_a_request_is_for_is_known_by_its_id_alone() -> None:
    at = Bench()
    sid = at.polling()
    number = at.engine.session_in(f"{PATH}?EIO=4&transport=polling&sid={sid}")
    assert number is not None
    for query in ("", "?sid=none", "?EIO=4", "?sid=%", "?" + "a=1&" * 65 + f"sid={sid}"):
        assert at.engine.session_in(f"{PATH}{query}") is None
