"""What comes instead of an upgrade, in words for people: short, plain, and what to do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.wire.events import Rejected
from agentgate_proto.wire.refusals import (
    NO_TLS,
    PIECE_CHARS_MAX,
    has_body,
    location_of,
    piece_of,
    refusal_of,
)

ORIGIN = "wss://gate.example:8443"


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("https://other.example/", "wss://other.example/"),
        ("HTTP://other.example:80/a?b=c#d", "ws://other.example:80/a?b=c"),
        ("wss://other.example", "wss://other.example"),
        ("//other.example/x", "wss://other.example/x"),
        ("/gate/", "wss://gate.example:8443/gate/"),
        ("?key=1", "wss://gate.example:8443/a/b?key=1"),
        ("c", "wss://gate.example:8443/a/c"),
        ("", ""),
        ("#top", ""),
        ("ftp://other.example/", ""),
        ("mailto:me", ""),
        ("https://", ""),
        ("/a b", ""),
        ("/\x1b[2J", ""),
        ("/\xe4", ""),
        ("/" + "x" * 1_000, ""),
    ],
)
def test_where_a_redirect_leads_is_a_url_that_can_be_written(location: str, url: str) -> None:
    assert location_of(location, ORIGIN, "/a/b?token=1") == url


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_final(status: int) -> None:
    moved = refusal_of(status, [(b"LOCATION", b"https://x.example/")], b"<a>here</a>", ORIGIN, "/")
    text = "it redirects to wss://x.example/; redirects are not followed, so write that"
    assert moved == Rejected(status, text, is_final=True)


def test_a_redirect_to_nowhere_says_so() -> None:
    moved = refusal_of(302, [], b"", ORIGIN, "/")
    assert moved == Rejected(302, "it redirects elsewhere, and does not say where", is_final=True)


@pytest.mark.parametrize(
    "page",
    [
        b"<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head>",
        b"Client sent an HTTP request to an HTTPS server.\n",
    ],
)
def test_a_server_that_wants_tls_is_understood(page: bytes) -> None:
    assert refusal_of(400, [], page, ORIGIN, "/") == Rejected(400, NO_TLS, is_final=True)


@pytest.mark.parametrize(
    ("body", "piece"),
    [
        (b"", ""),
        (b" \r\n ", ""),
        (b"too many\r\n connections", "too many connections"),
        (b'{"error": "too many connections"}', "too many connections"),
        (b'{"status": 1, "message": "no upstream"}', "no upstream"),
        (b'{"error": {"code": 1}, "detail": "later"}', "later"),
        (b'{"error": 1}', "{'error': 1}"),
        (b'{"error": "cut of', "{'error': 'cut of"),
        (b"[1]", "[1]"),
        (b"<html><head><title>502 Bad\nGateway</title></head><body>x</body>", "502 Bad Gateway"),
        (b"<html><head><style>p {}</style><body><h1>Gone</h1><p>for good", "Gone for good"),
        (b"<p>a<!-- b --><script>c()</script>d<!-- e", "a d"),
        (b"a\x1b[2J\x00b\xff", "a [2J b\ufffd"),
        ("a\u202eb".encode(), "a b"),
        (b"<" * 2_048, ""),
    ],
)
def test_of_a_page_a_line_of_plain_text_is_shown(body: bytes, piece: str) -> None:
    assert piece_of(body) == piece


@given(st.binary(max_size=2_048))
def test_whatever_a_page_holds_the_line_is_short_and_printable(body: bytes) -> None:
    piece = piece_of(body)
    assert len(piece) <= PIECE_CHARS_MAX
    assert piece.isprintable()


def test_a_long_page_is_cut_where_people_see_it() -> None:
    assert piece_of(b"x" * 2_048) == "x" * (PIECE_CHARS_MAX - 1) + "\u2026"


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ([(b"Content-Length", b"5")], True),
        ([(b"content-length", b"0")], False),
        ([(b"Transfer-Encoding", b"chunked")], True),
        ([(b"Connection", b"close")], False),
        ([(b"Content-Length", b"5"), (b"Agentgate-Reason", b"full")], False),
    ],
)
def test_a_body_is_waited_for_if_it_ends_and_has_something_to_say(
    headers: list[tuple[bytes, bytes]], waits: bool
) -> None:
    assert has_body(headers) is waits
