"""Target: plain HTTP/1.1 on the gateway's port.

The first byte says how the rest is cut into pieces, whether there are routes with caps, and whether
answers are streamed.
"""

from __future__ import annotations

from tests.fuzz.targets.pieces import SIZES, cut
from tests.proto.http_peer import DOORS, HOUSE, LIMITS, Peer

from agentgate_proto.wire.heads import ONCE, RequestHead
from agentgate_proto.wire.hosts import may_be_ours

HAS_ROUTES = 0x40
STREAMS = 0x80


def run(data: bytes) -> None:
    """Send it; what comes of it is requests or one refusal, however it is cut."""
    if not data:
        return
    doors = HOUSE if data[0] & HAS_ROUTES else DOORS
    streams = bool(data[0] & STREAMS)
    whole = Peer(doors, streams=streams).receive([data[1:]])
    pieces = Peer(doors, streams=streams).receive(cut(data[1:], SIZES[data[0] % len(SIZES)]))
    assert pieces.result == whole.result
    for request in whole.requests:
        headers = request.headers
        assert not ("transfer-encoding" in headers and "content-length" in headers)
        assert all(len(headers.all(name)) <= 1 for name in ONCE)
        assert not any("\r" in value or "\n" in value for _, value in headers)
        assert len(request.body) <= cap(request)
        assert doors.hosts is None or may_be_ours(headers.get("host"), doors.hosts)
    if whole.refused is not None:
        assert whole.http.finished
        status = whole.refused.removeprefix("HTTP ")[:3]
        assert status[0] in "45"
        assert f"HTTP/1.1 {status} ".encode() in whole.out


def cap(request: RequestHead) -> int:
    """How large the body may be where the request leads."""
    route = None if request.found is None else request.found.place.by_method.get(request.method)
    own = None if route is None else route.body_bytes_max
    return LIMITS.http_body_bytes_max if own is None else own
