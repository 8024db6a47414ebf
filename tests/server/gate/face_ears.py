"""Callers of a face's desk, at a real gate: what each of them heard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.server.embedded import http, serving, until

from agentgate_proto.errors import ErrorCode
from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.outcome import Outcome
from agentgate_proto.records.request import Record
from agentgate_proto.records.storage import FindRid
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_proto.rpc.results import CancelStatus
from agentgate_server.faces.call_desk import CallDesk, FaceCall, Told
from agentgate_server.faces.face import Surroundings
from agentgate_server.gateway import Gateway

BOT = Principal(name="agent", role=Role.AGENT)
OTHER = Principal(name="other", role=Role.AGENT)
OTHERS = [{"name": "other", "role": "agent", "token": "other-token-0123456789"}]
OWNER = "owner-token-0123456789"


class Ear:
    """Hears of one call.

    Attributes:
        heard: the names of what it heard, in order.
        call: what the verb returned, once it has.
    """

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.call: FaceCall
        self.approval: Record | None = None
        self.outcome: Outcome | None = None
        self.about: Told | None = None
        self.refusal: tuple[ErrorCode, str, float | None] | None = None
        self.statuses: list[CancelStatus] = []

    def _hear(self, name: str) -> None:
        assert self.call is not None, "nothing is heard before the verb has returned"
        self.heard.append(name)

    def taken(self) -> None:
        self._hear("taken")
        assert self.call.number

    def waiting(self, record: Record) -> None:
        self._hear("waiting")
        self.approval = record

    def settled(self, outcome: Outcome, told: Told) -> None:
        self._hear("settled")
        self.outcome, self.about = outcome, told

    def refused(self, code: ErrorCode, message: str, retry_after_s: float | None) -> None:
        self._hear("refused")
        self.refusal = code, message, retry_after_s

    def withdrawn(self, status: CancelStatus) -> None:
        self._hear("withdrawn")
        self.statuses.append(status)

    async def hears(self, name: str) -> None:
        await until(lambda: name in self.heard, f"{name}, but {self.heard}")


def asks(desk: CallDesk, tool: str, who: Principal = BOT, **args: Any) -> Ear:
    """Ask for a tool."""
    more = {name: args.pop(name) for name in ("join_s", "idempotency_key") if name in args}
    ear, asker = Ear(), args.pop("asker", None)
    ear.call = desk.ask(who, ToolRequest(tool=tool, args=args, **more), ear, asker)
    assert not ear.heard, "nothing is heard before the verb has returned"
    return ear


def finds(desk: CallDesk, number: int, digest: str, who: Principal = BOT) -> Ear:
    """Find a call that was made before."""
    ear = Ear()
    ear.call = desk.find(who, number, digest, ear)
    assert not ear.heard
    return ear


def finds_rid(desk: CallDesk, rid: str, who: Principal = BOT) -> Ear:
    """Find a request by its rid."""
    ear = Ear()
    ear.call = desk.find_rid(who, rid, ear)
    return ear


@asynccontextmanager
async def gate(folder: Path, **more: Any) -> AsyncIterator[tuple[Gateway, CallDesk]]:
    """A gateway, and its desk as a face gets it."""
    given: list[Surroundings] = []

    class Quiet:
        name = "quiet"
        routes = ()

        def handle(self, peer: object, event: object) -> None:
            raise AssertionError("nobody comes here")

    def make(around: Surroundings) -> Any:
        given.append(around)
        return Quiet()

    async with serving(folder, faces=[make], principals=OTHERS, **more) as gateway:
        desk = given[0].calls
        assert desk is not None
        yield gateway, desk


async def says(gateway: Gateway, rid: str, answer: str) -> None:
    """A person answers an approval."""
    status, _, _ = await http(
        gateway, "POST", f"/api/approvals/{rid}", token=OWNER, body={"decision": answer}
    )
    assert status == 200


async def approved(gateway: Gateway, ear: Ear) -> None:
    """A person says yes to what somebody waits for."""
    await ear.hears("waiting")
    assert ear.approval is not None
    await says(gateway, ear.approval.rid, "approve")
    await ear.hears("settled")


async def stored(gateway: Gateway, ear: Ear) -> Record:
    """What the store has of a settled call."""
    assert ear.about is not None
    found: list[Any] = []
    await gateway.gate.writer.flush()
    gateway.gate.writer.ask(FindRid(ear.about.rid), lambda answer, problem: found.append(answer))
    await until(lambda: bool(found), "the store answers")
    assert isinstance(found[0], Record)
    return found[0]
