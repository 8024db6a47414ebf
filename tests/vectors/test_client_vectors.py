"""Our own client does what the client's vectors say."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import msgspec
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
from agentgate_client.rows import row_of
from agentgate_proto.client.backoff import Backoff
from agentgate_proto.client.events import (
    CallAsked,
    CallStopped,
    ClientState,
    Dial,
    HangUp,
    Pushed,
    Settled,
    StateChanged,
)
from agentgate_proto.client.machine import ClientMachine
from agentgate_proto.client.session_feed import Cursor, SessionFeed
from agentgate_proto.client.session_watch import SessionWatch
from agentgate_proto.connection.client import ClientConnection
from agentgate_proto.errors import AgentGateError, ErrorCode
from agentgate_proto.limits import UNCLAIMED_ROWS_MAX
from agentgate_proto.rpc.agent_methods import LoginAgent
from agentgate_proto.rpc.messages import METHODS, Auth
from agentgate_proto.rpc.session_methods import (
    Attached,
    AttachSession,
    MessageTaken,
    SendMessage,
    SessionEvents,
)
from agentgate_proto.rpc.tool_methods import ProvideTools

NAMED = {"settle": "call", "hears": "name"}
"""Outputs that are taken by a name."""

BEGINS_AT = 100.0
"""A ping at that moment does not count: whether there is one is the client's to say."""


