"""Target: plain HTTP/1.1 on the gateway's port.

The first byte says how the rest is cut into pieces.
"""

from __future__ import annotations

from tests.fuzz.targets.pieces import SIZES, cut
from tests.proto.http_peer import Peer

from agentgate_proto.wire.heads import ONCE


def run(data: bytes) -> None:
    """Send it; what comes of it is requests or one refusal, however it is cut."""
    if not data:
        return
    whole = Peer().receive([data[1:]])
    pieces = Peer().receive(cut(data[1:], SIZES[data[0] % len(SIZES)]))
    assert pieces.result == whole.result
    for request in whole.requests:
        headers = request.headers
        assert not ("transfer-encoding" in headers and "content-length" in headers)
        assert all(len(headers.all(name)) <= 1 for name in ONCE)
        assert not any("\r" in value or "\n" in value for _, value in headers)
    if whole.refused is not None:
        assert whole.http.finished
        status = whole.refused.removeprefix("HTTP ")[:3]
        assert status[0] in "45"
        assert f"HTTP/1.1 {status} ".encode() in whole.out
