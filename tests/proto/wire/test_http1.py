"""Plain HTTP/1.1 on the gateway's port: vectors whole, cut anywhere, and with more behind."""

from __future__ import annotations

import json

import h11
import pytest
from tests.proto.http_peer import HOUSE, Peer
from tests.proto.support import cuts
from tests.vectors.http1 import (
    ALLOWED,
    AT_DOORS,
    BAD,
    BODY_MAX,
    GOOD,
    HEAD_MAX,
    PAGE,
    ROUTES,
    get,
    post,
    put,
    sized,
)

from agentgate_proto.errors import LocalProtocolError, RemoteProtocolError
from agentgate_proto.wire.http_answers import BUSY_RESPONSE

SHORT_BAD = {name: vector for name, vector in BAD.items() if len(vector[0]) < HEAD_MAX}
SHORT_GOOD = {name: vector for name, vector in GOOD.items() if len(vector[0]) < 1_000}


def status_of(peer: Peer) -> int:
    assert peer.refused is not None
    return int(peer.refused.removeprefix("HTTP ").split(":")[0])


# What is taken and what is refused


@pytest.mark.parametrize("name", GOOD)
def test_a_request_is_taken_as_it_was_sent(name: str) -> None:
    data, expected = GOOD[name]
    peer = Peer().receive([data])
    assert peer.refused is None
    assert peer.seen == expected
    assert bytes(peer.out).count(b"HTTP/1.1 200 ") == len(expected)


@pytest.mark.parametrize("name", SHORT_GOOD)
def test_however_a_request_arrives_it_is_the_same(name: str) -> None:
    data = SHORT_GOOD[name][0]
    whole = Peer().receive([data]).result
    for pieces in cuts(data):
        assert Peer().receive(pieces).result == whole


@pytest.mark.parametrize("name", GOOD)
def test_what_follows_a_request_does_not_change_it(name: str) -> None:
    data, expected = GOOD[name]
    peer = Peer().receive([data + b"DELETE /next HTTP/1."])
    assert (peer.seen, peer.refused) == (expected, None)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_answered_with_its_status_and_a_reason_and_ends_the_connection(
    name: str,
) -> None:
    data, status = BAD[name]
    peer = Peer().receive([data])
    assert peer.seen == []
    assert status_of(peer) == status
    head, _, body = bytes(peer.out).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"connection: close" in head.lower()
    assert json.loads(body)["error"] in str(peer.refused)
    assert peer.http.finished


@pytest.mark.parametrize("name", SHORT_BAD)
def test_however_a_bad_request_arrives_the_refusal_is_the_same(name: str) -> None:
    data = SHORT_BAD[name][0]
    whole = Peer().receive([data]).result
    for pieces in cuts(data):
        assert Peer().receive(pieces).result == whole


@pytest.mark.parametrize("size", [1, 100, 1_999])
@pytest.mark.parametrize("name", ["a large head", "a large head without an end"])
def test_a_large_head_is_refused_however_it_arrives(name: str, size: int) -> None:
    data = BAD[name][0]
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert status_of(Peer().receive(pieces)) == 431


@pytest.mark.parametrize("name", BAD)
def test_after_a_refusal_nothing_is_taken_and_nothing_is_said(name: str) -> None:
    peer = Peer().receive([BAD[name][0]])
    said = bytes(peer.out)
    peer.receive([get(), b"garbage\x00" * 1_000, get() + sized(b"abc")])
    assert peer.seen == []
    assert bytes(peer.out) == said


def test_a_request_line_may_fill_the_head_to_the_last_byte() -> None:
    rest = len(get(target="/"))
    exactly = get(target="/" + "x" * (HEAD_MAX - rest))
    assert len(exactly) == HEAD_MAX
    assert Peer().receive([exactly + get()]).refused is None
    assert status_of(Peer().receive([get(target="/" + "x" * (HEAD_MAX - rest + 1))])) == 431


def test_a_refusal_does_not_repeat_what_may_be_a_secret() -> None:
    peer = Peer().receive([get("Authorization: Bearer s3cret\x00")])
    assert peer.refused == "HTTP 400: illegal header line"
    assert b"s3cret" not in peer.out


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_behind_a_good_one_is_refused_after_the_good_one_was_answered(
    name: str,
) -> None:
    data, status = BAD[name]
    peer = Peer().receive([get().replace(b"GET", b"HEAD", 1) + data])
    assert peer.seen == [("HEAD", "/health", b"")]
    assert status_of(peer) == status
    assert bytes(peer.out).index(b" 200 ") < bytes(peer.out).index(b" %d " % status)
    assert bytes(peer.out).endswith(b'"}')


def test_nothing_received_is_not_the_end_of_the_input() -> None:
    peer = Peer().receive([b"", get()[:10], b"", get()[10:], b"", get()])
    assert len(peer.seen) == 2


