"""Target: plain HTTP/1.1 on the gateway's port.

The first byte says how the rest is cut into pieces.
"""

from __future__ import annotations

from tests.fuzz.targets.pieces import SIZES, cut
from tests.proto.http_peer import Peer


def run(data: bytes) -> None:
    """Send it; what comes of it is requests or one refusal, however it is cut."""
    if not data:
        return
    whole = Peer().receive([data[1:]])
    pieces = Peer().receive(cut(data[1:], SIZES[data[0] % len(SIZES)]))
    assert pieces.result == whole.result
    for request in whole.requests:
        names = [name for name, _ in request.raw_headers]
        assert b"transfer-encoding" not in names
        assert not any(b"\r" in value or b"\n" in value for _, value in request.raw_headers)
    if whole.refused is not None:
        assert whole.http.finished
        status = whole.refused.removeprefix("HTTP ")[:3]
        assert status[0] in "45"
        assert f"HTTP/1.1 {status} ".encode() in whole.out
