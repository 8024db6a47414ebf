"""Plain HTTP/1.1, whatever the client sends: a request or a refusal, nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.proto.http_peer import Peer
from tests.proto.support import quick
from tests.vectors.http1 import BODY_MAX, HEAD_MAX, get

from agentgate_proto.errors import RemoteProtocolError

PIECES = st.lists(
    st.sampled_from(
        [
            b"GET / HTTP/1.1\r\n",
            b"POST /a HTTP/1.1\r\n",
            b"HEAD / HTTP/1.0\r\n",
            b"CONNECT a:1 HTTP/1.1\r\n",
            b"Host: a\r\n",
            b"Host:\r\n",
            b"Content-Length: 3\r\n",
            b"Content-Length: 0\r\n",
            b"Content-Length: 99999999999999999999\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Expect: 100-continue\r\n",
            b"Upgrade: websocket\r\n",
            b"Connection: close\r\n",
            b"Origin: null\r\n",
            b"Origin: \xff\r\n",
            b" folded\r\n",
            b"\r\n",
            b"abc",
            b"0\r\n\r\n",
            b" " * 70,
            b"x" * 500,
            b"",
        ]
    )
    | st.binary(max_size=30),
    max_size=15,
)


@given(pieces=PIECES)
@quick
def test_whatever_arrives_is_a_request_or_a_refusal_and_never_anything_else(
    pieces: list[bytes],
) -> None:
    peer = Peer().receive(pieces)
    assert Peer().receive([b"".join(pieces)]).result == peer.result
    if peer.refused is not None:
        assert peer.http.finished
        assert peer.http.next_request() is None


@given(pieces=PIECES)
@quick
def test_whatever_arrives_while_a_request_is_being_worked_on_takes_a_bounded_room(
    pieces: list[bytes],
) -> None:
    peer = Peer()
    peer.http.receive_data(get())
    assert peer.http.next_request() is not None
    held = 0
    for piece in pieces:
        peer.http.receive_data(piece)
        held += len(piece)
        try:
            assert peer.http.next_request() is None
        except RemoteProtocolError:
            assert held > HEAD_MAX + BODY_MAX
            break
    else:
        assert held <= HEAD_MAX + BODY_MAX
