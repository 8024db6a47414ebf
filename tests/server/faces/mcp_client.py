"""A plain HTTP client that speaks MCP as it stands in the specification, in both eras."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import anyio
import h11
from anyio.abc import SocketStream

from agentgate_proto.faces.mcp.eras import CAPABILITIES_KEY, CLIENT_KEY, VERSION_KEY

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
ACCEPT = "application/json, text/event-stream"
TASKS: dict[str, Any] = {"extensions": {"io.modelcontextprotocol/tasks": {}}}


class Response:
    """An answer as it comes.

    Attributes:
        status, headers: of it.
        ended: it has come as a whole.
        socket: that it comes on.
    """

    def __init__(self, http: Http, stream: SocketStream, machine: h11.Connection) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.ended = False
        self._http = http
        self.socket = stream
        self._machine = machine

    async def begin(self) -> None:
        event = await self._event()
        assert isinstance(event, h11.Response), event
        self.status = event.status_code
        self.headers = {name.decode(): value.decode() for name, value in event.headers}

    async def chunk(self) -> bytes:
        """The next piece; b"": there is no further one."""
        if self.ended:
            return b""
        event = await self._event()
        if isinstance(event, h11.Data):
            return bytes(event.data)
        assert isinstance(event, h11.EndOfMessage), event
        self.ended = True
        return b""

    async def text(self) -> str:
        data = b""
        while piece := await self.chunk():
            data += piece
        return data.decode()

    async def json(self) -> Any:
        return json.loads(await self.text())

    async def close(self) -> None:
        """Keep the connection if it can be used again."""
        if self.ended and self._machine.our_state is h11.DONE is self._machine.their_state:
            self._machine.start_next_cycle()
            self._http.idle.append((self.socket, self._machine))
        else:
            await self.socket.aclose()

    async def _event(self) -> Any:
        while (event := self._machine.next_event()) is h11.NEED_DATA:
            try:
                self._machine.receive_data(await self.socket.receive())
            except anyio.EndOfStream:
                self._machine.receive_data(b"")
        return event


class Http:
    """HTTP/1.1 with connections that are kept."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.idle: list[tuple[SocketStream, h11.Connection]] = []

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> AsyncIterator[Response]:
        """Ask for something, and read the answer as it comes."""
        stream, machine = await self._connection()
        lines = {"host": f"127.0.0.1:{self.port}", **headers, "content-length": str(len(body))}
        data = machine.send(h11.Request(method=method, target=path, headers=[*lines.items()]))
        data += machine.send(h11.Data(data=body)) + machine.send(h11.EndOfMessage())
        await stream.send(data)
        response = Response(self, stream, machine)
        try:
            await response.begin()
            yield response
        finally:
            with anyio.CancelScope(shield=True):
                await response.close()

    async def close(self) -> None:
        for stream, _ in self.idle:
            await stream.aclose()
        self.idle.clear()

    async def _connection(self) -> tuple[SocketStream, h11.Connection]:
        if self.idle:
            return self.idle.pop()
        stream = await anyio.connect_tcp("127.0.0.1", self.port)
        return stream, h11.Connection(h11.CLIENT)


class Answer:
    """A whole answer."""

    def __init__(self, status: int, headers: dict[str, str], text: str) -> None:
        self.status = status
        self.headers = headers
        self.text = text

    def json(self) -> Any:
        return json.loads(self.text)


class Events:
    """A stream of server-sent events as they come: those with data, and what was said of ids."""

    def __init__(self, response: Response) -> None:
        self.last_id = ""
        self.retry = ""
        self._response = response
        self._text = ""

    async def next(self) -> Any:
        """The next message; None: the stream has ended."""
        data: list[str] = []
        while (line := await self._line()) is not None:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "id":
                self.last_id = value
            elif name == "retry":
                self.retry = value
            elif name == "data":
                data.append(value)
            elif not line and "".join(data):
                return json.loads("\n".join(data))
            elif not line:
                data = []
        return None

    async def _line(self) -> str | None:
        while "\n" not in self._text:
            piece = await self._response.chunk()
            if not piece:
                return None
            self._text += piece.decode()
        line, _, self._text = self._text.partition("\n")
        return line

    async def answer(self) -> Any:
        """The response at the end of the stream."""
        while (message := await self.next()) is not None:
            if "method" not in message:
                return message
        raise AssertionError("the stream ended without a response")