class VirtualClient:
    """The client's machine, before a gateway made by hand.

    Attributes:
        did: outputs that no step has taken yet, by kind.
        bound: what the vector remembers.
    """

    def __init__(self, vector: Vector) -> None:
        auth = Auth(token="secret", client_id="robot-1")
        self.watch = vector.watch
        self.machine = ClientMachine(
            lambda now: ClientConnection("gate.example", "/", auth, now, masks=Random(0)),
            Backoff(attempts_max=vector.client.get("max_retries")),
            instance="p1",
            kept_max=vector.client.get("kept_max", UNCLAIMED_ROWS_MAX),
        )
        self.now = BEGINS_AT
        self.bound: dict[str, Any] = {}
        self.did: dict[str, deque[Any]] = defaultdict(deque)
        self.handles: dict[int, str] = {}
        self.buffer = b""
        self.upgraded = False
        self.peer_closed = False
        self.readers = Readers(self)

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
            case "rejected":
                self.reject(**value)
            case "receive":
                self.hear(TEXT, json.dumps(filled(value, self.bound)).encode())
            case "receive_text":
                self.hear(TEXT, value.encode())
            case "closed":
                self.peer_closed = True  # what answers a close is the library's business
                self.hear(CLOSE, value["code"].to_bytes(2, "big") + value["reason"].encode())
            case "lost":
                machine.receive_eof(self.now)
            case "call" | "ask" | "cancel" | "collect":
                self.user(kind, value)
            case "end":
                machine.close()
            case "provide" | "returns" | "fails" | "login":
                self.provide(kind, value)
            case "watch" | "say" | "leave":
                self.readers.do(kind, value)
            case _:
                self.advance(self.now + value)
        self.settle()

    def user(self, kind: str, value: Any) -> None:
        """Do what a user of the client does with calls."""
        match kind:
            case "call":
                self.call(filled(value, {}))
            case "ask":
                self.ask(**value)
            case "cancel":
                self.machine.abandon(next(a for a, b in self.handles.items() if b == value))
            case _:
                self.ask(value, "get_pending_results", {})

    def call(self, value: Any) -> None:
        params = OutgoingRequest(
            tool=value["tool"],
            args=value["args"],
            idempotency_key=value.get("idempotency_key", ""),
            why=value.get("why", ""),
        )
        timeout_s = value.get("timeout_s")
        try:
            handle = self.machine.call("tool_request", params, timeout_s, self.now)
        except AgentGateError as error:
            refused = {"code": error.code, "message": error.message}
            self.did["settle"].append({"call": value["name"], "error": refused})
        else:
            self.handles[handle] = value["name"]

    def ask(
        self, name: str, method: str, params: dict[str, Any], timeout_s: float | None = None
    ) -> None:
        """Make a call that runs no tool."""
        typed = msgspec.convert(params, METHODS[method].params)
        self.handles[self.machine.call(method, typed, timeout_s, self.now)] = name

    def reject(self, status: int, retry_after: str = "") -> None:
        """Let the upgrade be refused by HTTP."""
        self.machine.dialed(self.now)
        self.settle()
        pause = f"Retry-After: {retry_after}\r\n" if retry_after else ""
        head = f"HTTP/1.1 {status} No\r\n{pause}Content-Length: 0\r\n\r\n"
        self.machine.receive_data(head.encode(), self.now)

    def provide(self, kind: str, value: Any) -> None:
        """Log in, offer tools, or say what became of a call of one."""
        if kind == "login":
            params = LoginAgent(agent=value["agent"], password=value["password"])
            self.handles[self.machine.stand("login_agent", params)] = value["name"]
        elif kind == "provide":
            offer = msgspec.convert({"tools": value["tools"]}, ProvideTools)
            self.handles[self.machine.stand("tools.provide", offer)] = value["name"]
        elif kind == "returns":
            self.machine.returned(value["call"], value["data"])
        else:
            self.machine.failed(value["call"], ErrorCode(value["code"]), value["message"])

    def hear(self, opcode: int, payload: bytes) -> None:
        self.machine.receive_data(frame(opcode, payload), self.now)

    def settle(self) -> None:
        """Do what an adapter does after every call."""
        while (event := self.machine.next_event()) is not None:
            match event:
                case Dial():
                    self.buffer, self.upgraded = b"", False
                    self.did["dial"].append(True)
                case Settled(handle=handle) if handle in self.readers.asked:
                    self.readers.answered(event)
                case Pushed(params=SessionEvents() as events):
                    self.readers.watches[events.session].take(events)
                case StateChanged(state=ClientState.CONNECTED):
                    self.readers.reconnected()
                case StateChanged(state=ClientState.CLOSED, error=error):
                    self.readers.closed(error)
                case Settled(handle=handle, result=result, error=error):
                    row: dict[str, Any] = {"call": self.handles[handle]}
                    if error is None:
                        row |= {"data": plain(result), **said(event)}
                    else:
                        row["error"] = {
                            "code": error.code,
                            "message": error.message,
                            "data": error.data,
                        }
                    self.did["settle"].append(row)
                case CallAsked(call=call):
                    runs = {"call": call.call, "tool": call.tool, "args": call.args}
                    self.did["runs"].append(runs)
                case CallStopped(call=name):
                    self.did["stops"].append(name)
                case HangUp():
                    self.flush()
                    self.upgraded = False
                case _:
                    pass
            self.readers.turn()
        self.flush()

    def left(self) -> dict[str, list[Any]]:
        """What no step has taken."""
        return {kind: list(did) for kind, did in self.did.items() if did}

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
            elif opcode == PING and "ping" in self.watch and self.now > BEGINS_AT:
                self.did["ping"].append(True)
            elif opcode == PING:
                self.hear(PONG, payload)

    def advance(self, until: float) -> None:
        while (deadline := self.machine.next_deadline()) is not None and deadline <= until:
            self.now = max(self.now, deadline)
            self.machine.handle_timer(self.now)
            self.settle()
        self.now = until


