"""Streamed answers, and what may not be said in an answer, be it whole or streamed."""

from __future__ import annotations

from itertools import pairwise

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.http_peer import Peer
from tests.proto.support import quick
from tests.vectors.http1 import BODY_MAX, HEAD_MAX, chunked, get, post, sized

from agentgate_proto.errors import LocalProtocolError, RemoteProtocolError

STREAM = "text/event-stream"


def asked(request: bytes = get()) -> Peer:
    """A server that has a request to answer."""
    peer = Peer()
    peer.http.receive_data(request)
    assert peer.http.next_request() is not None
    return peer


def streaming(request: bytes = get()) -> Peer:
    peer = asked(request)
    peer.http.start_response(200, STREAM)
    return peer


def as_read(out: bytes, method: str = "GET") -> tuple[h11.Response, bytes, bool]:
    """The answer as a client reads it: head, body, and whether it was whole."""
    reader = h11.Connection(h11.CLIENT)
    reader.send(h11.Request(method=method, target="/", headers=[("Host", "g")]))
    reader.send(h11.EndOfMessage())
    reader.receive_data(out)
    response = reader.next_event()
    assert isinstance(response, h11.Response)
    body = b""
    while isinstance(event := reader.next_event(), h11.Data):
        body += bytes(event.data)
    return response, body, isinstance(event, h11.EndOfMessage)


def test_a_stream_is_sent_part_by_part_and_has_an_end() -> None:
    peer = streaming()
    assert peer.http.streams
    head = bytes(peer.out).lower()
    for line in (b"content-type: text/event-stream", b"transfer-encoding: chunked", b"no-store"):
        assert line in head
    peer.http.send_body(b"data: 1\n\n")
    peer.http.send_body(b"")
    assert as_read(bytes(peer.out))[1:] == (b"data: 1\n\n", False)
    peer.http.send_body(b"0\r\n\r\n")
    peer.http.end_response()
    assert as_read(bytes(peer.out))[1:] == (b"data: 1\n\n0\r\n\r\n", True)
    assert not peer.http.streams
    assert not peer.http.finished


@quick
@given(parts=st.lists(st.binary(max_size=30), max_size=8), follows=st.booleans())
def test_whatever_is_streamed_arrives_and_the_next_request_is_served(
    parts: list[bytes], follows: bool
) -> None:
    peer = streaming(get() + (sized(b"next") if follows else b""))
    for part in parts:
        peer.http.send_body(part)
    peer.http.end_response()
    assert as_read(bytes(peer.out))[1:] == (b"".join(parts), True)
    request = peer.http.next_request()
    assert (request is not None) is follows
    peer.out.clear()
    peer.answer_all()
    peer.receive([sized(b"last")])
    assert peer.seen == [("POST", "/api", b"last")] if not follows else peer.seen == []


def test_a_stream_to_head_has_a_head_and_nothing_else() -> None:
    peer = streaming(get().replace(b"GET", b"HEAD", 1))
    head, _, body = bytes(peer.out).partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head.lower()
    assert b"connection: close" in head
    assert body == b""
    assert peer.http.finished
    with pytest.raises(LocalProtocolError, match="no streamed answer"):
        peer.http.send_body(b"data: 1\n\n")


@pytest.mark.parametrize("lines", [[], ["Connection: keep-alive"]])
def test_a_stream_of_old_ends_with_the_connection(lines: list[str]) -> None:
    peer = streaming(get(*lines, version="1.0"))
    peer.http.send_body(b"one")
    assert not peer.http.finished
    peer.http.end_response()
    head, _, body = bytes(peer.out).partition(b"\r\n\r\n")
    assert b"chunked" not in head.lower()
    assert b"connection: close" in head.lower()
    assert body == b"one"
    assert peer.http.finished


def test_a_stream_to_a_client_that_wants_to_close_is_the_last() -> None:
    peer = streaming(get("Connection: close") + get())
    peer.http.end_response()
    assert peer.http.finished
    assert peer.http.next_request() is None


