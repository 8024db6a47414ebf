"""WebSocket and its handshake: vectors whole, cut anywhere, with more behind; both ends joined."""

from __future__ import annotations

import tracemalloc
from random import Random

import pytest
from tests.proto.support import (
    CLOSE,
    CONTINUATION,
    MASKS,
    PING,
    PONG,
    TEXT,
    cuts,
    frame,
    frames_in,
    from_client,
)
from tests.proto.wires import LIMITS, client, open_client, open_end, open_server, server
from tests.vectors.websocket import (
    ACCEPT,
    BAD,
    BAD_ANSWERS,
    BAD_UPGRADES,
    GOOD,
    GOOD_UPGRADES,
    answered,
    upgrade,
)

from agentgate_proto.errors import (
    ConnectionClosedError,
    LocalProtocolError,
)
from agentgate_proto.limits import Limits
from agentgate_proto.websocket import ClientWire
from agentgate_proto.wire_events import Alive, Close, HttpRequest, Pong, Rejected, Text, Upgraded

ENDS = pytest.mark.parametrize("end", ["server", "client"])


# Frames


@ENDS
@pytest.mark.parametrize("name", GOOD)
def test_good_frames_are_understood_however_they_arrive(name: str, end: str) -> None:
    stream, events, answers = GOOD[name]
    data = stream(open_end(end)[1])
    for pieces in cuts(data):
        seen = open_end(end)[0].receive(*pieces)
        assert seen.failed is None
        assert seen.events == events
        assert frames_in(seen.sent) == answers


@ENDS
@pytest.mark.parametrize("name", GOOD)
def test_the_beginning_of_another_frame_changes_nothing(name: str, end: str) -> None:
    stream, events, answers = GOOD[name]
    seen, mask = open_end(end)
    seen.receive(stream(mask) + frame(PING, b"next", mask=mask)[:-1])
    assert (seen.events, frames_in(seen.sent)) == (events, answers)


@ENDS
@pytest.mark.parametrize("name", BAD)
def test_bad_frames_end_the_connection_with_their_code_however_they_arrive(
    name: str, end: str
) -> None:
    stream, code = BAD[name]
    reasons = set()
    for pieces in cuts(stream(open_end(end)[1])):
        seen = open_end(end)[0].receive(*pieces)
        assert seen.code == code
        assert type(seen.code) is int
        assert seen.failed is not None
        reasons.add(seen.failed.reason)
    assert len(reasons) == 1
    assert all(reasons)


@ENDS
@pytest.mark.parametrize("name", BAD)
def test_after_bad_frames_nothing_is_taken_and_only_a_close_can_be_sent(
    name: str, end: str
) -> None:
    seen, mask = open_end(end)
    seen.receive(BAD[name][0](mask)).forget()
    seen.receive(frame(TEXT, b"more", mask=mask), frame(PING, b"?", mask=mask))
    assert (seen.events, seen.sent) == ([], b"")
    seen.wire.send_close(seen.code, "bad")
    assert frames_in(seen.wire.data_to_send()) == [(CLOSE, seen.code.to_bytes(2) + b"bad")]


def test_a_client_must_mask_and_a_server_must_not() -> None:
    assert open_server().receive(frame(TEXT, b"Hello")).code == 1002
    assert open_client().receive(from_client(TEXT, b"Hello")).code == 1002


def test_the_frames_of_rfc_6455_section_5_7_are_understood() -> None:
    hello = [Text("Hello")]
    assert open_client().receive(bytes.fromhex("810548656c6c6f")).events == hello
    assert open_server().receive(bytes.fromhex("818537fa213d7f9f4d5158")).events == hello
    assert open_client().receive(bytes.fromhex("010348656c80026c6f")).events == hello
    pinged = open_client().receive(bytes.fromhex("890548656c6c6f"))
    assert frames_in(pinged.sent) == [(PONG, b"Hello")]
    assert open_server().receive(bytes.fromhex("8a8537fa213d7f9f4d5158")).events == [Pong(b"Hello")]


@ENDS
def test_nothing_received_is_not_the_end_of_the_input(end: str) -> None:
    seen, mask = open_end(end)
    data = frame(TEXT, b"Hello", mask=mask)
    seen.receive(b"", data[:3], b"", data[3:], b"")
    assert seen.events == [Text("Hello")]


