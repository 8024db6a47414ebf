"""A scripted gateway: one connection at a time, in the hands of the cases.

It does by itself what says nothing about the client (``line``), and sees that whoever connects is
who it must be, at the right time.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Collection
from typing import Any

from agentgate_cli.conformance import frames
from agentgate_cli.conformance.frames import HandshakeError, Wire
from agentgate_cli.conformance.listen.broken import Broken, shown
from agentgate_cli.conformance.listen.levels import LEVELS
from agentgate_cli.conformance.listen.line import BOUND_S, SILENCE_S, Line, Message, decoded
from agentgate_cli.conformance.listen.link import Closed, Link
from agentgate_cli.conformance.listen.memory import Memory
from agentgate_cli.conformance.listen.pauses import Pauses

__all__ = [  # with what else the cases need
    "BOUND_S",
    "EXPECTED",
    "HIGHEST_ID",
    "SILENCE_S",
    "Broken",
    "Message",
    "Stage",
    "shown",
]

EXPECTED = "conformance-token"
"""The token that a client must give. It guards nothing."""

HIGHEST_ID = 1_000

CLOSING_S = 5.0
"""How long a client may take for its close frame (X3)."""


class Stage(Line):
    """See the module.

    Args:
        listener: where clients connect.
        levels: what is played; without "reconnect" each connection is a new client's.

    Attributes:
        epoch: of the gateway's memory.
        client_id: what the client calls itself, once it has.
        pauses: how long it waited before its attempts.
        pause_s: before the connection that stands, since the end of the one before it.
        connections: how many came.
        is_reconciled: the connection that stands was used; so its end is a first failure (B4).
        is_over: the instance of the client is at its end: the next connection is another one's.
    """

    def __init__(self, listener: socket.socket, levels: Collection[str] = tuple(LEVELS)) -> None:
        super().__init__()
        self.listener = listener
        self.levels = frozenset(levels)
        self.epoch = "e1"
        self.client_id = ""
        self.pauses = Pauses()
        self.pause_s = 0.0
        self.connections = 0
        self.is_over = False
        self.is_reconciled = False
        self._ended_at = time.monotonic()
        self._used: dict[str, int] = {}

    @property
    def reconnects(self) -> bool:
        """Whether the client is of a level that comes back by itself."""
        return "reconnect" in self.levels

    def accept(
        self,
        within_s: float = BOUND_S,
        *,
        highest: int | None = None,
        without: Collection[str] = (),
        **changes: Any,
    ) -> None:
        """Take a connection and its ``auth``; answer it.

        Args:
            within_s: how long to wait for it.
            highest: another ``highest_id`` than the one of the requests that came.
            without: members of the answer to leave out.
            changes: other values of members, such as ``retention_s=0.0``.

        Raises:
            Broken: none came, or it began with anything else.
        """
        self.accept_silently(within_s)
        self.authenticated(self.auth(), highest=highest, without=without, **changes)

    def accept_silently(self, within_s: float = BOUND_S) -> None:
        """Take a connection, and say nothing yet.

        Raises:
            Broken: none came.
        """
        self.drop()
        wire = self._taken(within_s, b"")
        assert wire is not None, "it was not refused"
        path = wire.head.split("\r\n")[0]
        if EXPECTED in path:
            self.faults.tell("url", "the token is in the URL", "Z1")
        if self.is_reconciled and self.reconnects and not self.is_over:
            self.pauses.note_first(self.pause_s)
        self.is_reconciled = False
        self.begin(Link(wire, self.faults))
        self.connections += 1

    def refuse_upgrade(self, head: bytes, within_s: float = BOUND_S) -> None:
        """Take a connection, and answer its upgrade with this HTTP head.

        Raises:
            Broken: none came.
        """
        self.drop()
        self._taken(within_s, head)
        self._ended_at = time.monotonic()

    def auth(self) -> Any:
        """Take ``auth``, the first message; return its id.

        Raises:
            Broken: it is something else, or has not what it must.
        """
        auth = self.next_message(f"nothing was sent within {BOUND_S:g} s: auth comes first", "A1")
        params = auth.get("params")
        if auth.get("method") != "auth" or not isinstance(params, dict):
            raise Broken(f"the first message is not auth: {shown(auth)}", "A1")
        if params.get("token") != EXPECTED:
            self.refuse(auth.get("id"), -32005)
            raise Broken(f"the token is not {EXPECTED!r}", "A1")
        client_id = params.get("client_id")
        if not isinstance(client_id, str) or not client_id:
            problem = "auth has no client_id: this is an old client, which is not tested here"
            raise Broken(problem, "A1", "A2")
        self._named(client_id)
        return auth.get("id")

    def authenticated(
        self,
        auth_id: Any,
        *,
        highest: int | None = None,
        without: Collection[str] = (),
        **changes: Any,
    ) -> None:
        """Answer ``auth``; the arguments are those of ``accept``."""
        members: dict[str, Any] = {
            "status": "authenticated",
            "principal": "agent",
            "role": "agent",
            "highest_id": self._highest() if highest is None else highest,
            "epoch": self.epoch,
            "retention_s": 3600.0,
            "an unknown member": [1, {"a": None}],
        }
        result = {name: value for name, value in members.items() if name not in without} | changes
        self.memory.begin_above(result.get("highest_id", 0))
        self.say({"jsonrpc": "2.0", "result": result, "id": auth_id})

    def stays_away(self, after: str, *rules: str, within_s: float = SILENCE_S) -> None:
        """See that no connection comes; ``after`` what, for the message.

        Raises:
            Broken: one came.
        """
        try:
            self.accept_silently(within_s)
        except Broken:
            return
        raise Broken(f"the client came back after {after}", *rules)

    def drop(self) -> None:
        """Break the connection, if there is one."""
        if self.link is not None:
            self.link.wire.drop()
            self._gone()

    def close(self, code: int) -> None:
        """Close the connection in order: the client must answer with a close frame.

        Raises:
            Broken: it did not.
        """
        self.wire.send(frames.CLOSE, code.to_bytes(2, "big"))
        closed = self._closed_within(CLOSING_S)
        self.drop()
        if closed is None or closed.code == frames.ABNORMAL:
            what = f"the close frame ({code}) was not answered with one"
            self.faults.tell("closing", what, "X1")
        elif closed.code != code:
            what = f"the close frame ({code}) was answered with {closed.code}"
            self.faults.tell("closing", what, "X1")

    def close_politely(self, code: int) -> None:
        """Close the connection of a client that may have ended it already."""
        if self.link is not None:
            self.wire.send(frames.CLOSE, code.to_bytes(2, "big"))
            self._closed_within(CLOSING_S)
            self.drop()

    def comes_anew(self, after: str, *rules: str) -> None:
        """See that the connection that stands is that of another client.

        Raises:
            Broken: it is one that came back ``after`` what is final.
        """
        message = self.next_message("the client asked for nothing")
        if message.get("method") == "get_pending_results":
            raise Broken(f"the client came back after {after}, which is final", *rules)
        self.put_back(message)

    def closed_by_client(
        self, problem: str, *rules: str, codes: Collection[int] = (), within_s: float = BOUND_S
    ) -> int:
        """Wait until the client ends the connection; answer its close frame; return the code.

        Args:
            problem: what to say if it does not.
            rules: those that ask for it.
            codes: those that are right; none: any, and a cut without a close frame, too.
            within_s: how long to wait.

        Raises:
            Broken: it did not, or with another code.
        """
        closed = self.close_frame(problem, *rules, within_s=within_s)
        if closed.code != frames.ABNORMAL:
            self.wire.send(frames.CLOSE, closed.code.to_bytes(2, "big"))
        self.drop()
        if codes and closed.code not in codes:
            wanted = " or ".join(map(str, codes))
            raise Broken(f"the client closed with {closed.code} instead of {wanted}", *rules)
        return closed.code

    def close_frame(self, problem: str, *rules: str, within_s: float = BOUND_S) -> Closed:
        """Wait for the client's close frame, or its end without one; do not answer it.

        Raises:
            Broken: neither came.
        """
        closed = self._closed_within(within_s)
        if closed is None:
            raise Broken(problem, *rules)
        return closed

    def silent_after_closing(self, within_s: float) -> None:
        """See that the client says nothing after its close frame.

        Raises:
            Broken: it does.
        """
        got = self._linked().read(within_s)
        if got is not None and got != Closed(frames.ABNORMAL):
            raise Broken("the client went on after its close frame", "X4")

    def ended_within(self, within_s: float, problem: str, *rules: str) -> None:
        """Wait for the end of the socket.

        Raises:
            Broken: it did not come.
        """
        if self._closed_within(within_s) != Closed(frames.ABNORMAL):
            raise Broken(problem, *rules)
        self.drop()

    def _taken(self, within_s: float, refusal: bytes) -> Wire | None:
        until = time.monotonic() + within_s
        while True:
            self.listener.settimeout(max(until - time.monotonic(), 0.001))
            try:
                sock, _ = self.listener.accept()
            except TimeoutError:
                text = f"no connection came within {within_s:g} s"
                if self.reconnects and not self.is_over:
                    raise Broken(text, "B1") from None
                if not self.connections:
                    raise Broken(text) from None
                text += ": its calls did not all end, or the program opened no other client"
                raise Broken(text, "X5", "testing.md") from None
            self.pause_s = time.monotonic() - self._ended_at
            try:
                return frames.accept(sock, refusal)
            except (OSError, HandshakeError):
                sock.close()
                if refusal:
                    return None

    def _named(self, client_id: str) -> None:
        """Take the name of whoever connects: the same instance, or another one."""
        if self.client_id and not self.is_over and self.reconnects:
            if client_id != self.client_id:
                self.client_id, self.memory = client_id, Memory(self.faults)
                text = "the client came back with another client_id than before"
                self.faults.tell("client_id", text, "A2")
            return
        self.is_reconciled = True  # there is nothing to reconcile
        self._used[self.client_id] = self.memory.highest
        self.memory = Memory(self.faults)
        if client_id == self.client_id and "kept-rows" not in self.levels:
            text = "the new client has the client_id of the one before it"
            self.faults.tell("client_id", text, "A2" if self.reconnects else "X7")
        self.is_over = False
        self.client_id = client_id

    def _highest(self) -> int:
        """The highest id that this name has used."""
        return max(HIGHEST_ID, self._used.get(self.client_id, 0), self.memory.highest)

    def _gone(self) -> None:
        self.link = None
        self._ended_at = time.monotonic()

    def _closed_within(self, within_s: float) -> Closed | None:
        """Read until the client's close frame or the end; what comes before it still counts."""
        until = time.monotonic() + within_s
        while True:
            got = self._linked().read(max(until - time.monotonic(), 0.0))
            if isinstance(got, Closed):
                return got
            if got is None:
                return None
            if isinstance(got, str) and (message := decoded(got)).get("method") == "ack":
                self._ack(message)