class Readers:
    """Those who read sessions: the core's watches, as the SDK drives them.

    Attributes:
        watches: by session.
        asked: calls that they have made, with what to do with the answer.
    """

    def __init__(self, client: VirtualClient) -> None:
        self.watches: dict[str, SessionWatch] = {}
        self.asked: dict[int, Callable[[Settled], None]] = {}
        self._client = client
        self._feeds: dict[str, SessionFeed] = {}

    def do(self, kind: str, value: Any) -> None:
        match kind:
            case "watch":
                self.watch(**value)
            case "say":
                self.say(**value)
            case _:
                self.leave(value)

    def watch(
        self, name: str, session: str, cursor: dict[str, Any] | None = None, run: str = ""
    ) -> None:
        feed = SessionFeed(Cursor(**cursor) if cursor else None, run)
        self._feeds[name] = feed
        self.watches.setdefault(session, SessionWatch(session)).add(feed)
        self.turn()

    def say(self, name: str, session: str, text: str, message_id: str) -> None:
        def taken(settled: Settled) -> None:
            if settled.error is not None:
                self._hears(name, end=settled.error.code)
                return
            reply = msgspec.convert(settled.result, MessageTaken)
            cursor = {"epoch": reply.epoch, "offset": reply.offset}
            self.watch(name, session, cursor, reply.run)

        message = SendMessage(session=session, text=text, message_id=message_id)
        self._call("send_message", message, taken)

    def leave(self, name: str) -> None:
        self._feeds.pop(name).close()
        self.turn()

    def answered(self, settled: Settled) -> None:
        self.asked.pop(settled.handle)(settled)

    def reconnected(self) -> None:
        for watch in self.watches.values():
            watch.reconnected()

    def closed(self, error: AgentGateError | None) -> None:
        for watch in self.watches.values():
            watch.closed(error)

    def turn(self) -> None:
        """Make the calls that are wanted; let everybody read what there is."""
        for watch in self.watches.values():
            call = watch.next_call()
            if isinstance(call, AttachSession):
                self._call("attach_session", call, partial(self._attached, watch))
            elif call is not None:
                self._call("detach_session", call, lambda settled: None)
        for name, feed in list(self._feeds.items()):
            while (event := feed.next_event()) is not None:
                self._hears(name, event=msgspec.to_builtins(event))
            if feed.ended:
                self._hears(name, end=feed.error.code if feed.error is not None else 0)
                del self._feeds[name]

    def _attached(self, watch: SessionWatch, settled: Settled) -> None:
        if self._client.machine.state is ClientState.CLOSED:
            return
        if settled.error is not None:
            watch.refused(settled.error)
        else:
            watch.attached(msgspec.convert(settled.result, Attached))

    def _call(self, method: str, params: msgspec.Struct, done: Callable[[Settled], None]) -> None:
        handle = self._client.machine.call(method, params, None, self._client.now)
        self.asked[handle] = done

    def _hears(self, name: str, **what: Any) -> None:
        self._client.did["hears"].append({"name": name, **what})


def plain(result: Any) -> Any:
    """Rows as their user gets them."""
    return [row_of(row) for row in result] if isinstance(result, list) else result


def said(settled: Settled) -> dict[str, Any]:
    """What people said of a call and made of it, as far as they did."""
    told: dict[str, Any] = {"word": settled.word, "edited": settled.edited}
    return {name: value for name, value in told.items() if value not in ("", None)}


def replay(vector: Vector) -> None:
    client = VirtualClient(vector)
    for step in vector.steps:
        kind, is_output = kind_of(step, "client")
        if is_output:
            take(client, kind, step)
        else:
            if kind in SETTLED_BEFORE:
                nothing_left(client)
            client.do(kind, step[kind])
    nothing_left(client)


def take(client: VirtualClient, kind: str, wanted: Step) -> None:
    """Take the next output of the kind; of what is settled, that of the call."""
    did = client.did[kind]
    if not did:
        raise Mismatch(f"the client did not: {brief(wanted)}; it did {brief(client.left())}")
    if kind in NAMED:
        named = wanted[kind][NAMED[kind]]
        got = next((row for row in did if row[NAMED[kind]] == named), None)
        if got is None:
            raise Mismatch(f"{named} is not told; {brief(list(did))}")
        did.remove(got)
    else:
        got = did.popleft()
    compare(wanted[kind], got, client.bound)


def nothing_left(client: VirtualClient) -> None:
    left = client.left()
    if left:
        raise Mismatch(f"the client did besides: {brief(left)}")


@pytest.mark.parametrize("vector", load("client"), ids=lambda vector: vector.name)
def test_the_client_follows_the_vector(vector: Vector) -> None:
    replay(vector)
