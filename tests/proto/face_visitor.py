"""A client made by hand at the paths of a face, the face's routes, and the face."""

from __future__ import annotations

from typing import Any

from tests.proto.byhand import UPGRADE, Visitor

from agentgate_proto.connection.events import HttpRequested, MessageReceived, UpgradeAsked
from agentgate_proto.limits import SERVER_LIMITS, Limits
from agentgate_proto.wire.doors import Doors
from agentgate_proto.wire.routes import Route, Routes

STREAM = Route(face="f", path="/stream", methods=frozenset({"GET"}), cors=True)
UPLOAD = Route(face="f", path="/upload", methods=frozenset({"POST"}), body_bytes_max=500)
CHAT = Route(face="f", path="/chat/{room}", websocket=True)
FILES = Route(face="f", path="/files", websocket=True, binary=True, message_bytes_max=300)
DOORS = Doors(routes=Routes([STREAM, UPLOAD, CHAT, FILES]))

HEALTH = b"GET /health HTTP/1.1\r\nHost: gate.example\r\n\r\n"
GET_STREAM = HEALTH.replace(b"/health", b"/stream")
ASK_CHAT = UPGRADE.replace(b"/any", b"/chat/7")
ASK_FILES = UPGRADE.replace(b"/any", b"/files")
ALIVE = b": alive\n\n"


def visitor(limits: Limits = SERVER_LIMITS, doors: Doors = DOORS, peer: str = "") -> Visitor:
    return Visitor(limits, doors=doors, peer=peer)


def http_asked(limits: Limits = SERVER_LIMITS, request: bytes = GET_STREAM) -> Visitor:
    """A plain request waits for its answer."""
    at = visitor(limits)
    at.send(request)
    at.happened()
    return at


def streaming(
    limits: Limits = SERVER_LIMITS, request: bytes = GET_STREAM, alive: bytes = ALIVE
) -> Visitor:
    """A streamed answer is under way, and its head has been taken."""
    at = http_asked(limits, request)
    at.server.start_http(200, "text/event-stream", alive=alive)
    at.tick(0.0)
    at.rest = b""
    return at


def upgrade_asked(limits: Limits = SERVER_LIMITS, request: bytes = ASK_CHAT) -> Visitor:
    """An upgrade waits to be decided."""
    return http_asked(limits, request)


def messaging(limits: Limits = SERVER_LIMITS, request: bytes = ASK_FILES) -> Visitor:
    """The messages of a face flow."""
    at = upgrade_asked(limits, request)
    at.server.accept_upgrade()
    at.tick(0.0)
    at.happened()
    return at


def serve(at: Visitor) -> Visitor:
    """Let the face be driven as a gateway drives it; what it does depends on the path alone.

    Plain requests are answered by a stream, and with their body. Who asks for a WebSocket in the
    rooms ``refused`` and ``closed`` gets that, with its first subprotocol in all others; there, and
    with files, each message is sent back.
    """

    def act(event: Any) -> None:
        server = at.server
        match event:
            case HttpRequested(route=Route(path="/stream")):
                server.start_http(200, "text/event-stream", alive=ALIVE)
                if event.method != "HEAD":
                    server.send_http_body(b"data: 1\n\n")
                    server.send_http_body(event.body)
                server.end_http()
            case HttpRequested():
                server.send_http(200, event.body, "text/plain")
            case UpgradeAsked(values={"room": "refused"}):
                server.refuse_upgrade(403, "not here", {"x-face": "f"})
            case UpgradeAsked(subprotocols=subprotocols):
                server.accept_upgrade(subprotocols[0] if subprotocols else "")
                if event.values.get("room") == "closed":
                    server.close(4403, "not here")
            case MessageReceived(data=data):
                server.send_message(data)

    at.on_event = act
    return at
