"""People who have sessions of their own, where a face lets them: what the gate makes of that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from tests.server.embedded import serving, until

from agentgate_proto.errors import ErrorCode
from agentgate_proto.principal import Principal, Role
from agentgate_proto.rpc.messages import DecideApproval
from agentgate_proto.rpc.session_methods import (
    CreateSession,
    GetSession,
    ListSessions,
    SendMessage,
)
from agentgate_server.faces.face import FaceEvent, Surroundings
from agentgate_server.gateway import Gateway
from agentgate_server.identity.tokens import Identity, hash_token
from agentgate_server.sessions.door import SessionDoor, as_owner
from agentgate_server.sockets.peer import Peer

pytestmark = pytest.mark.anyio

AGENT = Principal(name="agent", role=Role.AGENT)
OWNER = Principal(name="owner", role=Role.APPROVER)
OPS = Principal(name="ops", role=Role.OPERATOR)


class Told:
    """A reply that keeps what it gets."""

    def __init__(self) -> None:
        self.got: Any = None

    def result(self, result: Any) -> None:
        self.got = result

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        self.got = code


class World:
    """A gateway with a face that does nothing by itself: the test uses what it was given."""

    name = "probe"
    routes: ClassVar[Sequence[Any]] = ()

    def __init__(self, around: Surroundings) -> None:
        self.gateway: Gateway
        self.around = around

    def handle(self, peer: Peer, event: FaceEvent) -> None:
        raise AssertionError("it has no paths")

    @property
    def door(self) -> SessionDoor:
        assert self.around.sessions is not None
        return self.around.sessions

    async def call(self, who: Principal, params: msgspec.Struct) -> Any:
        told = Told()
        self.door.call(who, params, told)
        return await until(lambda: told.got, "an answer")

    async def decide(self, who: Principal, approval: str, decision: Any = "approve") -> Any:
        told = Told()
        params = DecideApproval(id=approval, decision=decision)
        self.around.decide(who, params, "probe", told)
        return await until(lambda: told.got, "an answer")

    async def wait_for_a_person(self, who: Principal) -> tuple[str, str]:
        """Let somebody's session ask for a tool; return its id and the approval's."""
        session = (await self.call(who, CreateSession())).id
        text = 'call asked {"text": "x"}'
        await self.call(who, SendMessage(session=session, text=text, message_id="m"))
        await until(lambda: self.gateway.gate.ledger.waiting, "an approval")
        return session, self.gateway.gate.ledger.waiting[0].rid


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    made: list[World] = []

    def make(around: Surroundings) -> World:
        made.append(World(around))
        return made[0]

    async with serving(folder, faces=[make]) as gateway:
        made[0].gateway = gateway
        gateway.gate.authenticator.people_converse = True
        yield made[0]


async def test_an_operator_has_and_sees_there_only_sessions_of_their_own(tmp_path: Path) -> None:
    async with world(tmp_path) as this:
        theirs = (await this.call(AGENT, CreateSession())).id
        own = (await this.call(as_owner(OPS), CreateSession())).id
        listed = (await this.call(as_owner(OPS), ListSessions())).sessions
        assert [view.id for view in listed] == [own]
        code = await this.call(as_owner(OPS), GetSession(session=theirs))
        assert code is ErrorCode.SESSION_NOT_FOUND
        everybodys = (await this.call(OPS, ListSessions())).sessions
        assert {view.id for view in everybodys} == {own, theirs}


@pytest.mark.parametrize("who", [OWNER, OPS])
async def test_a_person_answers_what_their_own_session_asks(tmp_path: Path, who: Principal) -> None:
    async with world(tmp_path) as this:
        session, approval = await this.wait_for_a_person(as_owner(who))
        view = await this.decide(who, approval)
        assert (view.decided_by, view.channel, view.agent) == (who.name, "probe", who.name)
        await until(lambda: not this.door.active, "the end of the run")
        assert (await this.call(as_owner(who), GetSession(session=session))).messages > 1


async def test_an_agent_answers_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as this:
        _, approval = await this.wait_for_a_person(AGENT)
        assert await this.decide(AGENT, approval) is ErrorCode.FORBIDDEN
        assert len(this.gateway.gate.ledger.waiting) == 1


def known_as(gateway: Gateway, *principals: Principal) -> None:
    """Give these tokens, and nobody else."""
    identities = [Identity(each, hash_token(f"{each.name}-token")) for each in principals]
    gateway.gate.authenticator.reconfigure(identities)
    gateway.gate.authenticator.close_revoked()


async def test_what_a_person_asked_waits_until_they_are_no_principal(tmp_path: Path) -> None:
    async with world(tmp_path) as this:
        ledger = this.gateway.gate.ledger
        await this.wait_for_a_person(as_owner(OWNER))
        known_as(this.gateway, AGENT, OWNER)
        assert len(ledger.waiting) == 1
        known_as(this.gateway, AGENT, Principal(name="owner", role=Role.OPERATOR))
        assert len(ledger.waiting) == 1  # it is a person still
        known_as(this.gateway, AGENT)
        await until(lambda: not ledger.waiting, "its withdrawal")


async def test_who_is_a_person_by_now_does_not_answer_what_they_asked_as_an_agent(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as this:
        await this.wait_for_a_person(AGENT)
        known_as(this.gateway, Principal(name="agent", role=Role.APPROVER))
        await until(lambda: not this.gateway.gate.ledger.waiting, "its withdrawal")


async def test_where_people_do_not_converse_nothing_of_theirs_waits(tmp_path: Path) -> None:
    async with world(tmp_path) as this:
        await this.wait_for_a_person(as_owner(OWNER))
        this.gateway.gate.authenticator.people_converse = False
        known_as(this.gateway, AGENT, OWNER)
        await until(lambda: not this.gateway.gate.ledger.waiting, "its withdrawal")
