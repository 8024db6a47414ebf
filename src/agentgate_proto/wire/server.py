"""The gateway's end of a WebSocket: plain HTTP until a request asks for the upgrade.

HTTP by h11 comes first, because the same port serves the HTTP face.
"""

from __future__ import annotations

from typing import NoReturn

from wsproto.connection import Connection as Frames
from wsproto.connection import ConnectionType

from agentgate_proto.errors import LocalProtocolError, RemoteProtocolError
from agentgate_proto.limits import Limits
from agentgate_proto.wire.bodies import STRANGER_BYTES_MAX
from agentgate_proto.wire.doors import OPEN_DOORS, Doors
from agentgate_proto.wire.events import (
    Alive,
    BodyOffer,
    HttpRequest,
    Served,
    Upgraded,
    UpgradeRequest,
    WireEvent,
)
from agentgate_proto.wire.headers import Lines, encoded
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

REFUSALS = frozenset(range(300, 600)) - {304}
"""Statuses that refuse an upgrade, and whose answers have bodies."""


class ServerWire(Wire):
    """See the module.

    Args:
        limits: caps for what the client sends.
        doors: who may come in, and where to.

    Attributes:
        held_back: of plain HTTP, no further request is taken for now.
    """

    def __init__(self, limits: Limits, doors: Doors = OPEN_DOORS) -> None:
        super().__init__(Frames(ConnectionType.SERVER), limits, masked=True)
        self.http = HttpServer(limits, self.out, doors)
        self.held_back = False
        self._message_bytes_max = limits.message_bytes_max
        self._asked: tuple[RequestHead, Route] | None = None

    def receive_data(self, data: bytes) -> None:
        """Store bytes from the client."""
        if self.opened:
            super().receive_data(data)
        else:
            self.http.receive_data(data)

    def forget_input(self) -> None:
        """Drop what was not read: nobody will."""
        super().forget_input()
        self.http.forget_input()

    def next_event(self) -> WireEvent | None:
        """Return the next event; see :meth:`Wire.next_event`."""
        if self.opened:
            return super().next_event()
        if self.held_back:
            return None
        request = self.http.next_request()
        if request is None:
            return self._instead_of_a_request()
        if wants_websocket(request.headers):
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

    def accept_upgrade(self, subprotocol: str = "", headers: Lines = ()) -> None:
        """Answer ``UpgradeRequest``: messages flow from now on.

        Args:
            subprotocol: one of those that the client offers, or "".
            headers: further ones of the answer.

        Raises:
            LocalProtocolError: nothing was asked, the subprotocol was not offered, or the headers
                can't be sent.
        """
        request, route = self._undecided()
        self._open(acceptance(request, subprotocol, headers))
        self.takes_binary = route.binary
        if route.message_bytes_max is not None:
            self._message_bytes_max = route.message_bytes_max
        self._bound_messages()

    def refuse_upgrade(self, status: int, reason: str, headers: Lines = ()) -> NoReturn:
        """Answer ``UpgradeRequest`` with an HTTP status; the connection ends.

        Raises:
            RemoteProtocolError: always, for the connection to end by.
            LocalProtocolError: nothing was asked, or the answer is no refusal.
        """
        self._undecided()
        if status not in REFUSALS:
            raise LocalProtocolError(f"{status} refuses nothing")
        try:
            self.http.refuse(status, reason, encoded(headers))
        except RemoteProtocolError:
            self._asked = None
            raise

    def send_http(self, status: int, body: bytes, content_type: str, headers: Lines = ()) -> None:
        """Answer the plain HTTP request that ``next_event`` returned last.

        Raises:
            LocalProtocolError: there is none, or the answer is no HTTP.
        """
        self._check_plain()
        self.http.respond(status, body, content_type, headers)

    def start_http(self, status: int, content_type: str, headers: Lines = ()) -> None:
        """Begin a streamed answer to that request. Raises as ``send_http``."""
        self._check_plain()
        self.http.start_response(status, content_type, headers)

    def be_strict(self) -> None:
        """Take little from the client until somebody knows who it is."""
        self.http.is_known = False
        self._bound_messages()

    def recognise(self) -> None:
        """Take what the limits say: it is known who the client is."""
        self.http.is_known = True
        self._bound_messages()

    def _bound_messages(self) -> None:
        """Say how large a message may be now."""
        is_less = not self.http.is_known and self._message_bytes_max > STRANGER_BYTES_MAX
        self.message_bytes_max = STRANGER_BYTES_MAX if is_less else self._message_bytes_max
        self.until = " before it is known who sends it" if is_less else ""

    def _instead_of_a_request(self) -> BodyOffer | Alive | None:
        head = self.http.next_offer()
        if head is not None:
            route = None if head.found is None else head.found.place.by_method.get(head.method)
            return BodyOffer(head.target, head.headers, route)
        return Alive() if self.http.goes_on else None

    def _check_plain(self) -> None:
        if self._asked is not None:
            raise LocalProtocolError("an upgrade waits to be decided, and no request to answer")

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
        self._begun = len(self.out)
        super().receive_data(rest)

    def _undecided(self) -> tuple[RequestHead, Route]:
        if self._asked is None or self.http.finished:
            raise LocalProtocolError("no upgrade waits to be decided")
        return self._asked
