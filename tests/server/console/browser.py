"""A browser as a gateway sees it: requests with the headers that browsers add, and a cookie jar."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import anyio
import h11

from agentgate_server.gateway import Gateway


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> int:
        found: int = self.json["error"]["code"]
        return found

    @property
    def message(self) -> str:
        found: str = self.json["error"]["message"]
        return found


@dataclass
class Browser:
    """Asks one gateway, as a page of it unless something else is said."""

    gateway: Gateway
    host: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def own_host(self) -> str:
        return self.host or f"127.0.0.1:{self.gateway.port}"

    async def call(self, name: str, body: Any = None, **headers: str | None) -> Answer:
        """Make a call of a page; a header that is None is left out."""
        lines: dict[str, str | None] = {
            "origin": f"http://{self.own_host}",
            "sec-fetch-site": "same-origin",
            "content-type": "application/json",
            **{key.replace("_", "-"): value for key, value in headers.items()},
        }
        data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        return await self.send("POST", f"/console/api/{name}", lines, data)

    async def get(self, target: str, method: str = "GET", **headers: str) -> Answer:
        lines: dict[str, str | None] = {
            key.replace("_", "-"): value for key, value in headers.items()
        }
        return await self.send(method, target, lines, b"")

    async def send(
        self, method: str, target: str, headers: dict[str, str | None], body: bytes
    ) -> Answer:
        lines = {"host": self.own_host, "connection": "close", **headers}
        if self.cookies and "cookie" not in lines:
            lines["cookie"] = "; ".join(f"{key}={value}" for key, value in self.cookies.items())
        if body or method == "POST":
            lines["content-length"] = str(len(body))
        given = [(name, value) for name, value in lines.items() if value is not None]
        client = h11.Connection(h11.CLIENT)
        async with await anyio.connect_tcp("127.0.0.1", self.gateway.port) as stream:
            data = client.send(h11.Request(method=method, target=target, headers=given))
            assert data is not None
            if body:
                data += client.send(h11.Data(data=body)) or b""
            await stream.send(data + (client.send(h11.EndOfMessage()) or b""))
            return await self._read(client, stream)

    async def _read(self, client: h11.Connection, stream: Any) -> Answer:
        answer = Answer(0, {}, b"")
        while True:
            event = client.next_event()
            match event:
                case h11.NEED_DATA:
                    try:
                        client.receive_data(await stream.receive())
                    except anyio.EndOfStream:
                        client.receive_data(b"")
                case h11.Response():
                    answer.status = event.status_code
                    answer.headers = {k.decode(): v.decode() for k, v in event.headers}
                    self._keep(answer.headers.get("set-cookie", ""))
                case h11.Data():
                    answer.body += event.data
                case _:
                    return answer

    def _keep(self, line: str) -> None:
        pair, *attributes = line.split("; ")
        name, _, value = pair.partition("=")
        if not name:
            return
        if "Max-Age=0" in attributes:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value
