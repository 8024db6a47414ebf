"""The client's end of a WebSocket: its request, the answers to it, and its masks."""

from __future__ import annotations

import re
from random import Random

import pytest
from tests.proto.support import MASKS, PING, PONG, TEXT, cuts, frame, frames_in
from tests.proto.wires import LIMITS, client, open_client, server
from tests.vectors.websocket import BAD_ANSWERS, answered, upgrade

from agentgate_proto.errors import LocalProtocolError
from agentgate_proto.limits import RETRY_AFTER_MAX_S
from agentgate_proto.wire.client import ClientWire
from agentgate_proto.wire.events import Rejected, Text, Upgraded
from agentgate_proto.wire.refusals import BODY_BYTES_MAX, NO_TLS


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


def test_what_a_good_answer_says_besides_is_there_to_be_looked_at() -> None:
    seen, answer = client()
    head, end = answer[:-2], answer[-2:]
    seen.receive(head + b"X-Name: value\r\n" + end)
    assert (b"x-name", b"value") in seen.wire.answer_headers


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
        assert re.search("handshake|without an upgrade|redirects", rejected.reason)
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


def test_a_rejection_waits_for_the_beginning_of_its_body() -> None:
    seen, _ = client()
    head, body = answered(b"502 Bad Gateway", body=b"x" * 100_000).split(b"\r\n\r\n")
    seen.receive(head + b"\r\n\r\n", body[: BODY_BYTES_MAX - 1])
    assert seen.events == []
    seen.receive(body[BODY_BYTES_MAX - 1 :])
    (rejected,) = seen.events
    assert isinstance(rejected, Rejected)
    assert rejected.reason.startswith('the server answered without an upgrade: "xxx')
    assert seen.wire.give_up() is None


def test_what_is_known_of_an_answer_can_be_had_at_any_time_and_once() -> None:
    seen, _ = client()
    assert seen.wire.give_up() is None
    seen.receive(b"HTTP/1.1 502 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    assert seen.events == []
    rejected = seen.wire.give_up()
    assert rejected is not None
    assert (rejected.status, rejected.reason[-5:]) == (502, '"abc"')
    assert seen.wire.give_up() is None
    assert seen.receive(b"0\r\n\r\n").events == []


def test_tls_is_known_by_its_first_two_bytes_however_they_come() -> None:
    for pieces in ([b"\x15\x03\x01\x00\x02"], [b"\x15", b"\x03", b"\x01"], [b"", b"\x16", b"\x03"]):
        seen, _ = client()
        assert seen.receive(*pieces).events == [Rejected(0, NO_TLS, is_final=True)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"Agentgate-Reason: host gate is not known", "host gate is not known"),
        (b"AGENTGATE-REASON: " + b"x" * 500, "x" * 300),
        (b"Agentgate-Reason: \xe4", "\ufffd"),
    ],
)
def test_a_gateway_says_why_it_refuses(line: bytes, reason: str) -> None:
    seen, _ = client()
    seen.receive(answered(b"403 Forbidden", line, body=b"{}")[:-2])
    assert seen.events == [Rejected(403, reason, is_told=True)]


@pytest.mark.parametrize("line", [b"Agentgate-Reason: a\x1b[2J", b"Other: what"])
def test_what_is_no_reason_of_a_gateway_is_not_shown(line: bytes) -> None:
    seen, _ = client()
    seen.receive(answered(b"403 Forbidden", line))
    assert seen.events == [Rejected(403, "the server answered without an upgrade")]


@pytest.mark.parametrize(
    ("line", "pause_s"),
    [
        (b"Retry-After: 7", 7.0),
        (b"RETRY-AFTER: 0", 0.0),
        (b"Retry-After: " + b"9" * 300, RETRY_AFTER_MAX_S),
        (b"Retry-After: -7", 0.0),
        (b"Retry-After: Mon, 30 Nov 2026 08:00:00 GMT", 0.0),
        (b"Other: 7", 0.0),
    ],
)
def test_it_says_when_to_try_again(line: bytes, pause_s: float) -> None:
    seen, _ = client()
    seen.receive(answered(b"503 Service Unavailable", line))
    assert [event.retry_after_s for event in seen.events] == [pause_s]


def test_a_refusal_is_told_to_the_client_of_the_same_make() -> None:
    visitor = server().receive(upgrade(origin="https://evil.example"))
    seen, _ = client()
    seen.receive(visitor.sent)
    text = "origin https://evil.example is not in gateway.allowed_origins"
    assert seen.events == [Rejected(403, text, is_told=True)]


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
