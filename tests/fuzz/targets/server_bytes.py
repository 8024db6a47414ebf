"""Target: what a client may send to a gateway: HTTP, the upgrade, frames, messages.

The first byte says how far the connection has come, how the rest is cut into pieces, and whether
there is a face, which answers, streams, and takes upgrades and messages.
"""

from __future__ import annotations

from tests.fuzz.targets.pieces import cut_and_whole
from tests.proto.byhand import ByHand, Visitor
from tests.proto.connection.test_base_fuzz import LIMITS, adapt, check
from tests.proto.face_visitor import ASK_CHAT, ASK_FILES, serve, visitor

from agentgate_proto.connection.events import MessageReceived
from agentgate_proto.connection.state import State

HAS_FACE = 0x80

STAGES = {
    0: lambda: adapt(Visitor(LIMITS)),
    1: lambda: adapt(Visitor(LIMITS)).upgrade(),
    2: lambda: adapt(Visitor(LIMITS).enter()),
    3: lambda: adapt(Visitor(LIMITS).enter(client_id="")),
}


def faced(first: bytes = b"") -> Visitor:
    """A visitor of the face, who has sent this."""
    at = serve(visitor(LIMITS))
    at.send(first)
    at.happened()
    return at


FACE_STAGES = {
    0: faced,
    1: lambda: faced(ASK_CHAT),
    2: lambda: faced(ASK_FILES),
    3: lambda: faced(ASK_CHAT.replace(b"/7", b"/closed")),
}


def check_face(peer: ByHand) -> None:
    """As for the native protocol; and bytes come only where the route takes them."""
    check(peer)
    server = peer.machine
    if server.state is State.FACE and not server.wire.takes_binary:
        messages = [event for event in peer.events if isinstance(event, MessageReceived)]
        assert all(isinstance(message.data, str) for message in messages)


def run(data: bytes) -> None:
    """Send it; the connection waits with a deadline, or it is over, once."""
    if data[:1] and data[0] & HAS_FACE:
        cut_and_whole(data, FACE_STAGES, check_face)
    else:
        cut_and_whole(data, STAGES, check)
