"""A server of plain HTTP for tests, that answers each request at once and keeps what it saw."""

from __future__ import annotations

from collections.abc import Iterable

from tests.vectors.http1 import ALLOWED, BODY_MAX, HEAD_MAX, HOSTS, ROUTES

from agentgate_proto.errors import RemoteProtocolError
from agentgate_proto.limits import Limits
from agentgate_proto.wire.doors import Doors
from agentgate_proto.wire.heads import RequestHead
from agentgate_proto.wire.http1 import HttpServer
from agentgate_proto.wire.routes import Routes

DOORS = Doors(origins=frozenset({ALLOWED}))
HOUSE = Doors(routes=Routes(ROUTES), origins=frozenset({ALLOWED}), hosts=HOSTS)
LIMITS = Limits(
    http_head_bytes_max=HEAD_MAX,
    http_body_bytes_max=BODY_MAX,
    http_held_bytes_max=HEAD_MAX + BODY_MAX,
)


class Peer:
    """A server, and what it saw: requests that were answered, and why it refused, if it did.

    Args:
        doors: of the server.
        streams: answers are streamed.
    """

    def __init__(self, doors: Doors = DOORS, *, streams: bool = False) -> None:
        self.streams = streams
        self.out = bytearray()
        self.http = HttpServer(LIMITS, self.out, doors)
        self.requests: list[RequestHead] = []
        self.refused: str | None = None

    def receive(self, pieces: Iterable[bytes]) -> Peer:
        """Take pieces as they arrive and answer each request at once."""
        for piece in pieces:
            self.http.receive_data(piece)
            self.answer_all()
        return self

    def answer_all(self) -> None:
        try:
            while (request := self.http.next_request()) is not None or self.http.goes_on:
                if request is not None:
                    self.requests.append(request)
                    self.answer(request)
        except RemoteProtocolError as error:
            assert self.refused is None, "refused twice"
            self.refused = error.reason

    def answer(self, request: RequestHead) -> None:
        if not self.streams:
            self.http.respond(200, request.body or b"ok", "text/plain", {})
            return
        self.http.start_response(200, "text/event-stream")
        if not self.http.streams:
            assert request.method == "HEAD"
            return
        self.http.send_body(request.body)
        self.http.send_body(b"ok")
        self.http.end_response()

    @property
    def seen(self) -> list[tuple[str, str, bytes]]:
        return [(request.method, request.target, request.body) for request in self.requests]

    @property
    def result(self) -> tuple[list[RequestHead], str | None, bytes, bool]:
        return self.requests, self.refused, bytes(self.out), self.http.finished
