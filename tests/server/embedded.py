"""A gateway inside the test's own event loop, and raw sockets to talk to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import anyio
from anyio.abc import SocketStream

from agentgate_proto.connection.client import ClientConnection
from agentgate_proto.connection.events import Event
from agentgate_proto.limits import CLIENT_LIMITS, SERVER_LIMITS, Limits
from agentgate_proto.rpc.messages import Auth
from agentgate_server import tool
from agentgate_server.config import Config, config_from_dict
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

AGENT, OWNER, OPERATOR = "agent-token-0123456789", "owner-token-0123456789", "ops-token-0123456789"
BOUND_S = 30.0
"""Nothing takes a tenth of it on a quiet machine; a busy one must not decide what holds."""
POLICY = """
defaults:
  - {pattern: "*", action: ask}
rules:
  - {pattern: "echo*", action: allow}
  - {pattern: "big*", action: allow}
  - {pattern: "hang*", action: allow}
  - {pattern: "note*", action: allow}
"""


@tool(effects="read", inline=True)
def echo(text: str) -> str:
    return text


@tool(effects="read", inline=True)
def big(size: int) -> str:
    return "x" * size


@tool(effects="write")
async def hang(key: str = "") -> None:
    await anyio.sleep_forever()


@tool(effects="write", inline=True, args_bytes_max=1_000_000)
def note(text: str) -> str:
    return text


@tool(args_bytes_max=1_000_000)
def asked(text: str) -> str:
    return text


def config(folder: Path, **changes: Any) -> Config:
    return config_from_dict(
        {
            "gateway": {"port": 0, "shutdown_s": 0.2, **changes.pop("gateway", {})},
            "agent": {"token": AGENT},
            "principals": [
                {"name": "owner", "role": "approver", "token": OWNER},
                {"name": "ops", "role": "operator", "token": OPERATOR},
                *changes.pop("principals", []),
            ],
            "storage": {"path": str(folder / "gate.db")},
            **changes,
        }
    )


@asynccontextmanager
async def serving(
    folder: Path, limits: Limits = SERVER_LIMITS, policy: Policy | None = None, **changes: Any
) -> AsyncIterator[Gateway]:
    faces = changes.pop("faces", ())
    gateway = Gateway(
        config(folder, **changes),
        faces=faces,
        tools=[echo, big, hang, note, asked],
        policy=policy or Policy.parse(POLICY),
        limits=limits,
    )
    with anyio.fail_after(BOUND_S):
        async with gateway:
            yield gateway


class RawClient:
    """The client's machine on a raw socket: the test decides what is sent and read, and when."""

    def __init__(self, stream: SocketStream, machine: ClientConnection) -> None:
        self.stream = stream
        self.machine = machine

    async def flush(self) -> None:
        await self.stream.send(self.machine.data_to_send())

    async def next(self, kind: type[Any]) -> Any:
        """Read until an event of this kind comes."""
        while True:
            event = self.machine.next_event()
            if isinstance(event, kind):
                return event
            if event is None:
                await self.read()

    async def read(self) -> None:
        try:
            data = await self.stream.receive(65_536)
        except anyio.EndOfStream:
            self.machine.receive_eof(anyio.current_time())
        except anyio.BrokenResourceError as error:
            self.machine.send_failed(str(error), anyio.current_time())
        else:
            self.machine.receive_data(data, anyio.current_time())

    async def request(self, request_id: int, method: str, params: Any) -> None:
        self.machine.send_request(request_id, method, params)
        await self.flush()


@asynccontextmanager
async def raw_client(
    gateway: Gateway, token: str = AGENT, client_id: str = "raw"
) -> AsyncIterator[RawClient]:
    async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
        machine = ClientConnection(
            "localhost",
            "/",
            Auth(token=token, client_id=client_id),
            anyio.current_time(),
            masks=Random(0),
            limits=CLIENT_LIMITS,
        )
        client = RawClient(stream, machine)
        await client.flush()
        while b"\r\n\r\n" not in (head := await stream.receive(65_536)):
            machine.receive_data(head, anyio.current_time())
        machine.receive_data(head, anyio.current_time())
        client.machine.next_event()
        await client.flush()
        yield client


async def all_bytes(stream: SocketStream) -> bytes:
    """Read until the other end closes."""
    data = b""
    try:
        while True:
            data += await stream.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        return data


async def http(
    gateway: Gateway, method: str, path: str, *, token: str = "", body: Any = None, extra: str = ""
) -> tuple[int, dict[str, str], Any]:
    """One plain HTTP request on a fresh socket: status, headers, body; decoded if it is JSON."""
    payload = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{extra}"
    head += f"Authorization: Bearer {token}\r\n" if token else ""
    head += f"Content-Length: {len(payload)}\r\n\r\n"
    async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
        await stream.send(head.encode() + payload)
        answer = await all_bytes(stream)
    top, _, rest = answer.partition(b"\r\n\r\n")
    lines = top.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    value: Any = rest.decode()
    if headers.get("content-type") == "application/json":
        value = json.loads(rest) if rest else None
    return int(lines[0].split()[1]), headers, value


async def until(probe: Callable[[], Any], what: str) -> Any:
    """Poll, bounded by the ``fail_after`` of ``serving``."""
    while not (value := probe()):
        await anyio.sleep(0.002)
    return value


__all__ = ["Event", "RawClient", "all_bytes", "http", "raw_client", "serving", "until"]
