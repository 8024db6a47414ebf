"""A real gateway on a real socket, whatever is asked of it: each call has its answer, and no call
is a surprise to the gateway itself, which would log it as an error."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream
from tests.proto.byhand import UPGRADE, parse_frames
from tests.proto.support import MASK, PING, PONG, TEXT, frame
from tests.server.embedded import AGENT, OPERATOR, OWNER, http, serving

from agentgate_proto.rpc.messages import METHODS, Kind
from agentgate_server.gateway import Gateway

pytestmark = pytest.mark.anyio

CALLS = 150
TEXTS = [
    *(
        "",
        "a",
        "echo",
        "note",
        "asked",
        "hang",
        "lock.front",
        "\u0000",
        "\U0001f600",
        "\u202e",
        "é",
    ),
    *("approve", "deny", "{{ x }}", "a" * 257, "b" * 70_000, "../../etc/passwd", "=1+1", "\u2028"),
]
NUMBERS = [0, -1, 1, 7, 2**31, 2**53, 2**63 - 1, -(2**63), 2**64, 10**30, 1.5, -0.0, 1e308, 5e-324]
NAMES = ["tool", "args", "text", "id", "decision", "grant", "code", "request_id", "minutes", "uses"]
NAMES += ["seq", "limit", "open_only", "idempotency_key", "any_args", "size", "key", "", "password"]


def some(random: Random, depth: int = 3) -> Any:
    """Any JSON value."""
    kind = random.randrange(8 if depth else 5)
    match kind:
        case 0:
            return random.choice([None, True, False])
        case 1 | 2:
            return random.choice(TEXTS)
        case 3 | 4:
            return random.choice(NUMBERS)
        case 5:
            return [some(random, depth - 1) for _ in range(random.randrange(4))]
        case _:
            return {random.choice(NAMES): some(random, depth - 1) for _ in range(4)}


def likely(random: Random, known: list[Any]) -> dict[str, Any]:
    """Parameters that fit some method, but for a value or two."""
    ids = [*known, "nobody", ""]
    params: dict[str, Any] = random.choice(
        [
            {"tool": random.choice(["echo", "note", "asked", "big"]), "args": {"text": "x"}},
            {"tool": "asked", "args": some(random), "idempotency_key": random.choice(TEXTS)},
            {"tool": "echo", "args": {"text": some(random)}},
            {"tool": "big", "args": {"size": random.choice([0, 1, -1, 3_000, "x"])}},
            {"id": random.choice(ids), "decision": random.choice(["approve", "deny", "maybe"])},
            {"id": random.choice(ids), "decision": "approve", "grant": {"minutes": 5, "uses": 2}},
            {"id": random.choice(ids), "grant": {"any_args": ["text"], "minutes": some(random, 0)}},
            {"request_id": random.choice([1, 2, "x", 2**70, None])},
            {"limit": random.choice(NUMBERS), "open_only": random.choice([True, 1])},
            {"seq": random.choice(NUMBERS)},
            {},
        ]
    )
    if random.random() < 0.3:
        params[random.choice(NAMES)] = some(random)
    return params


def is_params(value: Any) -> bool:
    """Whether a request with it is one at all; what is none is answered without its id."""
    return isinstance(value, dict | list)


class Line:
    """A socket that speaks JSON-RPC by hand."""

    def __init__(self, stream: SocketStream) -> None:
        self.stream = stream
        self.rest = b""
        self.heard: list[Any] = []

    async def say(self, message: Any) -> None:
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        await self.stream.send(frame(TEXT, data, mask=MASK))

    async def read(self) -> None:
        """Read once; pings are answered."""
        frames, self.rest = parse_frames(self.rest + await self.stream.receive())
        for opcode, payload in frames:
            if opcode == PING:
                await self.stream.send(frame(PONG, payload, mask=MASK))
            elif opcode == TEXT:
                self.heard.append(json.loads(payload))

    async def answer(self, request_id: Any) -> Any:
        """Read until this request is answered."""
        while True:
            for message in self.heard:
                if isinstance(message, dict) and message.get("id") == request_id:
                    self.heard.remove(message)
                    return message
            await self.read()


@asynccontextmanager
async def line(gateway: Gateway, token: str, client_id: str = "fuzz") -> AsyncIterator[Line]:
    """Connect and authenticate."""
    async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
        await stream.send(re.sub(rb"Host: \S+", b"Host: localhost", UPGRADE))
        head = b""
        while b"\r\n\r\n" not in head:
            head += await stream.receive()
        found = Line(stream)
        found.rest = head.partition(b"\r\n\r\n")[2]
        auth = {"token": token, "client_id": client_id}
        await found.say({"jsonrpc": "2.0", "method": "auth", "params": auth, "id": "auth-1"})
        assert "result" in await found.answer("auth-1")
        yield found


def no_surprise(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing was logged as an error."""
    errors = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
    assert errors == []