def test_during_a_stream_at_most_one_request_more_is_held() -> None:
    peer = streaming()
    said = bytes(peer.out)
    peer.http.receive_data(b"x" * (HEAD_MAX + BODY_MAX))
    assert peer.http.next_request() is None
    peer.http.receive_data(b"x")
    with pytest.raises(RemoteProtocolError, match="during a streamed answer"):
        peer.http.next_request()
    assert bytes(peer.out) == said, "the answer has begun, so no other can follow"


def test_a_request_that_came_during_a_stream_is_served_after_it() -> None:
    peer = streaming(chunked(b"1\r\na\r\n0\r\n\r\n") + get())
    for byte in sized(b"late"):
        peer.http.receive_data(bytes([byte]))
        assert peer.http.next_request() is None
    peer.http.end_response()
    peer.out.clear()
    peer.answer_all()
    assert peer.seen == [("GET", "/health", b""), ("POST", "/api", b"late")]


def test_what_came_behind_a_request_shows_until_that_is_answered() -> None:
    peer = asked()
    assert not peer.http.has_input_behind
    peer.http.receive_data(get()[:5])
    assert peer.http.has_input_behind
    peer.http.respond(200, b"", "text/plain")
    assert not peer.http.has_input_behind


# Misuse


def unchanged(peer: Peer) -> None:
    """Nothing was said, and the request can still be answered."""
    assert bytes(peer.out) == b""
    peer.http.respond(500, b"sorry", "text/plain")
    assert as_read(bytes(peer.out))[1:] == (b"sorry", True)


WRONG_HEADERS = [
    {"x": "a\r\nset-cookie: evil"},
    {"x": "a\nb"},
    {"x": "a\rb"},
    {"x": "a\0b"},
    {"x\r\ny": "a"},
    {"x y": "a"},
    {"": "a"},
    {"ü": "a"},
    {"x": "\ud800"},
    {"content-length": "3"},
    {"Content-Length": "5"},
    {"Transfer-Encoding": "gzip"},
    {"x": " a"},
]


@pytest.mark.parametrize("headers", WRONG_HEADERS)
def test_headers_that_would_change_the_answer_are_our_own_error(headers: dict[str, str]) -> None:
    peer = asked()
    for lines in (headers, list(headers.items())):
        with pytest.raises(LocalProtocolError):
            peer.http.respond(200, b"hello", "text/plain", lines)
        with pytest.raises(LocalProtocolError):
            peer.http.start_response(200, "text/plain", lines)
    unchanged(peer)


@pytest.mark.parametrize("content_type", ["text/plain\r\nx: y", "\ud800", "a\0"])
def test_a_type_that_would_change_the_answer_is_our_own_error(content_type: str) -> None:
    peer = asked()
    with pytest.raises(LocalProtocolError):
        peer.http.respond(200, b"hello", content_type)
    with pytest.raises(LocalProtocolError):
        peer.http.start_response(200, content_type)
    unchanged(peer)


@pytest.mark.parametrize("status", [0, 99, 100, 101, 199, 1_000])
def test_what_is_no_status_of_an_answer_is_our_own_error(status: int) -> None:
    peer = asked()
    with pytest.raises(LocalProtocolError):
        peer.http.respond(status, b"hello", "text/plain")
    with pytest.raises(LocalProtocolError):
        peer.http.start_response(status, "text/plain")
    unchanged(peer)


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_is_given_none(status: int) -> None:
    peer = asked()
    with pytest.raises(LocalProtocolError, match="has no body"):
        peer.http.respond(status, b"hello", "text/plain")
    with pytest.raises(LocalProtocolError, match="has no body"):
        peer.http.start_response(status, "text/plain")
    assert bytes(peer.out) == b""
    peer.http.respond(status, b"", "text/plain", {"etag": '"a"', "cache-control": "no-cache"})
    head, _, body = bytes(peer.out).partition(b"\r\n\r\n")
    assert b"content-length" not in head.lower()
    assert b"cache-control: no-cache" in head.lower()
    assert b"no-store" not in head
    assert body == b""
    peer.receive([get()])
    assert len(peer.seen) == 1