def test_a_part_of_a_message_is_a_sign_of_life() -> None:
    wire = open_server().wire
    wire.receive_data(from_client(TEXT, b"Hello")[:-1])
    assert wire.next_event() == Alive()
    assert wire.next_event() is None


@ENDS
@pytest.mark.parametrize("length", [125, 126, 65_535, 65_536, 1_048_576])
def test_messages_of_every_form_of_length_come_whole(end: str, length: int) -> None:
    seen, mask = open_end(end, Limits(message_bytes_max=1_048_576))
    data = frame(TEXT, b"x" * length, mask=mask)
    seen.receive(*(data[at : at + 65_536] for at in range(0, len(data), 65_536)))
    assert seen.events == [Text("x" * length)]


@ENDS
def test_a_large_read_is_not_kept_when_all_of_it_has_been_looked_at(end: str) -> None:
    seen, mask = open_end(end)
    tracemalloc.start()
    try:
        data = frame(PONG, b"x" * 100, mask=mask) * 1_000
        size = len(data)
        seen.receive(data).forget()
        del data
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < size / 2


# Sending and closing


@ENDS
@pytest.mark.parametrize("text", ["", "Hello", "\u20ac", "x" * 70_000])
def test_a_text_is_sent_as_one_frame(end: str, text: str) -> None:
    wire = open_end(end)[0].wire
    wire.send_text(text.encode())
    assert frames_in(wire.data_to_send()) == [(TEXT, text.encode())]
    assert wire.data_to_send() == b""


def test_output_leaves_in_the_order_in_which_it_was_made() -> None:
    wire = open_server().wire
    wire.send_text(b"one")
    wire.receive_data(from_client(PING, b"two"))
    wire.next_event()
    wire.send_ping(b"three")
    wire.send_close(1012, "four")
    sent = frames_in(wire.data_to_send())
    assert sent == [(TEXT, b"one"), (PONG, b"two"), (PING, b"three"), (CLOSE, b"\x03\xf4four")]


@ENDS
def test_after_our_close_the_peer_may_finish_and_its_pings_are_not_answered(end: str) -> None:
    seen, mask = open_end(end)
    seen.wire.send_close(1000, "bye")
    seen.wire.data_to_send()
    seen.receive(frame(TEXT, b"last", mask=mask), frame(PING, b"?", mask=mask))
    seen.receive(frame(CLOSE, b"\x03\xe8", mask=mask))
    assert seen.events == [Text("last"), Close(1000, "")]
    assert seen.sent == b""


@ENDS
def test_a_bad_frame_after_our_close_is_still_an_error(end: str) -> None:
    seen, mask = open_end(end)
    seen.wire.send_close(1000, "")
    assert seen.receive(frame(CONTINUATION, b"x", mask=mask)).code == 1002


@ENDS
@pytest.mark.parametrize("by_peer", [True, False])
def test_after_a_close_nothing_can_be_sent_and_the_error_quotes_no_message(
    end: str, by_peer: bool
) -> None:
    seen, mask = open_end(end)
    if by_peer:
        seen.receive(frame(CLOSE, b"\x03\xe8", mask=mask))
    else:
        seen.wire.send_close(1000, "")
        seen.wire.data_to_send()
    state = "closed" if by_peer else "local_closing"
    with pytest.raises(ConnectionClosedError) as caught:
        seen.wire.send_text(b"s3cret")
    assert str(caught.value) == f"the WebSocket is {state}"
    with pytest.raises(ConnectionClosedError):
        seen.wire.send_ping(b"?")
    with pytest.raises(ConnectionClosedError):
        seen.wire.send_close(1000, "again")
    assert seen.wire.data_to_send() == b""


def test_a_long_reason_is_cut_between_characters() -> None:
    wire = open_server().wire
    wire.send_close(4401, "\u20ac" * 100)
    assert frames_in(wire.data_to_send()) == [(CLOSE, (4401).to_bytes(2) + b"\xe2\x82\xac" * 41)]


def test_a_code_that_must_not_travel_is_sent_as_1000() -> None:
    wire = open_server().wire
    wire.send_close(1006, "")
    assert frames_in(wire.data_to_send()) == [(CLOSE, b"\x03\xe8")]


def test_nothing_can_be_sent_before_the_handshake() -> None:
    for wire in (server().wire, client()[0].wire):
        with pytest.raises(ConnectionClosedError, match="the WebSocket is connecting"):
            wire.send_text(b"early")


