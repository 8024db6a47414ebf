"""People of a real world: at a terminal with our SDK, and in browsers over plain HTTP.

How they think and what they do is the simulator's; here they reach the gateway over real sockets.
What they are told is kept for the end, when it is compared with the file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
from tests.e2e.worlds.proxy import Door
from tests.e2e.worlds.sdk import LIMITS, Hasty
from tests.held_ports import HOST
from tests.sim.people import Answer, Browser, People
from tests.sim.people import Terminal as SimulatedTerminal

from agent_gate import AgentGateError, ClientState
from agentgate_client.approvals import ApprovalsClient
from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.approval import ApprovalView

if TYPE_CHECKING:
    from tests.e2e.worlds.world import RealWorld

LOOK_S = 0.25
CALL_S = 5.0
LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")


class Listing(msgspec.Struct):
    """The body of ``GET /api/approvals``."""

    approvals: list[ApprovalView]


class Refused(msgspec.Struct):
    """The body of a 409."""

    approval: ApprovalView


class Tab(Browser):
    """One decision over HTTP, on a connection of its own."""

    def hear_end(self, reason: str) -> None:
        """See :class:`Browser`."""
        status, body = response(bytes(self.read))
        consent = self.world.oracle.consent
        if status == 200:
            consent.answer_taken(self.answer)
        elif status == 409:
            consent.refused(self.answer, msgspec.json.decode(body, type=Refused).approval)
        if self.link is not None:
            self.link.let_go(self)


class Terminal:
    """Somebody with ``agent-gate watch``."""

    WHO = SimulatedTerminal.WHO

    def __init__(self, world: RealWorld) -> None:
        self.world = world
        self.door = Door(world, -1, self.WHO)
        self.client = ApprovalsClient(
            f"ws://{HOST}:{self.door.port}",
            f"token of {self.WHO}",
            backoff=Hasty(),
            limits=LIMITS,
        )
        self.under_way = 0

    async def run(self) -> None:
        """Watch."""
        async with self.client:
            async for view in self.client.watch():
                self.world.guard(self.world.people.approval_changed, view)

    @property
    def open_now(self) -> bool:
        """Whether she can answer."""
        return self.client.state not in (ClientState.IDLE, ClientState.CLOSED)

    async def decide(self, answer: Answer) -> None:
        """Answer an approval."""
        consent = self.world.oracle.consent
        self.under_way += 1
        try:
            choice = "approve" if answer.yes else "deny"
            await self.client.decide(
                answer.rid, choice, grant=answer.grant, word=answer.word, edit=answer.edit
            )
        except AgentGateError as error:
            if error.code == ErrorCode.ALREADY_SETTLED:
                view = msgspec.json.decode(msgspec.json.encode(error.data), type=ApprovalView)
                consent.refused(answer, view)
        else:
            consent.answer_taken(answer)
        finally:
            self.under_way -= 1

    async def revoke(self, grant_id: str) -> None:
        """End a grant."""
        self.under_way += 1
        try:
            await self.client.revoke_grant(grant_id)
        except AgentGateError:
            self.world.count("revocations lost")
        else:
            self.world.oracle.consent.revoked(grant_id)
        finally:
            self.under_way -= 1


class RealPeople(People):
    """Everybody who answers."""

    def __init__(self, world: RealWorld) -> None:
        self.world: Any = world
        self.rng = world.plan.chance("people")
        self.seen: set[str] = set()
        self.tools: dict[str, str] = {}
        self.edits = world.plan.chance("edits")
        self.terminal: Any = Terminal(world)
        world.tasks.start_soon(self.terminal.run)
        world.tasks.start_soon(self._look)

    def revoke(self, grant_id: str) -> None:
        """Somebody does not want a grant any more."""
        self.world.tasks.start_soon(self.terminal.revoke, grant_id)

    def _give(self, answer: Answer, place: str) -> None:
        world = self.world
        if place == "terminal":
            answer.by = Terminal.WHO
            world.oracle.consent.answers(answer, answer.by)
            world.tasks.start_soon(self.terminal.decide, answer)
        else:
            world.oracle.consent.answers(answer, answer.by)
            Tab(world, answer)

    async def _look(self) -> None:
        """Somebody has the list in a browser, and reloads it."""
        while True:
            await anyio.sleep(LOOK_S)
            with anyio.move_on_after(CALL_S):
                try:
                    body = await get(self.world.lives.port, "/api/approvals", "token of ann")
                except (OSError, anyio.EndOfStream, anyio.BrokenResourceError):
                    continue
                for view in msgspec.json.decode(body, type=Listing).approvals:
                    self.world.guard(self.approval_changed, view)


async def get(port: int, path: str, token: str) -> bytes:
    """One plain HTTP request; return the body of a 200.

    Raises:
        OSError, anyio.EndOfStream, anyio.BrokenResourceError: there is none.
    """
    head = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n"
    answer = b""
    async with await anyio.connect_tcp(HOST, port) as stream:
        await stream.send(f"{head}Authorization: Bearer {token}\r\n\r\n".encode())
        while True:
            try:
                answer += await stream.receive()
            except anyio.EndOfStream:
                break
    status, body = response(answer)
    if status != 200:
        raise anyio.EndOfStream
    return body


def response(data: bytes) -> tuple[int, bytes]:
    """Status and body of a response; 0 if it was cut off."""
    head, _, body = data.partition(b"\r\n\r\n")
    length = LENGTH.search(head)
    if length is None or len(body) != int(length[1]):
        return 0, b""
    return int(head[9:12]), body
