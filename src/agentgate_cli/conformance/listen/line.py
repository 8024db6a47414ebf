"""The messages of the connection that stands: what came of the client, and what it is told.

Acknowledgements are noted and judged, tool requests remembered by their ids. A sign of life that is
asked for by a call is given. Every outcome that is told has a number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from agentgate_cli.conformance import frames
from agentgate_cli.conformance.frames import Wire
from agentgate_cli.conformance.listen.broken import Broken, Faults, shown
from agentgate_cli.conformance.listen.link import Closed, Link, Ponged
from agentgate_cli.conformance.listen.memory import Memory

BOUND_S = 10.0
"""How long a client may take for anything, waiting before an attempt included."""

SILENCE_S = 1.5
"""How long to listen for what must not come: longer than the first pause before an attempt."""

ACK_S = 0.8
"""Within this an outcome must be acknowledged: N2 says 0.5 s, and machines are busy."""

Message = dict[str, Any]

STATUSES = {-32001: "denied", -32002: "expired", -32003: "denied", -32007: "unknown"}
"""What outcomes with these codes have as ``status``; those of others have failed."""


class Line:
    """See the module.

    Attributes:
        faults: of the client, which were told already.
        memory: of tool requests.
        acked: the highest number that was acknowledged on this connection.
        acks: all numbers that were acknowledged on this connection, as they came.
        probes: when the client asked for a sign of life on this connection by a call.
        by_itself: the results of what is answered whatever the case, by method.
        link: the connection that stands, or None.
        number: of the last outcome on this connection.
    """

    def __init__(self) -> None:
        self.faults = Faults()
        self.memory = Memory(self.faults)
        self.acked = 0
        self.acks: list[int] = []
        self.probes: list[float] = []
        self.by_itself: dict[str, Any] = {
            "list_requests": {"requests": []}  # how a browser asks for a sign of life
        }
        self.link: Link | None = None
        self.number = 0
        self._highest_ever = 0
        self._inbox: list[Message] = []

    def begin(self, link: Link) -> None:
        """Another connection stands: numbers begin anew."""
        self.link = link
        self._highest_ever = max(self._highest_ever, self.number)
        self.number = self.acked = 0
        self.acks.clear()
        self.probes.clear()
        self._inbox.clear()

    @property
    def wire(self) -> Wire:
        """The WebSocket, for what no message can say."""
        return self._linked().wire

    @property
    def pongs(self) -> list[bytes]:
        """Payloads of the pongs that came on this connection."""
        return self._linked().pongs

    @property
    def pings(self) -> list[float]:
        """When the client pinged on this connection, in monotonic seconds."""
        return self._linked().pings

    @property
    def heard_at(self) -> float:
        """When the client's last frame was read, in monotonic seconds."""
        return self._linked().heard_at

    @property
    def requests(self) -> dict[int, Any]:
        """Parameters of every tool request of this client, by id."""
        return self.memory.requests

    # What the client is told

    def say(self, message: Any) -> None:
        """Send a message."""
        self.wire.send_json(message)

    def answer(self, request_id: Any, data: Any, *, numbered: bool = True, **members: Any) -> None:
        """Answer a tool request that went well; ``members`` go beside ``data``."""
        result = {"status": "executed", "data": data, **members}
        if numbered:
            result["seq"] = self.next_number()
        self.say({"jsonrpc": "2.0", "result": result, "id": request_id})

    def refuse(self, request_id: Any, code: int, **data: Any) -> None:
        """Answer with an error that is no outcome, so without a number."""
        error: Message = {"code": code, "message": "no"}
        if data:
            error["data"] = data
        self.say({"jsonrpc": "2.0", "error": error, "id": request_id})

    def fail(self, request_id: Any, code: int, **data: Any) -> None:
        """Answer a tool request with an outcome that is an error."""
        status = STATUSES.get(code, "failed")
        self.refuse(request_id, code, **{"status": status, "seq": self.next_number(), **data})

    # What the client says

    def all_acknowledged(self) -> bool:
        """Whether everything with a number was acknowledged."""
        return self.acked >= self.number

    def acknowledged_within(self, within_s: float) -> bool:
        """Listen until everything with a number was acknowledged; False: it was not in time."""
        until = time.monotonic() + within_s
        while not self.all_acknowledged():
            message = self._read(max(until - time.monotonic(), 0.0))
            if message is None:
                return False
            if message and not self._is_taken(message):
                self.put_back(message)
        return True

    def next_number(self, skip: int = 0) -> int:
        """The number of the next outcome; ``skip``: so many that never come."""
        self.number += 1 + skip
        return self.number

    def put_back(self, message: Message) -> None:
        """Let a message be the next one again."""
        self._inbox.append(message)

    def next_message(self, problem: str, *rules: str, within_s: float = BOUND_S) -> Message:
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
                raise Broken(problem, *rules)
            if message and not self._is_taken(message):
                return message

    def request(self, method: str, within_s: float = BOUND_S, *rules: str) -> Message:
        """Return the next message, which must be this request.

        Raises:
            Broken: it is something else, or nothing.
        """
        problem = f"no {method} came within {within_s:g} s"
        message = self.next_message(problem, *rules, within_s=within_s)
        if "id" in message and message.get("method") == "tool_request":
            self.memory.note(message)
        if message.get("method") != method or "id" not in message:
            raise Broken(f"instead of {method} came {shown(message)}", *rules)
        if method not in ("auth", "tool_request"):
            self.memory.note_other(message)
        return message

    def tool(self, name: str, within_s: float = BOUND_S, *rules: str) -> Message:
        """Return the next message, which must ask for this tool."""
        message = self.request("tool_request", within_s, *rules)
        if message["params"].get("tool") != name:
            asked = shown(message["params"])
            if (name, message["params"].get("tool")) == ("report", "next"):
                text = "the client asked for the next task before it has reported on this one: a"
                text += " report that its client was over for is made by the next client"
                raise Broken(text, "testing.md")
            raise Broken(
                f"the client should ask for the tool {name}, and asked for {asked}", *rules
            )
        return message

    def again(self, request_id: int, why: str, *rules: str) -> Message:
        """Return the next message, which must be this tool request, sent again; ``why`` it must."""
        try:
            message = self.request("tool_request")
        except Broken as error:
            text = f"id {request_id} was not sent again although {why}: {error.problem}"
            raise Broken(text, *(error.rules or rules)) from None
        if message["id"] != request_id:
            text = f"id {message['id']} came where {request_id} had to come again: {why}"
            raise Broken(text, *rules)
        return message

    def reply_to(self, request_id: Any, problem: str, *rules: str) -> Message:
        """Return the next message, which must be the client's answer to a request of ours."""
        message = self.next_message(problem, *rules)
        if "method" in message or message.get("id") != request_id:
            raise Broken(f"{problem}: instead came {shown(message)}", *rules)
        return message

    def quiet(self, within_s: float = SILENCE_S, problem: str = "", *rules: str) -> None:
        """See that the client asks for nothing.

        Args:
            within_s: how long to listen.
            problem: what it would have done wrong.
            rules: those that it would have broken.

        Raises:
            Broken: it does, or ends the connection.
        """
        try:
            message = self.next_message("", within_s=within_s)
        except Broken as error:
            if str(error):
                raise
            return
        if message.get("method") == "tool_request" and "id" in message:
            self.memory.note(message)
        raise Broken(
            f"{problem or 'nothing may come here'}: the client sent {shown(message)}", *rules
        )

    def until(self, is_so: Callable[[], bool], problem: str, *rules: str) -> None:
        """Listen until something has come about.

        Raises:
            Broken: it has not.
        """
        end = time.monotonic() + BOUND_S
        while not is_so():
            message = self._read(max(end - time.monotonic(), 0.0))
            if message is None:
                raise Broken(problem, *rules)
            if message and not self._is_taken(message):
                raise Broken(f"{problem}: instead came {shown(message)[:80]}", *rules)

    def ban(self, request_ids: Iterable[int], why: str, *rules: str) -> None:
        """See that these ids do not come again; ``why`` follows "although"."""
        self.memory.ban(request_ids, why, *rules)

    def _read(self, within_s: float) -> Message | None:
        """The next message; {} for a pong, so that who waits looks again; None: nothing in time."""
        match self._linked().read(within_s):
            case None:
                return None
            case Ponged():
                return {}
            case Closed(code=code):
                gone = "is gone" if code == frames.ABNORMAL else f"closed the connection ({code})"
                raise Broken(f"the client {gone}")
            case text:
                return decoded(text)

    def _is_taken(self, message: Message) -> bool:
        """Do what a message asks for, if that says nothing about the client."""
        method = message.get("method")
        if method == "ack":
            self._ack(message)
        elif method in self.by_itself:
            if method == "list_requests":
                self.probes.append(time.monotonic())
            self.say({"jsonrpc": "2.0", "result": self.by_itself[method], "id": message.get("id")})
        else:
            return False
        return True

    def _ack(self, message: Message) -> None:
        seq = (message.get("params") or {}).get("seq")
        if self.faults.are_let_pass:
            return
        if "id" in message or type(seq) is not int:
            text = "an ack is a notification, without an id, and has a number seq in its params"
            self.faults.tell("ack form", f"{text}: {shown(message)}", "N2")
            if type(seq) is not int:
                return
        if seq > self.number:
            if seq <= self._highest_ever:
                text = f"{seq} was acknowledged, which was a number of another connection"
                raise Broken(f"{text}: they begin anew on each", "N1")
            raise Broken(f"the client acknowledged {seq}, which was not sent yet", "N5", "N6")
        if seq < 1:
            raise Broken(f"{seq} was acknowledged, which no outcome has", "N6")
        self.acked = max(self.acked, seq)
        self.acks.append(seq)

    def _linked(self) -> Link:
        assert self.link is not None, "there is a connection"
        return self.link


def decoded(text: str) -> Message:
    """A message of the client.

    Raises:
        Broken: it is none.
    """
    try:
        message = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise Broken(f"what the client sent is no JSON: {error}", "M1") from None
    if isinstance(message, list):
        raise Broken("the client sent a batch; these cases are for single messages", "testing.md")
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise Broken(f'a message without "jsonrpc": "2.0": {shown(message)}', "M1")
    return message
