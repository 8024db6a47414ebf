"""The gateway's end of a WebSocket: plain HTTP until a request asks for the upgrade.

HTTP by h11 comes first, because the same port serves the HTTP face.
"""

from __future__ import annotations

from wsproto.connection import Connection as Frames
from wsproto.connection import ConnectionType

from agentgate_proto.limits import Limits
from agentgate_proto.wire.events import HttpRequest, Upgraded, WireEvent
from agentgate_proto.wire.http1 import HttpServer, RequestHead
from agentgate_proto.wire.upgrade import (
    OFFER,
    UPGRADE_REQUIRED,
    acceptance,
    objection,
    wants_websocket,
)
from agentgate_proto.wire.websocket import Wire


class ServerWire(Wire):
    """See the module.

    Args:
        limits: caps for what the client sends.
        origins: browser origins that may connect, besides the gateway's own. Programs send no
            Origin header and are not concerned.
    """

    def __init__(self, limits: Limits, origins: frozenset[str] = frozenset()) -> None:
        super().__init__(Frames(ConnectionType.SERVER), limits, masked=True)
        self.http = HttpServer(limits, self.out, origins)

    def receive_data(self, data: bytes) -> None:
        """Store bytes from the client."""
        if self.opened:
            super().receive_data(data)
        else:
            self.http.receive_data(data)

    def next_event(self) -> WireEvent | None:
        """Return the next event; see :meth:`Wire.next_event`."""
        if self.opened:
            return super().next_event()
        request = self.http.next_request()
        if request is None:
            return None
        if not wants_websocket(request):
            return HttpRequest(request.method, request.target, request.headers, request.body)
        return self._upgrade(request)

    def _upgrade(self, request: RequestHead) -> Upgraded:
        refusal = objection(request)
        if refusal is not None:
            status, reason = refusal
            self.http.refuse(status, reason, OFFER if status == UPGRADE_REQUIRED else [])
        self.opened = True
        super().receive_data(self.http.switch_protocols(acceptance(request)))
        return Upgraded()

    def send_http(
        self, status: int, body: bytes, content_type: str, headers: dict[str, str] | None = None
    ) -> None:
        """Answer the plain HTTP request that ``next_event`` returned last."""
        self.http.respond(status, body, content_type, headers or {})