@pytest.mark.parametrize("token", [AGENT, OWNER, OPERATOR], ids=["agent", "owner", "operator"])
@pytest.mark.parametrize("seed", range(3))
async def test_every_call_is_answered_whatever_it_says(
    seed: int, token: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    random = Random(f"{seed} {token}")
    limits = {"max_requests_per_minute": 100_000, "max_pending_approvals": 20}
    async with (
        serving(tmp_path, rate_limit=limits) as gateway,
        line(gateway, token) as peer,
        line(gateway, AGENT, "asker") as asker,
    ):
        requests = [name for name, each in METHODS.items() if each.kind is Kind.REQUEST]
        for number in range(CALLS):
            known = [view.id for view in gateway.gate.desk.waiting()]
            known += [grant.id for grant in gateway.gate.desk.grants()]
            method = random.choice([*requests, "tool_request", "decide_approval", "what"])
            params = likely(random, known) if random.random() < 0.8 else some(random)
            call = {"jsonrpc": "2.0", "method": method, "params": params, "id": f"n{number}"}
            await peer.say(call)
            if method == "tool_request" and is_params(params):  # a person may be asked
                call = {"jsonrpc": "2.0", "method": "list_tools", "id": f"after {number}"}
                await peer.say(call)
            await peer.answer(call["id"] if is_params(params) else None)
            if number % 10 == 0:
                params = {"tool": "asked", "args": {"text": "x"}, "idempotency_key": f"k{number}"}
                call = {"jsonrpc": "2.0", "method": "tool_request", "params": params, "id": number}
                await asker.say(call)
        no_surprise(caplog)
        async with line(gateway, AGENT, "honest") as honest:
            call = {"tool": "echo", "args": {"text": "hi"}}
            await honest.say({"jsonrpc": "2.0", "method": "tool_request", "params": call, "id": 1})
            assert (await honest.answer(1))["result"]["data"] == "hi"
        assert (await http(gateway, "GET", "/health"))[2]["status"] == "ok"
    no_surprise(caplog)


@pytest.mark.parametrize("seed", range(3))
async def test_every_plain_request_is_answered_whatever_it_says(
    seed: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    random = Random(seed)
    async with serving(tmp_path) as gateway:
        for _ in range(CALLS // 2):
            path = random.choice(
                ["/health", "/metrics", "/api/approvals", "/api/approvals/x", "/api/grants/y", "/"]
            )
            path += random.choice(["", "?", "?a=b", "/", "//", "/..", "%00", "%2e%2e"])
            method = random.choice(["GET", "HEAD", "POST", "DELETE", "PUT", "OPTIONS", "x"])
            token = random.choice(["", OWNER, OWNER, OPERATOR, AGENT])
            body = random.choice([None, some(random), likely(random, [])])
            status, _, _ = await http(gateway, method, path, token=token, body=body)
            assert status in {200, 204, 400, 401, 403, 404, 405, 409, 413, 426, 429}
        assert (await http(gateway, "GET", "/health"))[2]["status"] == "ok"
    no_surprise(caplog)