def test_a_client_masks_each_frame_with_the_next_key() -> None:
    seen = open_client()
    keys = Random(7)
    seen.wire._masks = Random(7)
    for size in (0, 1, 125, 126, 65_535, 65_536):
        seen.forget().wire.send_text(b"x" * size)
        key = keys.randbytes(4)
        assert seen.wire.data_to_send() == frame(TEXT, b"x" * size, mask=key)
    seen.wire.send_ping(b"?")
    seen.receive(frame(PING, b"!"))
    expected = frame(PING, b"?", mask=keys.randbytes(4)) + frame(PONG, b"!", mask=keys.randbytes(4))
    assert seen.sent == expected


# The server's handshake


@pytest.mark.parametrize("name", GOOD_UPGRADES)
def test_a_good_upgrade_request_opens_the_websocket(name: str) -> None:
    seen = server().receive(GOOD_UPGRADES[name])
    assert (seen.events, seen.failed) == ([Upgraded()], None)
    assert seen.sent.startswith(b"HTTP/1.1 101 ")
    assert b"Sec-WebSocket-Accept: " + ACCEPT in seen.sent


def test_an_upgrade_request_may_arrive_in_any_pieces_and_with_frames_behind_it() -> None:
    data = upgrade(sec_websocket_extensions="permessage-deflate") + from_client(TEXT, b"Hello")
    for pieces in cuts(data):
        assert server().receive(*pieces).events == [Upgraded(), Text("Hello")]


@pytest.mark.parametrize("name", ["with compression", "with subprotocols"])
def test_what_is_offered_is_declined_by_saying_nothing(name: str) -> None:
    seen = server().receive(GOOD_UPGRADES[name])
    assert b"extensions" not in seen.sent.lower()
    assert b"protocol:" not in seen.sent.lower()


@pytest.mark.parametrize("name", BAD_UPGRADES)
def test_a_bad_upgrade_request_is_answered_with_its_status(name: str) -> None:
    data, status = BAD_UPGRADES[name]
    for pieces in ([data], [data[:20], data[20:]], [data[:-1], data[-1:]]):
        seen = server().receive(*pieces)
        assert seen.events == []
        assert seen.sent.startswith(b"HTTP/1.1 %d " % status)
        assert seen.sent.count(b"HTTP/1.1 ") == 1
        assert f"HTTP {status}: " in str(seen.failed)
        assert seen.wire.upgraded is False


@pytest.mark.parametrize("name", BAD_UPGRADES)
def test_after_a_refused_handshake_nothing_is_taken(name: str) -> None:
    seen = server().receive(BAD_UPGRADES[name][0]).forget()
    seen.receive(from_client(TEXT, b"Hello"), upgrade())
    assert (seen.events, seen.sent) == ([], b"")


def test_a_client_of_another_version_is_told_which_one_is_spoken() -> None:
    sent = server().receive(BAD_UPGRADES["another version"][0]).sent.lower()
    assert b"sec-websocket-version: 13" in sent
    assert b"upgrade: websocket" in sent
    assert b"connection: close" in sent


def test_plain_http_is_served_until_a_request_asks_for_the_upgrade() -> None:
    seen = server().receive(b"POST /a HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\nhi")
    headers = {"host": "g", "content-length": "2"}
    assert seen.events == [HttpRequest("POST", "/a", headers, b"hi")]
    seen.wire.send_http(200, b"{}", "application/json", {"x-a": "b"})
    assert b"x-a: b" in seen.wire.data_to_send()
    assert seen.forget().receive(upgrade()).events == [Upgraded()]


def test_an_upgrade_waits_for_the_answer_to_the_request_before_it() -> None:
    seen = server().receive(b"GET /a HTTP/1.1\r\nHost: g\r\n\r\n" + upgrade())
    assert len(seen.events) == 1
    assert seen.sent == b""
    seen.wire.send_http(200, b"first", "text/plain")
    seen.forget().receive(from_client(TEXT, b"Hello"))
    assert seen.events == [Upgraded(), Text("Hello")]
    assert 0 < seen.sent.index(b"first") < seen.sent.index(b"HTTP/1.1 101 ")


def test_an_http_answer_without_a_request_is_our_own_error() -> None:
    for seen in (server(), open_server()):
        with pytest.raises(LocalProtocolError, match="no request to answer"):
            seen.wire.send_http(200, b"what", "text/plain")
        assert seen.wire.data_to_send() == b""


