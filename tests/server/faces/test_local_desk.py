"""The desk of this gateway's own agents: what a login lets a console do, and what ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import msgspec
import pytest
from tests.server.faces.memory_door import MemoryDoor

from agentgate_proto.client.session_feed import Cursor, Event
from agentgate_proto.errors import AgentGateError, ErrorCode
from agentgate_proto.principal import Principal, Role
from agentgate_proto.rpc.agent_methods import AgentLogin, LoginAgent
from agentgate_proto.rpc.session_methods import (
    Attached,
    AttachSession,
    CreateSession,
    DeleteSession,
    SendMessage,
)
from agentgate_server.faces.local_desk import LocalDesk, LocalDesks, agent_principal
from agentgate_server.sessions.door import Watcher
from agentgate_server.sockets.replies import Reply

pytestmark = pytest.mark.anyio

ANNA = Principal(name="anna", role=Role.CONSOLE)
START = Cursor("e", 0)


class Kept:
    """Keeps what was answered."""

    def __init__(self) -> None:
        self.results: list[Any] = []
        self.errors: list[int] = []

    def __call__(self, result: Any, error: AgentGateError | None) -> None:
        if error is None:
            self.results.append(result)
        else:
            self.errors.append(error.code)

    def result(self, result: Any) -> None:
        self(result, None)

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        self(None, AgentGateError(code, message, data))


class Eyes:
    """Reads a log."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.ends: list[int | None] = []

    def take(self, events: Any) -> None:
        self.events += events

    def ended(self, error: AgentGateError | None) -> None:
        self.ends.append(None if error is None else error.code)

    @property
    def texts(self) -> list[str]:
        return [event.data["text"] for event in self.events if event.kind == "message"]


class Door(MemoryDoor):
    """Sessions in memory.

    Attributes:
        by: who called.
        gap: what is answered to whoever attaches, if not as usual.
    """

    def __init__(self, spawn: Callable[..., None]) -> None:
        super().__init__(spawn, lambda said: iter(()))
        self.by: list[str] = []
        self.answer: Attached | None = None

    def call(
        self, principal: Principal, params: msgspec.Struct, reply: Reply, by: str = ""
    ) -> None:
        self.by.append(by)
        super().call(principal, params, reply)

    def attach(
        self, principal: Principal, params: AttachSession, watcher: Watcher, reply: Reply
    ) -> Any:
        if self.answer is None:
            return super().attach(principal, params, watcher, reply)
        reply.result(self.answer)
        later = AttachSession(session=params.session, epoch="f", offset=self.answer.offset)
        return super().attach(principal, later, watcher, Kept())


class Doorkeeper:
    """Knows one password."""

    def __init__(self) -> None:
        self.ended: list[Callable[[frozenset[str]], None]] = []
        self.tried: list[tuple[str, str, str]] = []

    def login(self, by: Principal, address: str, params: LoginAgent, reply: Reply) -> None:
        self.tried.append((by.name, address, params.password))
        if params.password == "s":
            login = AgentLogin(
                agent=params.agent, name="Ada", session="s1", epoch="e", oldest=0, next=0
            )
            reply.result(login)
        else:
            reply.error(ErrorCode.LOGIN_FAILED, "", None)


class House:
    """A desk with all that is behind it."""

    def __init__(self, tasks: anyio.abc.TaskGroup) -> None:
        self.keeper = Doorkeeper()
        self.door = Door(tasks.start_soon)
        self.door.call(agent_principal("a1"), CreateSession(), Kept())
        self.desks = LocalDesks(self.keeper, self.door)
        self.desk = LocalDesk(self.desks, ANNA, "10.0.0.7")
        self.kept = Kept()

    def log_in(self, password: str | None = "s") -> None:
        self.desk.log_in("a1", password, self.kept)

    def say(self, text: str) -> None:
        params = SendMessage(session="s1", text=text, message_id=text, queue=True)
        self.desk.say(params, self.kept)


@pytest.fixture
async def house() -> Any:
    async with anyio.create_task_group() as tasks:
        yield House(tasks)
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("password", [None, "", "x"])
async def test_without_the_password_there_is_nothing_to_say_or_to_read(
    house: House, password: str | None
) -> None:
    house.log_in(password)
    assert house.keeper.tried == [("anna", "10.0.0.7", password or "")]
    eyes = Eyes()
    house.say("Hi")
    house.desk.read("s1", START, eyes)()
    assert house.kept.errors == [ErrorCode.LOGIN_FAILED] * 2
    assert eyes.ends == [ErrorCode.LOGIN_FAILED]


async def test_a_login_lets_a_console_speak_in_its_own_name_and_read(house: House) -> None:
    house.log_in()
    eyes, late = Eyes(), Eyes()
    stop = house.desk.read("s1", START, eyes)
    house.say("Hi")
    assert house.door.by[-1] == "anna"
    stop()
    stop()
    with anyio.fail_after(5):
        while house.door.sessions["s1"].run:
            await anyio.lowlevel.checkpoint()
    house.say("Ho")
    assert eyes.texts == ["Hi"]
    last = eyes.events[-1]
    house.desk.read("s1", Cursor("e", last.offset + last.count), late)
    assert late.texts == ["Ho"]


async def test_a_logout_ends_that(house: House) -> None:
    house.log_in()
    house.desk.log_out("a9")
    assert house.desks.in_use
    house.desk.log_out("a1")
    assert not house.desks.in_use
    house.say("Hi")
    assert house.kept.errors == [ErrorCode.LOGIN_FAILED]


async def test_so_does_another_password_for_what_is_being_read_too(house: House) -> None:
    house.log_in()
    eyes, others = Eyes(), Eyes()
    house.desk.read("s1", START, eyes)
    for tell in house.keeper.ended:
        tell(frozenset({"a9"}))
    assert not eyes.ends
    for tell in house.keeper.ended:
        tell(frozenset({"a1"}))
    assert eyes.ends == [ErrorCode.LOGIN_FAILED]
    house.desk.read("s1", START, others)
    assert others.ends == [ErrorCode.LOGIN_FAILED]


async def test_a_session_that_is_deleted_or_can_not_be_read_ends_the_reading(
    house: House,
) -> None:
    house.log_in()
    eyes, late = Eyes(), Eyes()
    house.desk.read("s1", START, eyes)
    house.door.call(agent_principal("a1"), DeleteSession(session="s1"), Kept())
    assert eyes.ends == [ErrorCode.LOGIN_FAILED]
    house.desk.read("s1", START, late)
    assert late.ends == [ErrorCode.SESSION_NOT_FOUND]


async def test_what_is_not_kept_any_more_is_told_as_a_gap(house: House) -> None:
    house.log_in()
    house.say("Hi")
    house.door.answer = Attached(epoch="e", offset=1, next=2, gap="retention", oldest=1)
    eyes = Eyes()
    house.desk.read("s1", START, eyes)
    assert (eyes.events[0].kind, eyes.events[0].data["reason"]) == ("gap", "retention")
    assert eyes.texts == []


async def test_a_reader_may_stop_with_what_it_is_told_first(house: House) -> None:
    house.log_in()
    house.say("Hi")
    house.door.answer = Attached(epoch="e", offset=0, next=2, gap="retention", oldest=0)

    class Once(Eyes):
        def take(self, events: Any) -> None:
            super().take(events)
            for tell in house.keeper.ended:  # as good as stopping: it is ended meanwhile
                tell(frozenset({"a1"}))

    eyes = Once()
    house.desk.read("s1", START, eyes)
    assert len(eyes.events) == 1
    assert not house.door.sessions["s1"].places
