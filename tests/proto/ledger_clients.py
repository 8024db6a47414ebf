"""Clients of a ledger's world that keep to the protocol: as our SDK does, and as seed 001's did.

They act only when told to: ``connect``, ``request``, ``read`` (take what arrived, and react to it).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from tests.proto.ledger_world import Connection, Frame, RequestId, World

from agentgate_proto.ledger.effects import (
    Answer,
    AnswerPending,
    Attached,
    Refusal,
    TakenOver,
    TurnedAway,
)
from agentgate_proto.records.outcome import Outcome, Status


@dataclass
class Call:
    """One call of a client, and what came of it.

    Attributes:
        rids: what each sending of it would be called, were it new.
        join_s: how far back it may be a repeat.
        settled: the first answer.
    """

    tool: str
    args: dict[str, Any]
    key: str
    join_s: float = 0.0
    rids: list[str] = field(default_factory=list)
    settled: Outcome | Refusal | None = None


class Client:
    """What both kinds have in common."""

    def __init__(self, world: World, principal: str, client_id: str) -> None:
        self.world = world
        self.principal = principal
        self.client_id = client_id
        self.connection: Connection | None = None
        self.calls: dict[RequestId, Call] = {}
        self.collects: list[RequestId] = []
        self.last_id = 0
        self._read = 0

    @property
    def waiting(self) -> dict[RequestId, Call]:
        """The calls that are not settled."""
        return {a: call for a, call in self.calls.items() if call.settled is None}

    @property
    def online(self) -> Connection | None:
        """The connection, if it works and is authenticated."""
        connection = self.connection
        if connection is None or not (connection.open and connection.reachable):
            return None
        return connection if connection.of(Attached) else None

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id

    def connect(self) -> None:
        """Dial and authenticate; a former connection may stand on, half dead."""
        if self.connection is not None:
            self.connection.reachable = False
        self.connection = self.world.connect(self.principal, self.client_id)
        self.collects.clear()
        self._read = 0

    def request(self, tool: str, args: dict[str, Any], key: str = "", join_s: float = 0.0) -> int:
        """Make a call, which needs a connection."""
        request_id = self.next_id()
        self.calls[request_id] = Call(tool, args, key, join_s)
        self.send(request_id)
        return request_id

    def send(self, request_id: RequestId) -> None:
        """Send a call, perhaps not for the first time."""
        call = self.calls[request_id]
        assert self.connection is not None
        more = {"join_s": call.join_s, **call.args}
        rid = self.world.receive(self.connection, request_id, call.tool, call.key, **more)
        call.rids.append(rid)

    def collect(self) -> None:
        """Ask for what was missed."""
        assert self.connection is not None
        call_id = self.next_id()
        self.collects.append(call_id)
        self.world.collect(self.connection, call_id)

    def read(self) -> None:
        """Take what arrived."""
        connection = self.connection
        while connection is not None and self._read < len(connection.frames):
            frame = connection.frames[self._read]
            self._read += 1
            self.take(frame)
            if connection is not self.connection:
                return

    def acknowledge(self, outcomes: int = 1_000_000) -> None:
        """Give receipts for the first outcomes that were read."""
        self.read()
        if self.online is not None:
            self.world.ack(self.online, outcomes)

    def take(self, frame: Frame) -> None:
        """React to one frame."""
        match frame:
            case AnswerPending(call_id=call_id):
                assert call_id is not None
                self.collects.remove(call_id)
                self.reconcile(frame)
            case Answer(request_id=request_id, outcome=outcome):
                self.settle(request_id, outcome)
            case Refusal(request_id=request_id) if request_id in self.collects:
                self.collects.remove(request_id)
                self.collect()
            case Refusal(request_id=request_id) if request_id is not None:
                self.settle(request_id, frame)
            case TakenOver() | TurnedAway():
                self.connection = None

    def settle(self, request_id: RequestId, how: Outcome | Refusal) -> None:
        """Settle a call, unless it is settled."""
        call = self.calls.get(request_id)
        if call is None or call.settled is not None:
            return
        call.settled = how
        if isinstance(how, Outcome) and how.status is Status.EXECUTED and not call.key:
            source = msgspec.json.decode(how.data)["run"]
            rows = [self.world.store.rows[rid] for rid in call.rids if rid in self.world.store.rows]
            known = any(row.outcome != how for row in rows)  # who joined has the run of another one
            assert source in call.rids or not known, "the answer to another call"

    def reconcile(self, reply: AnswerPending) -> None:
        """Act on what the gateway tells; an old client's calls wait for responses only."""


class SdkClient(Client):
    """Names itself; sends again what the gateway does not know."""

    def take(self, frame: Frame) -> None:
        if isinstance(frame, Attached):
            self.last_id = max(self.last_id, frame.highest_id)
            self.collect()
        super().take(frame)

    def reconcile(self, reply: AnswerPending) -> None:
        for row in reply.records:
            assert row.outcome is not None
            self.settle(row.request_id, row.outcome)
        if reply.more:
            self.collect()
            return
        for request_id in self.waiting:
            if request_id not in reply.pending:
                self.send(request_id)


class OldClient(Client):
    """Names no client id; takes the frame after auth for the reply to ``get_pending_results``."""

    def __init__(self, world: World, principal: str) -> None:
        super().__init__(world, principal, "")
        self.awaits_reply = False
        self.is_second = False

    def leave(self) -> None:
        """Leave a connection that does not work any more.

        As long as the gateway takes it to be alive, and has requests of a former process with the
        same ids, it cannot tell which of the two comes back. So that is not what happens here.
        """
        if self.is_second and self.connection is not None and self.connection.open:
            self.world.lose(self.connection)

    def connect(self) -> None:
        self.leave()
        super().connect()
        self.awaits_reply = bool(self.waiting)
        if self.awaits_reply:
            self.collect()

    def take(self, frame: Frame) -> None:
        if self.awaits_reply and not isinstance(frame, Attached):
            assert isinstance(frame, AnswerPending | Refusal), "taken for the reply"
            self.awaits_reply = False
        super().take(frame)

    def start_over(self) -> None:
        """The process dies; another one begins with id 1."""
        self.is_second = True
        self.leave()
        self.connection = None
        self.calls.clear()
        self.collects.clear()
        self.last_id = 0