def test_an_answer_without_a_type_has_no_length_and_may_have_no_body() -> None:
    peer = asked()
    peer.http.respond(200, b"", "")
    response, body, is_whole = as_read(bytes(peer.out))
    assert (body, is_whole) == (b"", True)
    assert not any(name == b"content-type" for name, _ in response.headers)


def test_several_headers_of_one_name_all_arrive() -> None:
    peer = asked()
    peer.http.respond(200, b"", "text/plain", [("link", "<a>"), ("link", "<b>")])
    response, _, _ = as_read(bytes(peer.out))
    assert [value for name, value in response.headers if name == b"link"] == [b"<a>", b"<b>"]


def test_where_no_stream_is_under_way_none_can_be_sent_or_ended() -> None:
    idle, whole, over = Peer(), asked(), streaming()
    over.http.end_response()
    for peer in (idle, whole, over):
        said = bytes(peer.out)
        with pytest.raises(LocalProtocolError, match="no streamed answer is under way"):
            peer.http.send_body(b"x")
        with pytest.raises(LocalProtocolError, match="no streamed answer is under way"):
            peer.http.end_response()
        assert bytes(peer.out) == said
    unchanged(whole)


def test_a_stream_can_not_be_begun_or_answered_twice() -> None:
    peer = streaming()
    said = bytes(peer.out)
    with pytest.raises(LocalProtocolError, match="no request to answer"):
        peer.http.respond(200, b"x", "text/plain")
    with pytest.raises(LocalProtocolError, match="no request to answer"):
        peer.http.start_response(200, STREAM)
    assert bytes(peer.out) == said
    with pytest.raises(LocalProtocolError, match="no request to answer"):
        Peer().http.start_response(200, STREAM)


def test_a_refusal_that_is_no_http_changes_nothing() -> None:
    peer = asked()
    with pytest.raises(LocalProtocolError):
        peer.http.refuse(403, "no", [(b"x", b"a\r\nb")])
    with pytest.raises(LocalProtocolError):
        peer.http.refuse(99, "no")
    unchanged(peer)


def test_a_switch_that_is_no_http_changes_nothing() -> None:
    peer = asked(get("Upgrade: other", "Connection: upgrade") + b"rest")
    with pytest.raises(LocalProtocolError):
        peer.http.switch_protocols([(b"x", b"a\r\nb")])
    assert bytes(peer.out) == b""
    assert peer.http.switch_protocols([(b"Upgrade", b"other")]) == b"rest"


# Bodies in chunks


def test_a_flood_of_small_chunks_is_read_in_turns() -> None:
    peer = Peer()
    peer.http.receive_data(chunked(b"1\r\nx\r\n", times=BODY_MAX) + b"0\r\n\r\n" + get())
    turns = 0
    while (request := peer.http.next_request()) is None:
        assert peer.http.goes_on
        turns += 1
    assert request.body == b"x" * BODY_MAX
    assert turns > 10
    assert not peer.http.goes_on
    assert peer.http.next_request() is None
    peer.http.respond(200, b"", "text/plain")
    assert peer.http.next_request() is not None


def test_a_body_in_chunks_that_is_refused_does_not_go_on() -> None:
    peer = Peer().receive([chunked(b"1\r\nx\r\n" * 40 + b"!\r\n")])
    assert peer.refused == "HTTP 400: illegal chunk header"
    assert peer.http.finished
    assert not peer.http.goes_on


@quick
@given(
    chunks=st.lists(st.binary(min_size=1, max_size=30), max_size=8),
    at=st.lists(st.integers(0, 1_000), max_size=12),
    expect=st.booleans(),
)
def test_a_body_in_chunks_and_the_request_behind_it_arrive_in_any_pieces(
    chunks: list[bytes], at: list[int], expect: bool
) -> None:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    lines = ["Transfer-Encoding: chunked", *(["Expect: 100-continue"] if expect else [])]
    data = post(body, *lines) + sized(b"next")
    places = [0, *sorted(place % len(data) for place in at), len(data)]
    peer = Peer().receive([data[start:end] for start, end in pairwise(places)])
    assert peer.seen == [("POST", "/api", b"".join(chunks)), ("POST", "/api", b"next")]
    assert peer.refused is None
