"""Nothing that a peer sends raises, and how it is cut into pieces makes no difference."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.json import encode
from tests.proto.byhand import (
    AUTH,
    AUTH_RESULT,
    UPGRADE,
    ByHand,
    Doorman,
    Visitor,
    batch,
    notification,
    request,
)
from tests.proto.joined import TOKEN, welcome
from tests.proto.support import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, quick

from agentgate_proto.connection.events import AuthAsked, Called, Closed, HttpRequested
from agentgate_proto.connection.state import State
from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import Limits
from agentgate_proto.records.outcome import executed
from agentgate_proto.rpc.messages import METHODS, ToolRequest

LIMITS = Limits(message_bytes_max=400, fragments_max=4, batch_items_max=4, requests_in_flight_max=4)

ids = st.none() | st.integers(-1, 9) | st.text(max_size=3) | st.booleans() | st.floats()
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["token", "tool", "args", "seq"]), inner, max_size=3)
    ),
    max_leaves=6,
)
members = {
    "jsonrpc": st.sampled_from(["2.0", "2.0", "2.0", "1.0"]),
    "method": st.sampled_from([*METHODS, "what"]),
    "params": values,
    "id": ids,
    "result": values,
    "error": st.fixed_dictionaries({"code": st.integers(), "message": st.text(max_size=5)})
    | values,
}
messages = st.fixed_dictionaries({}, optional=members).map(json.dumps)
good = st.sampled_from(
    [
        AUTH,
        AUTH_RESULT,
        request("auth-1", "auth", {"token": TOKEN, "client_id": "sdk-1"}),
        request(1, "tool_request", {"tool": "x"}),
        request(2, "get_pending_results"),
        notification("ack", {"seq": 1}),
        '{"jsonrpc":"2.0","result":1,"id":1}',
    ]
)
texts = good | messages | st.lists(good | messages, max_size=5).map(lambda several: batch(*several))
payloads = texts.map(str.encode) | st.binary(max_size=130)
frames = st.tuples(
    st.sampled_from([TEXT, TEXT, TEXT, CONTINUATION, BINARY, CLOSE, PING, PONG, 3, 11]),
    payloads,
    st.sampled_from([True, True, True, False]),
    st.sampled_from([0, 0, 0, 0, 4]),
)
ATTRIBUTES = ("now", "heard_at", "latency_s")


def adapt(visitor: Visitor) -> Visitor:
    """Let a visitor's server be driven as a gateway drives it."""

    def act(event: Any) -> None:
        server = visitor.server
        match event:
            case AuthAsked():
                server.accept_auth(*welcome())
            case HttpRequested():
                server.send_http(200, b"{}", "application/json")
            case Called(id=int(request_id), params=ToolRequest(), repeated=False):
                server.send_outcome(request_id, executed(b"{}"), f"r{request_id}")
            case Called(id=int(request_id), repeated=False):
                server.send_result(request_id, {})
            case Called(id=request_id, repeated=False):
                server.send_error(request_id, ErrorCode.TOOL_FAILED)

    visitor.on_event = act
    return visitor


def check(peer: ByHand) -> None:
    """Whatever has come: the connection waits with a deadline, or it is over, once."""
    ends = [event for event in peer.events if isinstance(event, Closed)]
    if peer.machine.state is State.CLOSED:
        assert ends == peer.events[-1:]
        assert peer.machine.next_deadline() is None
    else:
        assert ends == []
        assert peer.machine.next_deadline() is not None


