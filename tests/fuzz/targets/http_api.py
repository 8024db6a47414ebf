"""Target: the HTTP face: first line method and target, second line authorization, then the body."""

from __future__ import annotations

import json

from agentgate_proto.connection.events import HttpRequested
from agentgate_proto.faces.http_api import Health, NativeCall, ReadMetrics, Reply, read_request
from agentgate_proto.limits import NAME_CHARS_MAX, TOKEN_CHARS_MAX
from agentgate_proto.rpc.messages import DecideApproval, RevokeGrant
from agentgate_proto.wire.headers import Headers


def run(data: bytes) -> None:
    """Translate it; it is a call with a token, or an answer in JSON."""
    head, _, rest = data.partition(b"\n")
    authorization, _, body = rest.partition(b"\n")
    method, _, target = head.decode("latin-1").partition(" ")
    headers = Headers([("authorization", authorization.decode("latin-1"))])
    match read_request(HttpRequested(method=method, target=target, headers=headers, body=body)):
        case NativeCall(token, params):
            assert 0 < len(token) <= TOKEN_CHARS_MAX
            if isinstance(params, DecideApproval | RevokeGrant):
                assert len(params.id) <= NAME_CHARS_MAX
        case Reply() as reply:
            assert 400 <= reply.status < 500
            assert set(json.loads(reply.body)) == {"error"}
        case Health() | ReadMetrics():
            assert method in ("GET", "HEAD")
