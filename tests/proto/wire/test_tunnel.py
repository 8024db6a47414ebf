"""CONNECT from the client's end: the request, and whatever a proxy answers."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.errors import LocalProtocolError
from agentgate_proto.wire.tunnel import Tunnel, TunnelOpen, TunnelRefused

AUTHORITY = "gate.example:8443"
GOOD = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n"


def after(*pieces: bytes, eof: bool = False, credentials: str = "") -> object:
    """What a tunnel says after these bytes; None: it waits."""
    tunnel = Tunnel(AUTHORITY, credentials)
    tunnel.data_to_send()
    told = []
    for piece in pieces:
        tunnel.receive_data(piece)
        told.append(tunnel.next_event())
    if eof:
        tunnel.receive_eof()
        tunnel.receive_eof()
        tunnel.receive_data(GOOD)
        told.append(tunnel.next_event())
    events = [event for event in told if event is not None]
    assert len(events) < 2
    assert tunnel.next_event() is None or not events
    return events[0] if events else None


def test_a_proxy_is_asked_for_a_tunnel_at_once_and_once() -> None:
    tunnel = Tunnel(AUTHORITY)
    lines = tunnel.data_to_send().split(b"\r\n")
    assert lines == [b"CONNECT gate.example:8443 HTTP/1.1", b"Host: gate.example:8443", b"", b""]
    assert tunnel.data_to_send() == b""


def test_credentials_go_to_the_proxy_with_every_letter() -> None:
    request = Tunnel(AUTHORITY, "me:p\u00e4ss:word").data_to_send()
    coded = b64encode("me:p\u00e4ss:word".encode())
    assert b"\r\nProxy-Authorization: Basic " + coded + b"\r\n" in request


@pytest.mark.parametrize("authority", ["a b:1", "a\r\nX: y", "\u00e4:1"])
def test_what_cannot_be_asked_for_is_our_own_error(authority: str) -> None:
    with pytest.raises(LocalProtocolError, match="no CONNECT can be made of this"):
        Tunnel(authority)


@pytest.mark.parametrize(
    "answer",
    [
        GOOD,
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 X\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD,
    ],
)
def test_any_2xx_opens_the_tunnel_in_whatever_pieces_it_comes(answer: bytes) -> None:
    assert after(answer) == TunnelOpen()
    assert after(*(answer[at : at + 1] for at in range(len(answer)))) == TunnelOpen()
    assert after(b"", answer[:-1]) is None


def test_what_comes_before_we_have_spoken_is_not_from_the_other_end() -> None:
    refused = after(GOOD + b"HTTP/1.1 101 Switching Protocols\r\n")
    assert refused == TunnelRefused("it said more than that there is a tunnel", is_final=True)


@pytest.mark.parametrize(
    ("status", "final"),
    [(302, False), (400, True), (403, True), (405, True), (408, False), (429, False), (502, False)],
)
def test_a_refusal_has_the_proxy_s_words_and_says_whether_it_lasts(
    status: int, final: bool
) -> None:
    page = b"<html><title>Not from here</title></html>"
    head = b"HTTP/1.1 %d No Way\r\nContent-Length: %d\r\n\r\n" % (status, len(page))
    text = f'it refuses: {status} No Way: "Not from here"'
    expected = TunnelRefused(text, status, final)
    assert after(head, page) == expected
    assert after(head + page) == expected
    assert after(head + page + b"more") == expected


def test_a_refusal_may_have_no_words_or_too_many_or_break_off() -> None:
    assert after(b"HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n") == TunnelRefused(
        "it refuses: 503", 503
    )
    long = after(b"HTTP/1.1 503 Busy\r\nContent-Length: 9999\r\n\r\n", b"x" * 3_000, b"x")
    assert isinstance(long, TunnelRefused)
    assert long.reason.startswith('it refuses: 503 Busy: "xxx')
    cut = b"HTTP/1.1 503 Busy\r\nContent-Length: 99\r\n\r\nhalf a "
    assert after(cut, eof=True) == TunnelRefused('it refuses: 503 Busy: "half a"', 503)
    unbounded = b"HTTP/1.0 503 Busy\r\n\r\nwhole"
    assert after(unbounded, eof=True) == TunnelRefused('it refuses: 503 Busy: "whole"', 503)


def test_a_proxy_that_wants_credentials_says_how_to_give_them() -> None:
    answer = b"HTTP/1.1 407 Authenticate\r\nContent-Length: 0\r\n\r\n"
    how = "(HTTP 407): write http://user:password@host:port"
    assert after(answer) == TunnelRefused(f"it wants credentials {how}", 407, is_final=True)
    assert after(answer, credentials="a:b") == TunnelRefused(
        f"it takes other credentials {how}", 407, is_final=True
    )


def test_what_is_no_proxy_is_named() -> None:
    assert after(eof=True) == TunnelRefused("it hung up without an answer")
    refused = after(b"SSH-2.0-OpenSSH\r\n\r\n")
    assert isinstance(refused, TunnelRefused)
    assert refused.reason.startswith("what answers there is no HTTP proxy: ")
    endless = after(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000)
    assert isinstance(endless, TunnelRefused)
    assert not endless.is_final


@given(st.binary(max_size=400), st.booleans())
def test_whatever_comes_the_tunnel_says_one_thing_at_most(data: bytes, eof: bool) -> None:
    after(data, eof=eof)
    after(b"HTTP/1.1 403 X\r\n" + data, eof=eof)