@quick
@given(st.lists(st.binary(max_size=300), max_size=4))
@example([b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET"])
@example([UPGRADE, b"\x81\x80"])
def test_any_bytes_before_the_handshake_are_borne_by_a_gateway(pieces: list[bytes]) -> None:
    visitor = adapt(Visitor(LIMITS))
    for piece in pieces:
        visitor.send(piece)
        check(visitor)


@quick
@given(st.lists(st.binary(max_size=300), max_size=4))
@example([b"HTTP/1.1 101 \r\n\r\n"])
@example([b"HTTP/1.1 200 OK\r\n\r\n", b"more"])
def test_any_bytes_before_the_handshake_are_borne_by_a_client(pieces: list[bytes]) -> None:
    doorman = Doorman(LIMITS)
    for piece in pieces:
        doorman.send(piece)
        check(doorman)


def bear(peer: ByHand, pieces: list[Any]) -> None:
    """Send frames and bytes, with all timers in between, until the connection is over."""
    for piece in pieces:
        if isinstance(piece, bytes):
            peer.send(piece)
        elif isinstance(piece, float):
            peer.tick(piece)
        else:
            opcode, payload, fin, reserved = piece
            peer.send(peer.frame(opcode, payload, fin=fin, reserved=reserved))
        check(peer)
    for _ in range(20):
        deadline = peer.machine.next_deadline()
        if deadline is None:
            break
        peer.tick(deadline.at - peer.now)
        check(peer)
    assert peer.machine.state is State.CLOSED


pieces = st.lists(frames | st.binary(max_size=20) | st.floats(0.0, 30.0), max_size=8)


@quick
@given(st.booleans(), pieces)
def test_any_frames_are_borne_by_a_gateway_and_silence_ends_it(
    entered: bool, pieces: list[Any]
) -> None:
    bear(adapt(Visitor(LIMITS).enter() if entered else Visitor(LIMITS).upgrade()), pieces)


@quick
@given(st.booleans(), pieces)
def test_any_frames_are_borne_by_a_client_and_silence_ends_it(
    let_in: bool, pieces: list[Any]
) -> None:
    doorman = Doorman(LIMITS)
    bear(doorman.let_in() if let_in else doorman.upgrade(), pieces)


def cut_up(data: bytes, at: list[int]) -> list[bytes]:
    """Cut a stream at these places."""
    places = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


def outcome_of(peer: ByHand) -> Any:
    """All that can be seen of a machine."""
    seen = {name: getattr(peer.machine, name) for name in ATTRIBUTES}
    events = [(type(event).__name__, encode(event, enc_hook=repr)) for event in peer.events]
    return events, peer.frames, peer.head[:15], peer.machine.state, seen


def session(peer: ByHand) -> bytes:
    """What a peer says in a long conversation, after the handshake."""
    auth = request("auth-1", "auth", {"token": TOKEN, "client_id": "sdk-1"})
    said = [
        peer.frame(TEXT, (auth if isinstance(peer, Visitor) else AUTH_RESULT).encode()),
        peer.frame(PING, b"?"),
        peer.frame(TEXT, request(1, "tool_request", {"tool": "a"}).encode()),
        peer.frame(TEXT, batch(request(2, "list_tools"), "1", AUTH)[:20].encode(), fin=False),
        peer.frame(PONG, b"alive:1"),
        peer.frame(CONTINUATION, batch(request(2, "list_tools"), "1", AUTH)[20:].encode()),
        peer.frame(TEXT, "é".encode()),
        peer.frame(TEXT, b'{"jsonrpc":"2.0","result":{"x":[1]},"id":7}'),
        peer.frame(TEXT, notification("ack", {"seq": 1}).encode()),
        peer.frame(CLOSE, b"\x03\xe8"),
    ]
    return b"".join(said)


@quick
@given(st.lists(st.integers(0, 10_000), max_size=30))
def test_a_gateway_sees_the_same_however_the_stream_is_cut(at: list[int]) -> None:
    whole, cut = adapt(Visitor()), adapt(Visitor())
    data = b"GET /health HTTP/1.1\r\nHost: g\r\n\r\n" + UPGRADE + session(whole)
    whole.send(data)
    for piece in cut_up(data, at):
        cut.send(piece)
    assert outcome_of(cut) == outcome_of(whole)
    names = [type(event).__name__ for event in whole.events]
    assert names == ["HttpRequested", "AuthAsked", "Called", "Called", "Received", "Closed"]


@quick
@given(st.lists(st.integers(0, 10_000), max_size=30))
def test_a_client_sees_the_same_however_the_stream_is_cut(at: list[int]) -> None:
    whole, cut = Doorman(), Doorman()
    whole.send(whole.answer_upgrade() + session(whole))
    for piece in cut_up(cut.answer_upgrade() + session(cut), at):
        cut.send(piece)
    assert outcome_of(cut) == outcome_of(whole)
    assert whole.machine.state is State.CLOSED
