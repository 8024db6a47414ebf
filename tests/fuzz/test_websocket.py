"""WebSocket and its handshake, whatever the peer sends: events or a remote error, nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import (
    BINARY,
    CLOSE,
    CONTINUATION,
    MASK,
    PING,
    PONG,
    TEXT,
    frame,
    from_client,
    quick,
)
from tests.proto.wires import Pair, Seen, SomeWire, client, open_server, server
from tests.vectors.websocket import upgrade

from agentgate_proto.wire.events import Close, HttpRequest, Rejected, Text, Upgraded

MESSAGES = st.lists(st.tuples(st.booleans(), st.text(max_size=300)), max_size=8)


@given(seed=st.integers(), messages=MESSAGES, client_closes=st.booleans())
@quick
def test_joined_ends_hear_what_the_other_says_in_order(
    seed: int, messages: list[tuple[bool, str]], client_closes: bool
) -> None:
    pair = Pair(seed)
    pair.run()
    for by_client, text in messages:
        speaker = pair.client if by_client else pair.server
        speaker.wire.send_text(text.encode())
        if pair.random.random() < 0.5:
            speaker.wire.send_ping(b"seq:1")
            pair.run()
    pair.run()
    closer, other = (pair.client, pair.server) if client_closes else (pair.server, pair.client)
    closer.wire.send_close(1012, "restart")
    pair.run()
    for seen, from_client_wanted in ((pair.server, True), (pair.client, False)):
        texts = [event.text for event in seen.events if isinstance(event, Text)]
        assert texts == [text for by_client, text in messages if by_client is from_client_wanted]
        assert seen.events[0] == Upgraded()
        assert seen.failed is None
    assert other.events[-1] == Close(1012, "restart")
    assert closer.events[-1] == Close(1012, "")


# Whatever comes

FRAMES = st.builds(
    frame,
    st.integers(0, 15),
    st.binary(max_size=130),
    fin=st.booleans(),
    reserved=st.sampled_from([0, 0, 0, 0, 1, 4]),
    mask=st.sampled_from([None, MASK, b"\0\0\0\0"]),
    announced=st.sampled_from([None, None, None, 0, 126, 2**16, 2**63]),
)
LIKELY = st.builds(
    frame,
    st.sampled_from([TEXT, CONTINUATION, PING, PONG, BINARY, CLOSE]),
    st.sampled_from([b"", b"a", b"\xe2\x82", b"\xac", b"\x03\xe8", b"x" * 100]),
    fin=st.booleans(),
    mask=st.just(MASK),
)
STREAMS = st.lists(st.binary(max_size=40) | FRAMES | LIKELY, max_size=12)


def check_the_end(seen: Seen[SomeWire]) -> None:
    """After an error or a last event there is silence."""
    last = seen.events[-1] if seen.events else None
    if seen.failed is not None or isinstance(last, Close | Rejected):
        assert seen.wire.next_event() is None
        count = len(seen.events)
        seen.receive(from_client(TEXT, b"x"), frame(TEXT, b"x"))
        assert len(seen.events) == count


@given(pieces=STREAMS)
@quick
def test_whatever_a_client_sends_first_nothing_but_a_remote_error_comes_of_it(
    pieces: list[bytes],
) -> None:
    check_the_end(server().receive(*pieces))


@given(pieces=STREAMS)
@quick
def test_whatever_a_client_sends_later_nothing_but_a_remote_error_comes_of_it(
    pieces: list[bytes],
) -> None:
    seen = open_server().receive(*pieces)
    check_the_end(seen)
    whole = open_server().receive(b"".join(pieces))
    assert whole.events == seen.events
    assert (whole.failed and whole.code) == (seen.failed and seen.code)


@given(
    values=st.dictionaries(
        st.sampled_from(
            [
                *("host", "upgrade", "connection", "origin", "expect", "sec_websocket_key"),
                *("sec_websocket_version", "sec_websocket_extensions", "sec_websocket_protocol"),
            ]
        ),
        st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=20)
        | st.sampled_from(["xn--\xff", "xn--a", "100-continue", ",,,", ";=", "null"]),
    )
)
@quick
def test_whatever_stands_in_the_headers_of_a_handshake_it_succeeds_or_is_refused(
    values: dict[str, str | None],
) -> None:
    seen = server().receive(upgrade(**values))
    if seen.failed is None:
        assert type(seen.events[0]) in (Upgraded, HttpRequest)
    else:
        assert seen.sent.rpartition(b"HTTP/1.1 ")[2][:1] in (b"4", b"5")


@given(pieces=STREAMS, good=st.booleans())
@quick
def test_whatever_a_gateway_sends_nothing_but_a_remote_error_comes_of_it(
    pieces: list[bytes], good: bool
) -> None:
    seen, answer = client()
    check_the_end(seen.receive(*([answer] if good else []), *pieces))


@given(
    status=st.integers(0, 999),
    lines=st.lists(
        st.sampled_from(
            [
                *(b"Upgrade: websocket", b"Connection: upgrade", b"Connection: \xff", b"x"),
                *(b"Content-Length: 5", b"Transfer-Encoding: chunked"),
                b"Sec-WebSocket-Protocol: x",
            ]
        )
    ),
    body=st.binary(max_size=20),
)
@quick
def test_whatever_a_gateway_answers_it_is_an_event(
    status: int, lines: list[bytes], body: bytes
) -> None:
    seen, _ = client()
    head = b"\r\n".join([b"HTTP/1.1 %03d X" % status, *lines, b"", b""])
    seen.receive(head + body)
    assert seen.failed is None
    assert [type(event) for event in seen.events] in ([], [Rejected])
