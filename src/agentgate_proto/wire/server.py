"""The gateway's end of a WebSocket: plain HTTP until a request asks for the upgrade.

HTTP by h11 comes first, because the same port serves the HTTP face.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NoReturn

from wsproto.connection import Connection as Frames
from wsproto.connection import ConnectionType

from agentgate_proto.errors import LocalProtocolError
from agentgate_proto.limits import Limits
from agentgate_proto.wire.doors import OPEN_DOORS, Doors
from agentgate_proto.wire.events import HttpRequest, Served, Upgraded, UpgradeRequest, WireEvent
from agentgate_proto.wire.heads import RequestHead
from agentgate_proto.wire.http1 import HttpServer
from agentgate_proto.wire.options import answer_by_rule
from agentgate_proto.wire.routes import Route
from agentgate_proto.wire.upgrade import (
    OFFER,
    UPGRADE_REQUIRED,
    acceptance,
    objection,
    subprotocols,
    wants_websocket,
)
from agentgate_proto.wire.websocket import Wire

NOT_FOUND = 404


class ServerWire(Wire):
    """See the module.

    Args:
        limits: caps for what the client sends.
        doors: who may come in, and where to.
    """

    def __init__(self, limits: Limits, doors: Doors = OPEN_DOORS) -> None:
        super().__init__(Frames(ConnectionType.SERVER), limits, masked=True)
        self.http = HttpServer(limits, self.out, doors)
        self._asked: tuple[RequestHead, Route] | None = None

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
        if wants_websocket(request):
            return self._upgrade(request)
        by_rule = answer_by_rule(request)
        if by_rule is not None:
            self.http.respond(by_rule.status, by_rule.body, by_rule.content_type, by_rule.headers)
            return Served()
        found = request.found
        if found is None:
            return HttpRequest(request.method, request.target, request.headers, request.body)
        return HttpRequest(
            request.method,
            request.target,
            request.headers,
            request.body,
            found.place.by_method[request.method],
            found.values,
        )

    def accept_upgrade(
        self, subprotocol: str = "", headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Answer ``UpgradeRequest``: messages flow from now on.

        Args:
            subprotocol: one of those that the client offers, or "".
            headers: further ones of the answer.

        Raises:
            LocalProtocolError: nothing was asked, or the subprotocol was not offered.
        """
        request, route = self._undecided()
        self._open(acceptance(request, subprotocol, headers))
        self.takes_binary = route.binary
        if route.message_bytes_max is not None:
            self.limits = replace(self.limits, message_bytes_max=route.message_bytes_max)

    def refuse_upgrade(
        self, status: int, reason: str, headers: Iterable[tuple[str, str]] = ()
    ) -> NoReturn:
        """Answer ``UpgradeRequest`` with an HTTP status; the connection ends.

        Raises:
            RemoteProtocolError: always, for the connection to end by.
            LocalProtocolError: nothing was asked.
        """
        self._undecided()
        self._asked = None
        self.http.refuse(status, reason, [(n.encode(), v.encode()) for n, v in headers])

    def _upgrade(self, request: RequestHead) -> Upgraded | UpgradeRequest:
        refusal = objection(request)
        if refusal is not None:
            status, reason = refusal
            self.http.refuse(status, reason, OFFER if status == UPGRADE_REQUIRED else [])
        if request.found is None:
            self._open(acceptance(request))
            return Upgraded()
        route = request.found.place.websocket
        if route is None:
            self.http.refuse(NOT_FOUND, "no WebSocket here: this path serves plain HTTP; use /")
        self._asked = request, route
        return UpgradeRequest(
            route,
            request.found.values,
            request.target,
            request.headers,
            tuple(subprotocols(request)),
        )

    def _open(self, headers: list[tuple[bytes, bytes]]) -> None:
        rest = self.http.switch_protocols(headers)
        self._asked = None
        self.opened = True
        super().receive_data(rest)

    def _undecided(self) -> tuple[RequestHead, Route]:
        if self._asked is None:
            raise LocalProtocolError("no upgrade waits to be decided")
        return self._asked

    def send_http(
        self,
        status: int,
        body: bytes,
        content_type: str,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    ) -> None:
        """Answer the plain HTTP request that ``next_event`` returned last."""
        self.http.respond(status, body, content_type, headers)
