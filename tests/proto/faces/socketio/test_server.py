"""The server: connecting, events, acknowledgements, every end, and what stock clients need."""

from __future__ import annotations

import json

import pytest
from tests.proto.faces.socket_bench import ANN, BOB, SocketBench

from agentgate_proto.errors import LocalProtocolError
from agentgate_proto.faces.engineio.events import Ending, SendMessage
from agentgate_proto.faces.engineio.session import ROOM_BYTES
from agentgate_proto.faces.socketio.events import (
    Answered,
    ConnectAsked,
    Connected,
    Disconnected,
    EventReceived,
    RoomMade,
)
from agentgate_proto.faces.socketio.packets import RESERVED
from agentgate_proto.faces.socketio.server import (
    ASKED_MAX,
    CONNECT_S,
    SOCKETS_OF_PRINCIPAL_MAX,
)

HOLE = '{"_placeholder":true,"num":0}'


# Connecting


@pytest.mark.parametrize(
    ("packet", "namespace", "auth"),
    [
        ("40", "/", {}),
        ('40{"token":"abc"}', "/", {"token": "abc"}),
        ("40/clients,", "/clients", {}),
        ('40/clients,{"token":"abc"}', "/clients", {"token": "abc"}),
    ],
)
def test_who_wants_to_connect_is_told_of_and_let_in(
    packet: str, namespace: str, auth: dict[str, str]
) -> None:
    at = SocketBench(principal=None)
    connection = at.on_websocket()
    at.say(connection, packet)
    assert at.asked == [
        ConnectAsked(socket=1, namespace=namespace, auth=auth, connection=connection)
    ]
    assert at.effects() == []
    at.server.accept(1, ANN)
    at.drain()
    (frame,) = at.frames()
    prefix = "0" if namespace == "/" else f"0{namespace},"
    assert isinstance(frame, str)
    assert frame.startswith(prefix)
    assert json.loads(frame.removeprefix(prefix)) == {"sid": "socket1"}  # and no pid: no recovery
    assert at.events_said() == [Connected(socket=1, namespace=namespace, principal=ANN, auth=auth)]


def test_who_is_refused_is_told_so_in_words_and_may_try_again() -> None:
    at = SocketBench(principal=None)
    connection = at.on_websocket()
    at.say(connection, "40/clients,")
    at.server.refuse(1)
    at.drain()
    assert at.frames() == ['4/clients,{"message":"Unauthorized"}']
    at.say(connection, '40/clients,{"token":"better"}')
    at.server.accept(2, ANN)
    at.drain()
    assert at.frames() == ['0/clients,{"sid":"socket1"}']


def test_a_namespace_that_there_is_not_is_refused_without_asking() -> None:
    at = SocketBench()
    connection = at.on_websocket()
    at.say(connection, "40/random")
    assert at.frames() == ['4/random,{"message":"Invalid namespace"}']
    assert at.events_said() == []
    at.say(connection, "40")
    assert at.frames() == ['0{"sid":"socket1"}']


def test_a_client_may_be_in_several_namespaces_which_do_not_mix() -> None:
    at = SocketBench()
    connection = at.joined("/")
    at.say(connection, "40/clients,", '42["a"]', '42/clients,["b"]')
    at.server.emit(1, "x")
    at.server.emit(2, "y")
    at.drain()
    assert at.frames() == ['0/clients,{"sid":"socket2"}', '2["x"]', '2/clients,["y"]']
    heard = [each for each in at.events_said() if isinstance(each, EventReceived)]
    assert [(each.socket, each.name) for each in heard] == [(1, "a"), (2, "b")]


def test_what_an_application_sends_when_it_hears_of_a_client_comes_after_the_answer() -> None:
    """Elsewhere what was sent in ``connect`` overtook the answer to CONNECT."""
    at = SocketBench()
    connection = at.on_websocket()
    at.say(connection, "40")
    at.server.emit(1, "hello")
    at.drain()
    assert at.frames() == ['0{"sid":"socket1"}', '2["hello"]']