class McpClient:
    """See the module.

    Args:
        port: of the gateway, on this machine.
        token: "": none.
        version: the revision that it speaks.
        capabilities: what it says that it can do.
    """

    def __init__(
        self,
        port: int,
        token: str,
        version: str = MODERN,
        capabilities: dict[str, Any] | None = None,
        path: str = "/mcp",
    ) -> None:
        self.path = path
        self.token = token
        self.version = version
        self.capabilities = capabilities or {}
        self.session = ""
        self.http = Http(port)
        self._ids = count(1)

    @property
    def is_modern(self) -> bool:
        return self.version == MODERN

    def headers(self, message: Any = None) -> dict[str, str]:
        found = {"accept": ACCEPT, "content-type": "application/json"}
        if self.token:
            found["authorization"] = f"Bearer {self.token}"
        if self.is_modern:
            found["mcp-protocol-version"] = self.version
        elif self.session:
            found |= {"mcp-protocol-version": self.version, "mcp-session-id": self.session}
        if self.is_modern and isinstance(message, dict) and "method" in message:
            params = message.get("params", {})
            found["mcp-method"] = message["method"]
            name = params.get("name") or params.get("uri") or params.get("taskId")
            if name:
                found["mcp-name"] = name
        return found

    def request(self, method: str, params: Any = None, *, meta: Any = None) -> dict[str, Any]:
        """Make a request."""
        params = dict(params or {})
        own: dict[str, Any] = {}
        if self.is_modern:
            own = {
                VERSION_KEY: self.version,
                CLIENT_KEY: {"name": "test", "version": "1"},
                CAPABILITIES_KEY: self.capabilities,
            }
        if own or meta:
            params["_meta"] = own | (meta or {})
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}

    async def send(self, message: Any, method: str = "POST", **headers: str) -> Answer:
        """Send something, and read the whole answer."""
        lines = self.headers(message) | {name.replace("_", "-"): headers[name] for name in headers}
        body = b"" if message is None else json.dumps(message).encode()
        async with self.http.stream(method, self.path, lines, body) as response:
            text = await response.text()
        return Answer(response.status, response.headers, text)

    async def ask(self, method: str, params: Any = None, *, meta: Any = None) -> Any:
        """Ask, and return the response, by whatever way it comes."""
        async with self.streaming(self.request(method, params, meta=meta)) as response:
            return await whole(response)

    async def call(self, tool: str, arguments: Any = None, *, meta: Any = None) -> Any:
        """Call a tool, and return the result."""
        params = {"name": tool, "arguments": arguments or {}}
        response = await self.ask("tools/call", params, meta=meta)
        assert response.keys() == {"jsonrpc", "id", "result"}, response
        return response["result"]

    def calling(self, tool: str, arguments: Any = None, **meta: Any) -> dict[str, Any]:
        """Make a request that calls a tool."""
        params = {"name": tool, "arguments": arguments or {}}
        return self.request("tools/call", params, meta=meta)

    @asynccontextmanager
    async def streaming(self, message: Any) -> AsyncIterator[Response]:
        """Post something, and read the answer as it comes."""
        headers, body = self.headers(message), json.dumps(message).encode()
        async with self.http.stream("POST", self.path, headers, body) as response:
            yield response

    @asynccontextmanager
    async def listening(self, last_event_id: str = "") -> AsyncIterator[Response]:
        """Open the stream of the session, or go on with that of a call."""
        headers = self.headers()
        if last_event_id:
            headers["last-event-id"] = last_event_id
        async with self.http.stream("GET", self.path, headers) as response:
            yield response

    async def begin(self) -> Any:
        """Begin a session."""
        params = {
            "protocolVersion": self.version,
            "capabilities": self.capabilities,
            "clientInfo": {"name": "test", "version": "1"},
        }
        response = await self.send(self.request("initialize", params))
        assert response.status == 200, response.text
        self.session = response.headers["mcp-session-id"]
        done = await self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        assert done.status == 202
        return response.json()["result"]

    async def close(self) -> None:
        await self.http.close()


async def whole(response: Response) -> Any:
    """The response in an answer, by whatever way it comes."""
    if response.headers["content-type"] == "application/json":
        return await response.json()
    answer = await Events(response).answer()
    await response.text()
    return answer


def text_of(result: Any) -> str:
    """The first text of a result."""
    text: str = result["content"][0]["text"]
    return text
