"""A talk with a server that the test plays itself, message by message."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.faces.mcp_backend.events import Abort, Event, Kind, Send
from agentgate_proto.faces.mcp_backend.talk import ServerTalk

ALL = frozenset(Kind)
TOOLS = frozenset({Kind.TOOLS})
CAN = {"tools": {"listChanged": True}}
EVERYTHING: dict[str, Any] = {
    **CAN,
    "resources": {"subscribe": True, "listChanged": True},
    "prompts": {"listChanged": True},
    "logging": {},
}


class Server:
    """Plays the server: reads what the talk sends, and answers. ``now`` is the time."""

    def __init__(self, *, is_http: bool = False, wanted: frozenset[Kind] = TOOLS) -> None:
        self.talk = ServerTalk("gate", "1", is_http=is_http, wanted=wanted)
        self.now = 100.0
        self.sent: list[Send] = []

    def open(self) -> dict[str, Any]:
        self.talk.open(self.now)
        return self.only()

    def messages(self) -> list[dict[str, Any]]:
        """All that the talk sends; what it wants closed is under ``abort``."""
        found: list[dict[str, Any]] = []
        while (message := self.talk.next_message()) is not None:
            if isinstance(message, Abort):
                found.append({"abort": message.request})
                continue
            self.sent.append(message)
            decoded = msgspec.json.decode(message.body)
            assert decoded.get("id") == message.request or "method" not in decoded
            found.append(decoded)
        assert not self.talk.has_messages
        return found

    def only(self) -> dict[str, Any]:
        (message,) = self.messages()
        return message

    def events(self) -> list[Event]:
        found = []
        while (event := self.talk.next_event()) is not None:
            found.append(event)
        return found

    def event(self) -> Event:
        (event,) = self.events()
        return event

    def says(self, message: Any, stream: int | None = None) -> None:
        self.talk.receive(msgspec.json.encode(message), self.now, stream)

    def answers(self, request: dict[str, Any], result: Any) -> None:
        self.says({"jsonrpc": "2.0", "id": request["id"], "result": result})

    def fails(self, request: dict[str, Any], code: int = -32601, message: str = "no") -> None:
        error = {"code": code, "message": message}
        self.says({"jsonrpc": "2.0", "id": request["id"], "error": error})

    def asks(self, number: int | str, method: str, params: Any = None, **more: Any) -> None:
        said = {"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}}
        self.says(said, **more)

    def notes(self, method: str, params: Any = None, **more: Any) -> None:
        self.says({"jsonrpc": "2.0", "method": method, "params": params or {}}, **more)

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self.talk.handle_timer(self.now)


def discovered(*, versions: Any = ("2026-07-28",), can: Any = CAN) -> dict[str, Any]:
    return {
        "resultType": "complete",
        "supportedVersions": versions,
        "capabilities": can,
        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "s", "version": "2"}},
    }


def initialized(version: str = "2025-11-25", can: Any = CAN) -> dict[str, Any]:
    info = {"name": "s", "version": "2"}
    return {"protocolVersion": version, "capabilities": can, "serverInfo": info}


def modern(
    *, is_http: bool = False, can: Any = CAN, wanted: frozenset[Kind] = TOOLS
) -> tuple[Server, list[dict[str, Any]]]:
    """A server of the modern era that is ready, and what it has been asked since."""
    server = Server(is_http=is_http, wanted=wanted)
    server.answers(server.open(), discovered(can=can))
    server.events()
    return server, server.messages()


def legacy(
    *, is_http: bool = False, can: Any = CAN, wanted: frozenset[Kind] = TOOLS, session: str = ""
) -> tuple[Server, list[dict[str, Any]]]:
    """The same of the legacy era."""
    server = Server(is_http=is_http, wanted=wanted)
    server.fails(server.open())
    greeting = server.only()
    if session:
        server.talk.joined(session)
    server.answers(greeting, initialized(can=can))
    server.events()
    return server, server.messages()


def called(server: Server, can: frozenset[str] = frozenset()) -> tuple[int, dict[str, Any]]:
    """Begin a call, and return its number and the request for it."""
    params = {"name": "lamp", "arguments": msgspec.Raw(b'{"on":  true}')}
    call = server.talk.call("tools/call", params, can)
    assert call is not None
    return call, server.only()