def test_nothing_may_be_sent_before_a_client_was_let_in() -> None:
    at = SocketBench(principal=None)
    at.say(at.on_websocket(), "40")
    with pytest.raises(LocalProtocolError):
        at.server.emit(1, "early")
    with pytest.raises(LocalProtocolError):
        at.server.ask(1, "early")
    with pytest.raises(LocalProtocolError):
        at.server.answer(1, 0)
    at.server.accept(1, ANN)
    with pytest.raises(LocalProtocolError):
        at.server.accept(1, BOB)


def test_who_has_gone_is_neither_let_in_nor_refused() -> None:
    at = SocketBench(principal=None)
    connection = at.on_websocket()
    at.say(connection, "40")
    at.lose(connection)
    at.server.accept(1, ANN)
    at.server.refuse(1)
    at.drain()
    assert at.effects() == at.events_said() == []
    assert at.server.session_of(1) is None


@pytest.mark.parametrize("principal", [ANN, None])
def test_connecting_twice_to_one_namespace_ends_the_session(principal: object) -> None:
    at = SocketBench(principal=ANN if principal else None)
    connection = at.on_websocket()
    at.say(connection, "40", "40")
    assert at.hung_up() == [1002]


def test_whoever_connects_to_nothing_is_sent_away() -> None:
    at = SocketBench(ping_interval_s=100.0)
    at.on_websocket()
    at.wait(CONNECT_S - 0.001)
    assert at.hung_up() == []
    at.wait(0.001)
    assert at.hung_up() == [1008]
    assert at.ended() == ["NO_CONNECT"]
    assert at.server.next_deadline() is None


def test_whoever_is_refused_or_leaves_is_sent_away_as_well_but_nobody_who_is_in() -> None:
    at = SocketBench(principal=None, ping_interval_s=100.0)
    refused, stays, leaves = (at.on_websocket() for _ in range(3))
    for connection in (refused, stays, leaves):
        at.say(connection, "40")
    at.server.refuse(1)
    at.server.accept(2, ANN)
    at.server.accept(3, ANN)
    at.drain()
    at.wait(5.0)
    at.say(leaves, "41")
    at.effects()
    at.wait(5.0)
    assert at.ended() == ["NO_CONNECT"]
    at.wait(5.0)
    assert at.ended() == ["NO_CONNECT"]
    at.wait(80.0)
    assert at.engine.count == 1


def test_of_one_principal_there_are_only_so_many_sockets() -> None:
    at = SocketBench(strangers_of_address_max=1)
    first = at.joined()
    for _ in range(SOCKETS_OF_PRINCIPAL_MAX - 1):
        at.joined()
    at.say(at.on_websocket(), "40")
    assert at.hung_up() == [1013]  # and not refused: then it would not come back
    at.principal = BOB
    at.say(at.on_websocket(), "40")
    assert at.hung_up() == []
    at.principal = ANN
    at.lose(first)
    at.events_said()
    at.say(at.on_websocket(), "40")
    assert at.hung_up() == []
    assert isinstance(at.events_said()[0], Connected)


def test_whoever_left_counts_as_a_stranger_again() -> None:
    at = SocketBench(strangers_max=1)
    connection = at.joined()
    at.joined()
    at.say(connection, "41")
    at.get()
    assert at.answers() != {}
    assert len(at.engine._strangers) == 1


# Events


