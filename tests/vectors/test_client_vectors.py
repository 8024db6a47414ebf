"""Our own client does what the client's vectors say."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from random import Random
from typing import Any

import pytest
from tests.proto.byhand import accept_key, parse_frames
from tests.proto.support import CLOSE, PING, PONG, TEXT, frame

from agentgate_cli.conformance.vectors import (
    SETTLED_BEFORE,
    Mismatch,
    Step,
    Vector,
    brief,
    compare,
    filled,
    kind_of,
    load,
)
from agentgate_client.client import OutgoingRequest
from agentgate_proto.client.backoff import Backoff
from agentgate_proto.client.events import Dial, HangUp, Settled
from agentgate_proto.client.machine import ClientMachine
from agentgate_proto.connection.client import ClientConnection
from agentgate_proto.errors import AgentGateError
from agentgate_proto.rpc.messages import Auth, GetPendingResults


class VirtualClient:
    """The client's machine, before a gateway made by hand.

    Attributes:
        did: outputs that no step has taken yet, by kind.
    """

    def __init__(self, vector: Vector) -> None:
        auth = Auth(token="secret", client_id="robot-1")
        self.watch = vector.watch
        self.machine = ClientMachine(
            lambda now: ClientConnection("gate.example", "/", auth, now, masks=Random(0)),
            Backoff(attempts_max=vector.client.get("max_retries")),
        )
        self.now = 100.0
        self.did: dict[str, deque[Any]] = defaultdict(deque)
        self.handles: dict[int, str] = {}
        self.buffer = b""
        self.upgraded = False
        self.peer_closed = False

    def do(self, kind: str, value: Any) -> None:
        machine = self.machine
        match kind:
            case "open":
                machine.open()
            case "connected":
                machine.dialed(self.now)
                self.settle()
                head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
                key = next(
                    a for a in head.split(b"\r\n") if a.lower().startswith(b"sec-websocket-k")
                )
                self.upgraded, self.peer_closed = True, False
                machine.receive_data(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    b"Connection: Upgrade\r\nSec-WebSocket-Accept: "
                    + accept_key(key.split(b": ")[1])
                    + b"\r\n\r\n",
                    self.now,
                )
            case "dial_failed":
                machine.dial_failed(value, self.now, final=False)
            case "receive":
                self.hear(TEXT, json.dumps(value).encode())
            case "receive_text":
                self.hear(TEXT, value.encode())
            case "closed":
                self.peer_closed = True  # what answers a close is the library's business
                self.hear(CLOSE, value["code"].to_bytes(2, "big") + value["reason"].encode())
            case "lost":
                machine.receive_eof(self.now)
            case "call":
                self.call(filled(value, {}))
            case "cancel":
                machine.abandon(next(a for a, name in self.handles.items() if name == value))
            case "collect":
                self.handles[
                    machine.call("get_pending_results", GetPendingResults(), None, self.now)
                ] = value
            case "end":
                machine.close()
            case _:
                self.advance(self.now + value)
        self.settle()

    def call(self, value: Any) -> None:
        params = OutgoingRequest(
            tool=value["tool"],
            args=value["args"],
            idempotency_key=value.get("idempotency_key", ""),
        )
        timeout_s = value.get("timeout_s")
        try:
            handle = self.machine.call("tool_request", params, timeout_s, self.now)
        except AgentGateError as error:
            refused = {"code": error.code, "message": error.message}
            self.did["settle"].append({"call": value["name"], "error": refused})
        else:
            self.handles[handle] = value["name"]

    def hear(self, opcode: int, payload: bytes) -> None:
        self.machine.receive_data(frame(opcode, payload), self.now)

    def settle(self) -> None:
        """Do what an adapter does after every call."""
        while (event := self.machine.next_event()) is not None:
            match event:
                case Dial():
                    self.buffer, self.upgraded = b"", False
                    self.did["dial"].append(True)
                case Settled(handle=handle, result=result, error=error):
                    row: dict[str, Any] = {"call": self.handles[handle]}
                    if error is None:
                        row["data"] = plain(result)
                    else:
                        row["error"] = {
                            "code": error.code,
                            "message": error.message,
                            "data": error.data,
                        }
                    self.did["settle"].append(row)
                case HangUp():
                    self.flush()
                    self.upgraded = False
                case _:
                    pass
        self.flush()

    def flush(self) -> None:
        self.buffer += self.machine.data_to_send()
        if not self.upgraded:
            return
        frames, self.buffer = parse_frames(self.buffer)
        for opcode, payload in frames:
            if opcode == TEXT:
                self.did["send"].append(json.loads(payload))
            elif opcode == CLOSE and not self.peer_closed:
                self.did["close"].append(int.from_bytes(payload[:2], "big"))
            elif opcode == PING and "ping" in self.watch:
                self.did["ping"].append(True)
            elif opcode == PING:
                self.hear(PONG, payload)

    def advance(self, until: float) -> None:
        while (deadline := self.machine.next_deadline()) is not None and deadline <= until:
            self.now = max(self.now, deadline)
            self.machine.handle_timer(self.now)
            self.settle()
        self.now = until


def plain(result: Any) -> Any:
    """Rows as JSON has them."""
    if isinstance(result, list):
        return [
            {"request_id": a.request_id, "tool": a.tool, "status": a.status, "data": a.data}
            for a in result
        ]
    return result


def replay(vector: Vector) -> None:
    client = VirtualClient(vector)
    bound: dict[str, Any] = {}
    for step in vector.steps:
        kind, is_output = kind_of(step, "client")
        if is_output:
            take(client, kind, step, bound)
        else:
            if kind in SETTLED_BEFORE:
                nothing_left(client)
            client.do(kind, step[kind])
    nothing_left(client)


def take(client: VirtualClient, kind: str, wanted: Step, bound: dict[str, Any]) -> None:
    """Take the next output of the kind; of what is settled, that of the call."""
    did = client.did[kind]
    if not did:
        raise Mismatch(f"the client did not: {brief(wanted)}; it did {brief(client.did)}")
    if kind == "settle":
        named = wanted["settle"]["call"]
        got = next((row for row in did if row["call"] == named), None)
        if got is None:
            raise Mismatch(f"{named} is not settled; {brief(list(did))}")
        did.remove(got)
    else:
        got = did.popleft()
    compare(wanted[kind], got, bound)


def nothing_left(client: VirtualClient) -> None:
    left = {kind: list(did) for kind, did in client.did.items() if did}
    if left:
        raise Mismatch(f"the client did besides: {brief(left)}")


@pytest.mark.parametrize("vector", load("client"), ids=lambda vector: vector.name)
def test_the_client_follows_the_vector(vector: Vector) -> None:
    replay(vector)
