"""A scripted gateway: one connection at a time, in the hands of the cases.

It does by itself what says nothing about the client: it answers pings, notes acknowledgements, and
remembers every tool request by its id, to see that none comes again that must not.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from agentgate_cli.conformance import frames
from agentgate_cli.conformance.frames import HandshakeError, Wire

EXPECTED = "conformance-token"
"""The token that a client must give. It guards nothing."""

HIGHEST_ID = 1_000

BOUND_S = 10.0
"""How long a client may take for anything, waiting before an attempt included."""

SILENCE_S = 3.0
"""How long to listen for what must not come."""

Message = dict[str, Any]


class Broken(Exception):
    """The client broke a rule, or did not do what it must.

    Args:
        problem: what was missing, in a sentence.
        rules: those of ``spec/`` that say so.
    """

    def __init__(self, problem: str, *rules: str) -> None:
        super().__init__(f"{problem} ({', '.join(rules)})" if problem and rules else problem)
        self.rules = rules


class Stage:
    """See the module.

    Args:
        listener: where clients connect.

    Attributes:
        epoch: of the gateway's memory.
        client_id: what the client calls itself, once it has.
        requests: parameters of every tool request, by id, under this epoch.
        acked: the highest number that was acknowledged on this connection.
        pongs: payloads of pongs that came on this connection.
        by_itself: the results of what is answered whatever the case, by method.
    """

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.epoch = "e1"
        self.client_id = ""
        self.requests: dict[int, Any] = {}
        self.acked = 0
        self.pongs: list[bytes] = []
        self.by_itself: dict[str, Any] = {
            "list_requests": {"requests": []}  # how a browser asks for a sign of life
        }
        self.wire: Wire | None = None
        self._number = 0
        self._inbox: list[Message] = []

    # Connections

    def accept(self, within_s: float = BOUND_S, *, highest: int | None = None) -> None:
        """Take a connection and its ``auth``; answer it.

        Raises:
            Broken: none came, or it began with anything else.
        """
        self.accept_silently(within_s)
        auth = self.next_message(f"nothing was sent within {BOUND_S:g} s: auth comes first")
        params = auth.get("params")
        if auth.get("method") != "auth" or not isinstance(params, dict):
            raise Broken(f"the first message is not auth: {shown(auth)}")
        if params.get("token") != EXPECTED:
            raise Broken(f"the token is not {EXPECTED!r}")
        client_id = params.get("client_id")
        if not isinstance(client_id, str) or not client_id:
            raise Broken("auth has no client_id: this is an old client, which is not tested here")
        if self.client_id and client_id != self.client_id:
            raise Broken("client_id is another one than before")
        self.client_id = client_id
        known = max([HIGHEST_ID, *self.requests]) if highest is None else highest
        result = {
            "status": "authenticated",
            "principal": "agent",
            "role": "agent",
            "highest_id": known,
            "epoch": self.epoch,
            "retention_s": 3600.0,
            "an unknown member": [1, {"a": None}],
        }
        self.say({"jsonrpc": "2.0", "result": result, "id": auth.get("id")})

    def accept_silently(self, within_s: float = BOUND_S) -> None:
        """Take a connection, and say nothing yet.

        Raises:
            Broken: none came.
        """
        self.drop()
        until = time.monotonic() + within_s
        while self.wire is None:
            self.listener.settimeout(max(until - time.monotonic(), 0.001))
            try:
                sock, _ = self.listener.accept()
            except TimeoutError:
                raise Broken(f"no connection came within {within_s:g} s") from None
            with suppress(OSError, HandshakeError):
                self.wire = frames.accept(sock)
        self._number = self.acked = 0
        self._inbox.clear()
        self.pongs.clear()

    def stays_away(self) -> None:
        """See that no connection comes.

        Raises:
            Broken: one came.
        """
        try:
            self.accept_silently(SILENCE_S)
        except Broken:
            return
        raise Broken("the client came back")

    def drop(self) -> None:
        """Break the connection."""
        if self.wire is not None:
            self.wire.drop()
            self.wire = None

    def close(self, code: int) -> None:
        """Close the connection in order."""
        assert self.wire is not None, "there is a connection"
        self.wire.send(frames.CLOSE, code.to_bytes(2, "big"))
        frame = self.wire.receive(BOUND_S)
        while frame is not None and frame.opcode != frames.CLOSE:
            frame = self.wire.receive(BOUND_S)
        self.drop()

    # Messages

    def say(self, message: Any) -> None:
        """Send a message."""
        assert self.wire is not None, "there is a connection"
        self.wire.send_json(message)

    def answer(self, request_id: Any, data: Any, *, numbered: bool = False) -> None:
        """Answer a tool request that went well."""
        result = {"status": "executed", "data": data}
        if numbered:
            result["seq"] = self.next_number()
        self.say({"jsonrpc": "2.0", "result": result, "id": request_id})

    def refuse(self, request_id: Any, code: int) -> None:
        """Answer with an error."""
        self.say({"jsonrpc": "2.0", "error": {"code": code, "message": "no"}, "id": request_id})

    def all_acknowledged(self) -> bool:
        """Whether everything with a number was acknowledged."""
        return self.acked >= self._number

    def next_number(self) -> int:
        """The number of the next outcome."""
        self._number += 1
        return self._number

    def put_back(self, message: Message) -> None:
        """Let a message be the next one again."""
        self._inbox.append(message)

    def next_message(self, problem: str, within_s: float = BOUND_S) -> Message:
        """Return the next message of the client that is not about delivery.

        Raises:
            Broken: none came, or it was no message.
        """
        if self._inbox:
            return self._inbox.pop()
        until = time.monotonic() + within_s
        while True:
            message = self._read(max(until - time.monotonic(), 0.0))
            if message is None:
                raise Broken(problem)
            if not self._is_taken(message):
                return message

    def request(self, method: str, within_s: float = BOUND_S) -> Message:
        """Return the next message, which must be this request.

        Raises:
            Broken: it is something else, or nothing.
        """
        message = self.next_message(f"no {method} came within {within_s:g} s", within_s)
        if message.get("method") != method or "id" not in message:
            raise Broken(f"instead of {method} came {shown(message)}")
        if method == "tool_request":
            self._note(message)
        return message

    def tool(self, name: str) -> Message:
        """Return the next message, which must ask for this tool."""
        message = self.request("tool_request")
        if message["params"].get("tool") != name:
            raise Broken(f"instead of {name} the client asked for {shown(message['params'])}")
        return message

    def quiet(self, within_s: float = SILENCE_S) -> None:
        """See that the client asks for nothing.

        Raises:
            Broken: it does.
        """
        try:
            message = self.next_message("", within_s)
        except Broken as error:
            if str(error):
                raise
            return
        raise Broken(f"the client sent {shown(message)}, which it must not")

    def until(self, is_so: Callable[[], bool], problem: str) -> None:
        """Listen until something has come about.

        Raises:
            Broken: it has not.
        """
        end = time.monotonic() + BOUND_S
        while not is_so():
            message = self._read(max(end - time.monotonic(), 0.0))
            if message is None:
                raise Broken(problem)
            if not self._is_taken(message):
                raise Broken(f"the client sent {shown(message)}, which nobody asked for")

    def _read(self, within_s: float) -> Message | None:
        assert self.wire is not None, "there is a connection"
        while True:
            frame = self.wire.receive(within_s)
            if frame is None:
                return None
            match frame.opcode:
                case frames.PING:
                    self.wire.send(frames.PONG, frame.payload)
                case frames.PONG:
                    self.pongs.append(frame.payload)
                    return {"method": "ack", "params": {"seq": 0}}  # so that ``until`` looks again
                case frames.CLOSE:
                    raise Broken(f"the client closed the connection ({frame.close_code})")
                case frames.TEXT:
                    return self._decoded(frame.payload)
                case _:
                    raise Broken(f"a frame with opcode {frame.opcode}, which is not spoken here")

    def _decoded(self, payload: bytes) -> Message:
        try:
            message = msgspec.json.decode(payload)
        except msgspec.DecodeError as error:
            raise Broken(f"what the client sent is no JSON: {error}") from None
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            raise Broken(f'a message without "jsonrpc": "2.0": {shown(message)}')
        return message

    def _is_taken(self, message: Message) -> bool:
        """Do what a message asks for, if that says nothing about the client."""
        method = message.get("method")
        if method == "ack":
            self._ack(message)
        elif method in self.by_itself:
            self.say({"jsonrpc": "2.0", "result": self.by_itself[method], "id": message.get("id")})
        else:
            return False
        return True

    def _ack(self, message: Message) -> None:
        seq = (message.get("params") or {}).get("seq")
        if "id" in message or type(seq) is not int:
            raise Broken(f"no such ack: {shown(message)}")
        if seq > self._number:
            raise Broken(f"the client acknowledged {seq}, which was not sent yet")
        self.acked = max(self.acked, seq)

    def _note(self, message: Message) -> None:
        """See that an id is new and above all before it, or that it is the same request again."""
        request_id, params = message["id"], message.get("params")
        if type(request_id) is not int:
            raise Broken(f"the id {request_id!r} is no integer")
        if request_id in self.requests:
            if self.requests[request_id] != params:
                raise Broken(f"id {request_id} came back with other content")
            return
        if request_id <= max([HIGHEST_ID, *self.requests]):
            raise Broken(f"id {request_id} is not above highest_id and all ids before it")
        self.requests[request_id] = params


def shown(message: Any) -> str:
    """A message in one line that is not too long."""
    return msgspec.json.encode(message).decode()[:200]