@pytest.mark.parametrize("way", ["websocket", "polling"])
def test_events_come_with_their_arguments_and_bytes_among_them(way: str) -> None:
    at = SocketBench()
    messages = ["0", '2["a",1,"2",{"3":[true]}]', f'51-7["b",{HOLE}]', b"\x01\x02", '20["c"]']
    if way == "websocket":
        connection = at.on_websocket()
        at.say(connection, *(f"4{m}" if isinstance(m, str) else m for m in messages))
    else:
        sid = at.polling()
        at.post(sid, '40\x1e42["a",1,"2",{"3":[true]}]\x1e451-7["b",' + HOLE + "]")
        at.post(sid, 'bAQI=\x1e420["c"]')
    assert at.events_said()[1:] == [
        EventReceived(socket=1, name="a", args=[1, "2", {"3": [True]}], ack=None),
        EventReceived(socket=1, name="b", args=[b"\x01\x02"], ack=7),
        EventReceived(socket=1, name="c", args=[], ack=0),
    ]


def test_an_event_is_sent_to_one_or_to_many_and_to_nobody_who_has_gone() -> None:
    at = SocketBench()
    one, two, three = at.joined(), at.joined("/clients"), at.joined()
    at.server.emit(1, "to one", {"a": [1]})
    at.lose(one)
    at.server.emit([1, 2, 3, 99], "to all", b"\x01")
    at.server.emit(1, "to nobody")
    at.drain()
    effects = [each for each in at.effects() if isinstance(each, SendMessage)]
    sent = [(each.connection, each.data) for each in effects]
    assert sent == [
        (one, '42["to one",{"a":[1]}]'),
        (two, f'451-/clients,["to all",{HOLE}]'),
        (two, b"\x01"),
        (three, f'451-["to all",{HOLE}]'),
        (three, b"\x01"),
    ]


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_no_event_is_sent_by_a_name_that_means_something_else(name: str) -> None:
    at = SocketBench()
    at.joined()
    with pytest.raises(LocalProtocolError, match="reserved"):
        at.server.emit(1, name)
    with pytest.raises(LocalProtocolError, match="reserved"):
        at.server.ask(1, name)


def test_an_application_is_told_when_it_should_wait_and_when_to_go_on() -> None:
    at = SocketBench(principal=None)
    connection = at.on_websocket()
    at.say(connection, "40", "40/clients,")
    at.server.accept(1, ANN)
    at.drain()
    assert at.server.has_room(1)
    at.server.emit(1, "much", "x" * ROOM_BYTES)
    assert not at.server.has_room(1)
    assert at.server.has_room(99)
    at.drain()
    at.events_said()
    at.engine.made_room(connection)
    at.drain()
    assert at.events_said() == [RoomMade(socket=1)]
    assert at.server.has_room(1)


# Acknowledgements


def test_a_client_is_answered_where_it_asked() -> None:
    at = SocketBench()
    connection = at.joined("/clients")
    at.say(connection, '42/clients,456["ask",1]')
    (event,) = at.events_said()
    assert isinstance(event, EventReceived)
    assert event.ack == 456
    at.server.answer(1, 456, 1, "2", {"3": [False]})
    at.server.answer(1, 457, b"\x01")
    at.server.answer(99, 1)
    at.drain()
    assert at.frames() == [
        '3/clients,456[1,"2",{"3":[false]}]',
        f"61-/clients,457[{HOLE}]",
        b"\x01",
    ]


def test_a_client_answers_what_it_was_asked_once() -> None:
    at = SocketBench()
    connection = at.joined()
    assert at.server.ask(1, "who", "are you") == 0
    assert at.server.ask(1, "again") == 1
    at.drain()
    assert at.frames() == ['20["who","are you"]', '21["again"]']
    at.say(connection, '431["me"]', '431["me"]', '430["I"]', '437["?"]')
    at.say(connection, f"461-0[{HOLE}]", b"\x01")
    assert at.events_said() == [
        Answered(socket=1, ack=1, args=["me"]),
        Answered(socket=1, ack=0, args=["I"]),
    ]
    assert at.server.ask(99, "nobody") == 0


def test_a_client_that_never_answers_is_a_slow_one() -> None:
    at = SocketBench()
    at.joined()
    for _ in range(ASKED_MAX):
        at.server.ask(1, "hm")
    at.drain()
    assert at.hung_up() == []
    at.server.ask(1, "hm")
    at.drain()
    assert at.hung_up() == [1013]