def test_headers_have_lower_case_names_and_keep_all_lines() -> None:
    peer = Peer().receive([get("X-Name: one", "x-name: two", "X-Latin: \xe4")])
    headers = peer.requests[0].headers
    assert headers.all("x-name") == ["one", "two"]
    assert (headers.get("x-latin"), headers.get("host")) == ("\xe4", "gate:8443")


# At doors


@pytest.mark.parametrize("name", AT_DOORS)
def test_doors_look_at_names_pages_and_sizes_however_a_request_arrives(name: str) -> None:
    data, status = AT_DOORS[name]
    halves = [data[: len(data) // 2], data[len(data) // 2 :]]
    single = [data[at : at + 1] for at in range(len(data))]
    for pieces in ([data], halves, single):
        peer = Peer(HOUSE).receive(pieces)
        assert bytes(peer.out).startswith(b"HTTP/1.1 %d " % status)
        assert len(peer.seen) == (status == 200)


def test_a_refusal_of_a_host_says_where_to_allow_it() -> None:
    peer = Peer(HOUSE).receive([get(host="evil.example:1")])
    assert peer.refused == "HTTP 403: host evil.example is not in gateway.allowed_hosts"


def test_a_request_says_whose_it_is_and_what_stands_for_the_names() -> None:
    peer = Peer(HOUSE).receive([put(b"x", "/large/a%2Fb?x=1") + get(target="/nobodys")])
    first, second = (request.found for request in peer.requests)
    assert first is not None
    assert first.place.by_method["PUT"] is ROUTES[2]
    assert first.values == {"id": "a%2Fb"}
    assert second is None


@pytest.mark.parametrize(
    ("request_bytes", "is_shown"),
    [
        (get(f"Origin: {ALLOWED}", target="/api"), True),
        (get(f"Origin: {PAGE}", target="/shared"), True),
        (sized(b"x" * (BODY_MAX + 1), f"Origin: {ALLOWED}"), True),
        (get("Origin: http://gate:8443", target="/api"), False),
        (get(target="/api"), False),
        (get(f"Origin: {ALLOWED}", target="/nobodys"), False),
        (put(b"", "/small", f"Origin: {ALLOWED}"), False),
        (get("Origin: https://evil.example", target="/api"), False),
    ],
)
def test_a_page_may_read_answers_and_refusals_where_the_route_lets_it(
    request_bytes: bytes, is_shown: bool
) -> None:
    out = bytes(Peer(HOUSE).receive([request_bytes]).out).lower()
    origin = ALLOWED if ALLOWED.encode() in request_bytes else PAGE
    shown = f"access-control-allow-origin: {origin}\r\nvary: origin\r\n".encode()
    assert (shown in out) is is_shown
    assert (b"access-control" in out) is is_shown


def test_what_one_page_may_read_the_next_request_may_not() -> None:
    peer = Peer(HOUSE).receive([get(f"Origin: {ALLOWED}", target="/api")])
    peer.out.clear()
    peer.receive([get(target="/api")])
    assert b"access-control" not in peer.out
    assert b"vary: origin" in peer.out, "nor may a cache hand on what the page was shown"


# Answers


def answered(request: bytes, status: int = 200, body: bytes = b"hello") -> bytes:
    peer = Peer()
    peer.http.receive_data(request)
    assert peer.http.next_request() is not None
    peer.http.respond(status, body, "text/plain", {"x-extra": "1"})
    return bytes(peer.out)


def test_an_answer_has_its_length_its_type_and_is_not_stored_by_caches() -> None:
    head, _, body = answered(get(), 404).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 ")
    for line in (b"content-length: 5", b"content-type: text/plain", b"cache-control: no-store"):
        assert line in head.lower()
    assert b"x-extra: 1" in head.lower()
    assert body == b"hello"


def test_an_answer_to_head_has_the_length_and_no_body() -> None:
    head, _, body = answered(get().replace(b"GET", b"HEAD", 1)).partition(b"\r\n\r\n")
    assert b"content-length: 5" in head.lower()
    assert body == b""


@pytest.mark.parametrize(
    "line", ["Origin: https://evil.example", "Origin: null", "Content-Length: 999"]
)
def test_a_refused_head_request_has_no_body_either(line: str) -> None:
    peer = Peer().receive([get(line).replace(b"GET", b"HEAD", 1)])
    assert peer.refused is not None
    assert bytes(peer.out).partition(b"\r\n\r\n")[2] == b""


def test_a_connection_is_kept_for_the_next_request_unless_the_client_wants_it_closed() -> None:
    assert not Peer().receive([get()]).http.finished
    assert Peer().receive([get("Connection: close")]).http.finished
    assert Peer().receive([get(version="1.0")]).http.finished


def test_requests_that_came_together_are_answered_one_after_the_other() -> None:
    peer = Peer()
    peer.http.receive_data(sized(b"one") + sized(b"two"))
    first = peer.http.next_request()
    assert first is not None
    assert first.body == b"one"
    assert peer.http.next_request() is None
    peer.http.respond(200, b"1", "text/plain", {})
    second = peer.http.next_request()
    assert second is not None
    assert second.body == b"two"


def test_what_follows_the_last_request_does_not_spoil_its_answer() -> None:
    peer = Peer()
    peer.http.receive_data(get("Connection: close") + b"\r\nleft over")
    assert peer.http.next_request() is not None
    assert peer.http.next_request() is None
    peer.http.respond(200, b"fine", "text/plain", {})
    assert bytes(peer.out).endswith(b"fine")
    assert peer.http.finished


def test_a_client_cannot_fill_the_memory_while_its_request_is_being_worked_on() -> None:
    peer = Peer()
    peer.http.receive_data(get())
    assert peer.http.next_request() is not None
    peer.http.receive_data(b"x" * (HEAD_MAX + BODY_MAX))
    assert peer.http.next_request() is None
    peer.http.receive_data(b"x")
    with pytest.raises(RemoteProtocolError, match="before the answer to the last request"):
        peer.http.next_request()
    assert peer.http.finished
    assert peer.http.next_request() is None
    with pytest.raises(LocalProtocolError, match="no request to answer"):
        peer.http.respond(200, b"too late", "text/plain", {})


def test_a_client_that_announces_a_body_is_told_to_go_on() -> None:
    peer = Peer().receive([post(b"", "Content-Length: 3", "Expect: 100-continue")])
    assert bytes(peer.out) == b"HTTP/1.1 100 \r\n\r\n"
    peer.receive([b"abc"])
    assert peer.seen == [("POST", "/api", b"abc")]
    assert bytes(peer.out).count(b"HTTP/1.1 ") == 2


@pytest.mark.parametrize("line", ["Content-Length: 301", "Origin: https://evil.example"])
def test_a_client_that_announces_a_body_that_is_not_wanted_is_not_told_to_go_on(line: str) -> None:
    peer = Peer().receive([post(b"", line, "Expect: 100-continue")])
    assert peer.refused is not None
    assert b"HTTP/1.1 100" not in peer.out


def test_an_answer_without_a_request_is_our_own_error_and_changes_nothing() -> None:
    peer = Peer()
    with pytest.raises(LocalProtocolError, match="no request to answer"):
        peer.http.respond(200, b"what", "text/plain", {})
    peer.receive([sized(b"abc")[:-1]])
    with pytest.raises(LocalProtocolError, match="no request to answer"):
        peer.http.respond(200, b"too early", "text/plain", {})
    peer.receive([b"c"])
    with pytest.raises(LocalProtocolError, match="no request to answer"):
        peer.http.respond(200, b"twice", "text/plain", {})
    assert peer.seen == [("POST", "/api", b"abc")]
    assert bytes(peer.out).count(b"HTTP/1.1 ") == 1


def test_a_header_that_cannot_be_sent_is_our_own_error_and_another_answer_may_follow() -> None:
    peer = Peer()
    peer.http.receive_data(get())
    peer.http.next_request()
    with pytest.raises(LocalProtocolError, match="Illegal header value"):
        peer.http.respond(200, b"", "text/plain", {"x": "a\r\nset-cookie: evil"})
    peer.http.respond(500, b"sorry", "text/plain", {})
    assert bytes(peer.out).startswith(b"HTTP/1.1 500 ")


def test_a_connection_too_many_gets_a_whole_answer() -> None:
    reader = h11.Connection(h11.CLIENT)
    reader.send(h11.Request(method="GET", target="/", headers=[("Host", "g")]))
    reader.send(h11.EndOfMessage())
    reader.receive_data(BUSY_RESPONSE)
    response, data, end = (reader.next_event() for _ in range(3))
    assert isinstance(response, h11.Response)
    assert response.status_code == 503
    assert isinstance(data, h11.Data)
    assert "try again later" in json.loads(data.data)["error"]
    assert isinstance(end, h11.EndOfMessage)
    assert reader.trailing_data == (b"", False)


# The end of HTTP


def test_what_follows_the_request_that_switches_protocols_is_handed_over() -> None:
    peer = Peer()
    peer.http.receive_data(get("Upgrade: other", "Connection: upgrade"))
    assert peer.http.next_request() is not None
    peer.http.receive_data(b"\x81\x80mask")
    assert peer.http.next_request() is None
    assert peer.http.switch_protocols([(b"Upgrade", b"other")]) == b"\x81\x80mask"
    assert bytes(peer.out) == b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\n\r\n"
    with pytest.raises(LocalProtocolError, match="no request to answer"):
        peer.http.respond(200, b"", "text/plain", {})