# The client's handshake


def test_a_client_asks_for_the_upgrade_at_once() -> None:
    wire = ClientWire(
        "b\u00fccher.example:8443", "/p?q", [("Authorization", "Basic x")], LIMITS, MASKS
    )
    request = wire.data_to_send()
    assert request.startswith(b"GET /p?q HTTP/1.1\r\n")
    for line in (
        b"Host: xn--bcher-kva.example:8443",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Version: 13",
        b"Authorization: Basic x",
    ):
        assert line in request.split(b"\r\n")
    assert b"extensions" not in request.lower()


@pytest.mark.parametrize(
    ("host", "target", "headers"),
    [
        ("x" * 64, "/", []),
        ("a..b", "/", []),
        ("gate\r\nx", "/", []),
        ("gate", "/\u00e4", []),
        ("gate", "/a b", []),
        ("gate", "/", [("X\u00e4", "1")]),
        ("gate", "/", [("X", "\u20ac")]),
        ("gate", "/", [("X", "a\r\nY: b")]),
        ("gate", "/", [("Host", "other")]),
    ],
)
def test_what_cannot_be_sent_as_a_request_is_our_own_error(
    host: str, target: str, headers: list[tuple[str, str]]
) -> None:
    with pytest.raises(LocalProtocolError, match="no request can be made of this"):
        ClientWire(host, target, headers, LIMITS, MASKS)


def test_a_good_answer_may_arrive_in_any_pieces_and_with_frames_behind_it() -> None:
    behind = frame(TEXT, b"Hello") + frame(PING, b"?")
    _, example = client()
    for at in range(len(cuts_of(example + behind))):
        seen, answer = client()
        seen.receive(*cuts_of(answer + behind)[at])
        assert seen.events == [Upgraded(), Text("Hello")]
        assert frames_in(seen.sent) == [(PONG, b"?")]


def cuts_of(data: bytes) -> list[list[bytes]]:
    return list(cuts(data))


@pytest.mark.parametrize("interim", [b"100 Continue", b"103 Early Hints"])
def test_an_interim_answer_is_waited_out(interim: bytes) -> None:
    seen, answer = client()
    seen.receive(b"HTTP/1.1 " + interim + b"\r\nLink: </x>\r\n\r\n")
    assert (seen.events, seen.failed) == ([], None)
    assert seen.receive(answer + frame(TEXT, b"Hello")).events == [Upgraded(), Text("Hello")]
    seen, answer = client()
    seen.receive(b"HTTP/1.1 " + interim + b"\r\n\r\n" + answer)
    assert seen.events == [Upgraded()]


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_a_bad_answer_is_reported_once_with_its_status(name: str) -> None:
    data, status = BAD_ANSWERS[name]
    for pieces in ([data], [data[:10], data[10:]], [data[at : at + 1] for at in range(len(data))]):
        seen, answer = client()
        seen.receive(*pieces)
        assert [type(event) for event in seen.events] == [Rejected]
        rejected = seen.events[0]
        assert isinstance(rejected, Rejected)
        assert rejected.status == status
        assert "handshake" in rejected.reason or "without an upgrade" in rejected.reason
        seen.forget().receive(answer, frame(TEXT, b"Hello"))
        assert (seen.events, seen.sent, seen.failed) == ([], b"", None)


def test_data_that_arrives_before_a_bad_answer_was_noticed_does_not_hide_it() -> None:
    seen, answer = client()
    seen.wire.receive_data(b"\x00nonsense")
    seen.wire.receive_data(b"more nonsense")
    seen.receive(answer)
    assert [type(event) for event in seen.events] == [Rejected]


@pytest.mark.parametrize(
    "line", [b"Sec-WebSocket-Extensions: permessage-deflate", b"Sec-WebSocket-Protocol: chat"]
)
def test_an_answer_that_agrees_to_what_was_not_offered_is_refused(line: bytes) -> None:
    seen, answer = client()
    seen.receive(answer.removesuffix(b"\r\n") + line + b"\r\n\r\n")
    assert [type(event) for event in seen.events] == [Rejected]


def test_a_rejection_hides_its_body() -> None:
    seen, _ = client()
    seen.receive(answered(b"502 Bad Gateway", body=b"x" * 100_000))
    assert seen.events == [Rejected(502, "the server answered without an upgrade")]