# The end


def test_a_client_leaves_a_namespace_and_stays_in_others() -> None:
    at = SocketBench()
    connection = at.joined()
    at.say(connection, "40/clients,", "41/clients,", '42["still here"]')
    assert at.events_said()[1:] == [
        Disconnected(socket=2, reason="the client disconnected"),
        EventReceived(socket=1, name="still here", args=[], ack=None),
    ]
    at.server.emit(2, "to nobody")
    at.drain()
    assert at.frames() == ['0/clients,{"sid":"socket2"}']
    at.say(connection, "40/clients,")
    assert isinstance(at.events_said()[0], Connected)


@pytest.mark.parametrize(
    "packet",
    ["4abc", "42{}", '42abc["a"]', '42/clients,["a"]', "43/clients,1[]", "41/clients,", "44{}"],
)
def test_a_bad_packet_or_one_for_where_the_client_is_not_ends_the_session(packet: str) -> None:
    at = SocketBench()
    connection = at.joined()
    at.say(connection, '42["before"]', packet, '42["after"]')
    assert at.hung_up() == [1002]
    assert at.events_said() == [
        EventReceived(socket=1, name="before", args=[], ack=None),
        Disconnected(socket=1, reason="a packet that is none"),
    ]


def test_nothing_that_came_after_a_bad_packet_in_one_body_counts() -> None:
    at = SocketBench()
    sid = at.polling()
    at.post(sid, '40\x1e42["before"]\x1e4abc\x1e42["after"]')
    names = [each.name for each in at.events_said() if isinstance(each, EventReceived)]
    assert names == ["before"]
    assert at.ended() == ["BAD_PACKET"]


def test_an_event_before_the_client_was_let_in_ends_the_session() -> None:
    at = SocketBench(principal=None)
    at.say(at.on_websocket(), "40", '42["early"]')
    assert at.hung_up() == [1002]


def test_what_a_client_said_before_it_closed_is_heard() -> None:
    at = SocketBench()
    sid = at.polling()
    at.post(sid, '40\x1e42["last"]\x1e1')
    assert [type(each).__name__ for each in at.events_said()] == [
        *("Connected", "EventReceived", "Disconnected")
    ]


@pytest.mark.parametrize("ending", [Ending.APPLICATION, Ending.SLOW, Ending.REVOKED])
def test_an_application_ends_a_transport_and_sends_no_disconnect(ending: Ending) -> None:
    """A stock client that is disconnected by a packet never comes back."""
    at = SocketBench()
    connection = at.joined()
    at.say(connection, "40/clients,")
    at.effects(), at.events_said()
    at.server.close(2, ending)
    at.server.close(99)
    at.drain()
    effects = at.effects()
    assert [type(each).__name__ for each in effects] == ["HangUp"]
    assert at.events_said() == [
        Disconnected(socket=1, reason=ending.value),
        Disconnected(socket=2, reason=ending.value),
    ]
    at.say(connection, '42["after"]')
    assert at.events_said() == []


def test_what_comes_with_the_end_of_a_session_is_not_heard_after_it() -> None:
    at = SocketBench()
    connection = at.joined()
    at.engine.message(connection, '42["one"]', at.now)
    at.engine.message(connection, '42["two"]', at.now)
    event = at.engine.next_event()
    assert event is not None
    at.server.handle(event, at.now)
    at.server.close(1)
    at.drain()
    names = [each.name for each in at.events_said() if isinstance(each, EventReceived)]
    assert names == ["one"]


def test_every_reconnect_is_a_new_socket_with_nothing_of_the_old_one() -> None:
    at = SocketBench()
    one = at.joined()
    at.server.ask(1, "who")
    at.lose(one)
    two = at.joined()
    at.say(two, '430["late"]')
    assert at.events_said() == []
    assert at.server.session_of(1) is None
    assert at.server.session_of(2) == 2
